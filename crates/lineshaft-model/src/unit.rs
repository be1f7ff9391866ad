//! Units of measure and exact conversion.
//!
//! Codes are those of UN/CEFACT Recommendation 20. Units of one dimension convert by a fixed rational factor; whatever
//! depends on the material (1 CAR of A is 12 PCE, of B is 24) comes from the material's record in the catalog.
//! Deliberately absent: affine scales (temperature), units without a fixed length (month, year), and any guess that
//! two codes with the same letters mean the same; a sender's own codes are mapped by a reference table first.

mod table;

#[cfg(test)]
mod tests;

pub use table::{Dimension, UNITS, Unit};

use crate::catalog::Catalog;
use crate::decimal::{Decimal, DecimalError, Rational, Rounding};
use crate::fault::{Code, Fault};
use crate::tree::Tree;

/// The reference table of materials: `base_unit`, and `units` as a list of `{unit, numerator, denominator}`.
pub const MATERIAL_TABLE: &str = "material";

/// `quantity` of the unit `from`, told in the unit `to`.
///
/// With a `material` its own units come first; the material must be known, or the fault waits for it. Without a
/// `rounding` the result must be exact and keeps the places of `quantity`; with one it has exactly its places.
/// Fails with [`Code::MapUnit`] naming both units if one is unknown, or if they are of different dimensions.
pub fn convert(
    quantity: Decimal,
    from: &str,
    to: &str,
    material: Option<&str>,
    catalog: &Catalog,
    rounding: Option<Rounding>,
) -> Result<Decimal, Fault> {
    let factor = if from == to { Rational::ONE } else { factor(from, to, material, catalog)? };
    factor.apply(quantity, rounding).map_err(|error| arithmetic(from, to, &error))
}

/// By what a quantity in `from` is multiplied to be in `to`.
pub fn factor(from: &str, to: &str, material: Option<&str>, catalog: &Catalog) -> Result<Rational, Fault> {
    match material {
        Some(key) => {
            let record =
                catalog.get(MATERIAL_TABLE, key).ok_or_else(|| Fault::unknown_reference(MATERIAL_TABLE, key))?;
            MaterialUnits { key, record }.factor(from, to)
        }
        None => general_factor(from, to),
    }
}

/// The unit of a code, aliases included.
pub fn find(code: &str) -> Option<&'static Unit> {
    UNITS.binary_search_by(|unit| unit.code.cmp(code)).ok().map(|at| &UNITS[at])
}

fn general_factor(from: &str, to: &str) -> Result<Rational, Fault> {
    for code in [from, to] {
        if AFFINE.contains(&code) {
            return Err(unit_fault(from, to, &format!("{code} is a temperature scale and has no factor")));
        }
    }
    let known = |code: &str| find(code).ok_or_else(|| unit_fault(from, to, &format!("{code:?} is not a known unit")));
    let (from_unit, to_unit) = (known(from)?, known(to)?);
    if from_unit.dimension != to_unit.dimension {
        let why = format!("{} is not {}", from_unit.dimension.as_str(), to_unit.dimension.as_str());
        return Err(unit_fault(from, to, &why));
    }
    let ratio = from_unit.factor().and_then(|factor| factor.divided_by(to_unit.factor()?));
    ratio.map_err(|error| arithmetic(from, to, &error))
}

/// Units whose zero is not where nothing is: no factor converts them.
const AFFINE: [&str; 3] = ["CEL", "FAH", "KEL"];

/// The units of one material, as its record says.
struct MaterialUnits<'a> {
    key: &'a str,
    record: &'a Tree,
}

impl MaterialUnits<'_> {
    fn factor(&self, from: &str, to: &str) -> Result<Rational, Fault> {
        let base = self
            .record
            .get("base_unit")
            .and_then(Tree::scalar)
            .ok_or_else(|| unit_fault(from, to, &format!("material {:?} has no base_unit", self.key)))?;
        match (self.to_base(from, base, from, to)?, self.to_base(to, base, from, to)?) {
            (Some(from_factor), Some(to_factor)) => {
                from_factor.divided_by(to_factor).map_err(|error| arithmetic(from, to, &error))
            }
            (from_factor, to_factor) => general_factor(from, to).map_err(|fault| {
                let missing = if from_factor.is_none() { from } else { to };
                if from_factor.is_none() && to_factor.is_none() {
                    return fault;
                }
                unit_fault(from, to, &format!("material {:?} has no unit {missing:?}", self.key))
            }),
        }
    }

    /// How much of the base unit one `unit` is: by an entry of the record, by dimension, or by both in a row.
    fn to_base(&self, unit: &str, base: &str, from: &str, to: &str) -> Result<Option<Rational>, Fault> {
        if unit == base {
            return Ok(Some(Rational::ONE));
        }
        let entries = match self.record.get("units") {
            Some(Tree::List(entries)) => entries.as_slice(),
            _ => &[],
        };
        let code = |entry: &Tree| entry.get("unit").and_then(Tree::scalar).map(str::to_owned);
        if let Some(entry) = entries.iter().find(|entry| code(entry).as_deref() == Some(unit)) {
            return self.entry_factor(entry, from, to).map(Some);
        }
        if let Ok(general) = general_factor(unit, base) {
            return Ok(Some(general));
        }
        for entry in entries {
            let Some(between) = code(entry).and_then(|code| general_factor(unit, &code).ok()) else { continue };
            let factor = self.entry_factor(entry, from, to)?;
            return between.times(factor).map(Some).map_err(|error| arithmetic(from, to, &error));
        }
        Ok(None)
    }

    fn entry_factor(&self, entry: &Tree, from: &str, to: &str) -> Result<Rational, Fault> {
        let part = |name: &str| {
            let read = entry.get(name).and_then(Tree::scalar).and_then(|text| Decimal::parse(text).ok());
            read.filter(|number| !number.is_zero() && !number.is_negative()).ok_or_else(|| {
                let why = format!("material {:?} has a unit whose {name} is not above nought", self.key);
                unit_fault(from, to, &why)
            })
        };
        let (numerator, denominator) = (part("numerator")?, part("denominator")?);
        Rational::from_decimal(numerator)
            .and_then(|numerator| numerator.divided_by(Rational::from_decimal(denominator)?))
            .map_err(|error| arithmetic(from, to, &error))
    }
}

fn unit_fault(from: &str, to: &str, why: &str) -> Fault {
    Fault::new(Code::MapUnit, format!("cannot convert {from:?} to {to:?}: {why}"))
}

fn arithmetic(from: &str, to: &str, error: &DecimalError) -> Fault {
    unit_fault(from, to, &error.to_string())
}
