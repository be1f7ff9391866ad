//! Our own table of units: what a plant weighs, measures, counts and burns.
//!
//! Factors are exact definitions (an international pound is 0.45359237 kg), not the rounded ones that lists of codes
//! print. In the order of codes, because it is searched by halving.

use crate::decimal::{DecimalError, Rational};

/// What a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Base unit: kilogram.
    Mass,
    /// Base unit: metre.
    Length,
    /// Base unit: square metre.
    Area,
    /// Base unit: cubic metre.
    Volume,
    /// Base unit: second.
    Time,
    /// Base unit: one.
    Count,
    /// Base unit: joule.
    Energy,
    /// Base unit: watt.
    Power,
    /// Base unit: pascal.
    Pressure,
}

impl Dimension {
    /// The word in faults and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mass => "mass",
            Self::Length => "length",
            Self::Area => "area",
            Self::Volume => "volume",
            Self::Time => "time",
            Self::Count => "count",
            Self::Energy => "energy",
            Self::Power => "power",
            Self::Pressure => "pressure",
        }
    }
}

/// One unit.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// UN/CEFACT Recommendation 20 code: `KGM`.
    pub code: &'static str,
    /// Name: `kilogram`.
    pub name: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    /// One of this unit is `numerator / denominator` of the dimension's base unit.
    pub numerator: i128,
    /// See `numerator`.
    pub denominator: i128,
}

impl Unit {
    /// How many of the dimension's base unit one of this unit is.
    pub fn factor(&self) -> Result<Rational, DecimalError> {
        Rational::new(self.numerator, self.denominator)
    }
}

const fn unit(
    code: &'static str,
    name: &'static str,
    dimension: Dimension,
    numerator: i128,
    denominator: i128,
) -> Unit {
    Unit { code, name, dimension, numerator, denominator }
}

use Dimension::{Area, Count, Energy, Length, Mass, Power, Pressure, Time, Volume};

/// Every unit, in the order of codes.
pub static UNITS: &[Unit] = &[
    unit("2U", "megagram", Mass, 1000, 1),
    unit("3B", "megajoule", Energy, 1_000_000, 1),
    unit("4G", "microlitre", Volume, 1, 1_000_000_000),
    unit("4H", "micrometre", Length, 1, 1_000_000),
    unit("77", "milli-inch", Length, 127, 5_000_000),
    unit("A45", "decametre", Length, 10, 1),
    unit("A97", "hectopascal", Pressure, 100, 1),
    unit("APZ", "troy ounce", Mass, 19_439_673, 625_000_000),
    unit("ARE", "are", Area, 100, 1),
    unit("B98", "microsecond", Time, 1, 1_000_000),
    unit("BAR", "bar", Pressure, 100_000, 1),
    unit("BLL", "barrel (US)", Volume, 9_936_705_933, 62_500_000_000),
    unit("C26", "millisecond", Time, 1, 1000),
    unit("C45", "nanometre", Length, 1, 1_000_000_000),
    unit("C62", "one", Count, 1, 1),
    unit("CEN", "hundred", Count, 100, 1),
    unit("CGM", "centigram", Mass, 1, 100_000),
    unit("CLT", "centilitre", Volume, 1, 100_000),
    unit("CMK", "square centimetre", Area, 1, 10_000),
    unit("CMQ", "cubic centimetre", Volume, 1, 1_000_000),
    unit("CMT", "centimetre", Length, 1, 100),
    unit("CWA", "hundredweight (US)", Mass, 45_359_237, 1_000_000),
    unit("CWI", "hundredweight (UK)", Mass, 317_514_659, 6_250_000),
    unit("DAY", "day", Time, 86_400, 1),
    unit("DG", "decigram", Mass, 1, 10_000),
    unit("DJ", "decagram", Mass, 1, 100),
    unit("DLT", "decilitre", Volume, 1, 10_000),
    unit("DMK", "square decimetre", Area, 1, 100),
    unit("DMQ", "cubic decimetre", Volume, 1, 1000),
    unit("DMT", "decimetre", Length, 1, 10),
    unit("DPC", "dozen piece", Count, 12, 1),
    unit("DTN", "decitonne", Mass, 100, 1),
    unit("DZN", "dozen", Count, 12, 1),
    unit("EA", "each", Count, 1, 1),
    unit("FOT", "foot", Length, 381, 1250),
    unit("FTK", "square foot", Area, 145_161, 1_562_500),
    unit("FTQ", "cubic foot", Volume, 55_306_341, 1_953_125_000),
    unit("GGR", "great gross", Count, 1728, 1),
    unit("GLI", "gallon (UK)", Volume, 454_609, 100_000_000),
    unit("GLL", "gallon (US)", Volume, 473_176_473, 125_000_000_000),
    unit("GRM", "gram", Mass, 1, 1000),
    unit("GRN", "grain", Mass, 6_479_891, 100_000_000_000),
    unit("GRO", "gross", Count, 144, 1),
    unit("GV", "gigajoule", Energy, 1_000_000_000, 1),
    unit("GWH", "gigawatt hour", Energy, 3_600_000_000_000, 1),
    unit("H87", "piece", Count, 1, 1),
    unit("HAR", "hectare", Area, 10_000, 1),
    unit("HGM", "hectogram", Mass, 1, 10),
    unit("HLT", "hectolitre", Volume, 1, 10),
    unit("HMT", "hectometre", Length, 100, 1),
    unit("HUR", "hour", Time, 3600, 1),
    unit("INH", "inch", Length, 127, 5000),
    unit("INK", "square inch", Area, 16_129, 25_000_000),
    unit("INQ", "cubic inch", Volume, 2_048_383, 125_000_000_000),
    unit("JOU", "joule", Energy, 1, 1),
    unit("K6", "kilolitre", Volume, 1, 1),
    unit("KGM", "kilogram", Mass, 1, 1),
    unit("KJO", "kilojoule", Energy, 1000, 1),
    unit("KMK", "square kilometre", Area, 1_000_000, 1),
    unit("KMT", "kilometre", Length, 1000, 1),
    unit("KPA", "kilopascal", Pressure, 1000, 1),
    unit("KTN", "kilotonne", Mass, 1_000_000, 1),
    unit("KWH", "kilowatt hour", Energy, 3_600_000, 1),
    unit("KWT", "kilowatt", Power, 1000, 1),
    unit("LBR", "pound", Mass, 45_359_237, 100_000_000),
    unit("LTN", "long ton (UK)", Mass, 317_514_659, 312_500),
    unit("LTR", "litre", Volume, 1, 1000),
    unit("MAW", "megawatt", Power, 1_000_000, 1),
    unit("MBR", "millibar", Pressure, 100, 1),
    unit("MC", "microgram", Mass, 1, 1_000_000_000),
    unit("MGM", "milligram", Mass, 1, 1_000_000),
    unit("MIL", "thousand", Count, 1000, 1),
    unit("MIN", "minute", Time, 60, 1),
    unit("MIO", "million", Count, 1_000_000, 1),
    unit("MLT", "millilitre", Volume, 1, 1_000_000),
    unit("MMK", "square millimetre", Area, 1, 1_000_000),
    unit("MMQ", "cubic millimetre", Volume, 1, 1_000_000_000),
    unit("MMT", "millimetre", Length, 1, 1000),
    unit("MPA", "megapascal", Pressure, 1_000_000, 1),
    unit("MTK", "square metre", Area, 1, 1),
    unit("MTQ", "cubic metre", Volume, 1, 1),
    unit("MTR", "metre", Length, 1, 1),
    unit("MWH", "megawatt hour", Energy, 3_600_000_000, 1),
    unit("NAR", "number of articles", Count, 1, 1),
    unit("NMI", "nautical mile", Length, 1852, 1),
    unit("ONZ", "ounce (avoirdupois)", Mass, 45_359_237, 1_600_000_000),
    unit("OZA", "fluid ounce (US)", Volume, 473_176_473, 16_000_000_000_000),
    unit("OZI", "fluid ounce (UK)", Volume, 454_609, 16_000_000_000),
    unit("PAL", "pascal", Pressure, 1, 1),
    unit("PCE", "piece (former code of H87)", Count, 1, 1),
    unit("PR", "pair", Count, 2, 1),
    unit("PTI", "pint (UK)", Volume, 454_609, 800_000_000),
    unit("PTL", "liquid pint (US)", Volume, 473_176_473, 1_000_000_000_000),
    unit("QTI", "quart (UK)", Volume, 454_609, 400_000_000),
    unit("QTL", "liquid quart (US)", Volume, 473_176_473, 500_000_000_000),
    unit("SEC", "second", Time, 1, 1),
    unit("SMI", "mile", Length, 201_168, 125),
    unit("STI", "stone", Mass, 317_514_659, 50_000_000),
    unit("STN", "short ton (US)", Mass, 45_359_237, 50_000),
    unit("T3", "thousand piece", Count, 1000, 1),
    unit("TNE", "tonne", Mass, 1000, 1),
    unit("WEE", "week", Time, 604_800, 1),
    unit("WHR", "watt hour", Energy, 3600, 1),
    unit("WTT", "watt", Power, 1, 1),
    unit("YDK", "square yard", Area, 1_306_449, 1_562_500),
    unit("YDQ", "cubic yard", Volume, 1_493_271_207, 1_953_125_000),
    unit("YRD", "yard", Length, 1143, 1250),
];
