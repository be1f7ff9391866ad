//! Exact decimal arithmetic on text.
//!
//! Quantities, prices and factors travel as text and are calculated here, never in binary floating point. Addition,
//! subtraction and multiplication are exact or fail; whatever can lose a digit (division, a conversion) asks for a
//! declared rounding. Trailing zeros are kept where the result is exact: `10.000` stays `10.000`.

mod rational;

#[cfg(test)]
mod tests;

pub use rational::Rational;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal as Digits;

/// Most digits of a decimal, and most digits after its point.
pub const DIGITS_MAX: u32 = 28;

/// An exact decimal of at most [`DIGITS_MAX`] digits. Equal means equal in value: `1.0` equals `1.00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(Digits);

/// Why a decimal could not be read or calculated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// The text is not a decimal. At most 40 characters of it are kept.
    NotADecimal(String),
    /// The exact result needs more than [`DIGITS_MAX`] digits.
    TooManyDigits,
    /// Division by zero.
    DivisionByZero,
    /// The exact result has no end, and no rounding was declared.
    NeedsRounding,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotADecimal(text) => write!(f, "{text:?} is not a decimal"),
            Self::TooManyDigits => write!(f, "more than {DIGITS_MAX} digits are needed"),
            Self::DivisionByZero => f.write_str("division by zero"),
            Self::NeedsRounding => f.write_str("the result has no end: declare places and rounding"),
        }
    }
}

impl std::error::Error for DecimalError {}

/// What happens to the digits that are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoundingMode {
    /// To the nearest, halves away from zero: 2.5 is 3, -2.5 is -3. The commercial rule.
    HalfUp,
    /// To the nearest, halves to the even neighbour: 2.5 is 2, 3.5 is 4.
    HalfEven,
    /// Away from zero.
    Up,
    /// Towards zero: dropped.
    Down,
    /// Towards the greater number.
    Ceiling,
    /// Towards the smaller number.
    Floor,
}

impl RoundingMode {
    /// Every mode with its name in maps and files.
    pub const ALL: [(&'static str, Self); 6] = [
        ("half_up", Self::HalfUp),
        ("half_even", Self::HalfEven),
        ("up", Self::Up),
        ("down", Self::Down),
        ("ceiling", Self::Ceiling),
        ("floor", Self::Floor),
    ];

    /// The mode that a map or file names.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, mode)| *mode)
    }

    /// Whether a quotient that is cut off must grow by one, away from zero.
    fn grows(self, negative: bool, last_odd: bool, rest_to_half: Ordering) -> bool {
        match self {
            Self::HalfUp => rest_to_half.is_ge(),
            Self::HalfEven => rest_to_half.is_gt() || (rest_to_half.is_eq() && last_odd),
            Self::Up => true,
            Self::Down => false,
            Self::Ceiling => !negative,
            Self::Floor => negative,
        }
    }
}

/// A declared rounding: the result has exactly `places` digits after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rounding {
    /// What happens to the digits that are dropped.
    pub mode: RoundingMode,
    /// Digits after the point, at most [`DIGITS_MAX`].
    pub places: u32,
}

impl Decimal {
    /// Nought.
    pub const ZERO: Self = Self(Digits::ZERO);

    /// Reads a decimal: an optional sign, digits, an optional point with digits, an optional exponent.
    ///
    /// `10.000`, `-1`, `+0012.5`, `.5` (as X12 writes it) and `1e3` (as JSON writes it) are decimals; empty text,
    /// blanks, `1.`, `1,5`, `NaN` and more than [`DIGITS_MAX`] digits are not. Trailing zeros are kept.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let refused = || DecimalError::NotADecimal(text.chars().take(40).collect());
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (number, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent_of(exponent).ok_or_else(refused)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return Err(refused()),
            Some(parts) => parts,
            None => (number, ""),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(refused());
        }
        let mut mantissa: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return Err(refused());
            }
            mantissa = mantissa.checked_mul(10).ok_or(DecimalError::TooManyDigits)? + i128::from(digit - b'0');
            if mantissa >= POWERS_OF_TEN_END {
                return Err(DecimalError::TooManyDigits);
            }
        }
        let scale = i32::try_from(fraction.len()).map_err(|_| DecimalError::TooManyDigits)? - exponent;
        Self::from_parts(if negative { -mantissa } else { mantissa }, scale)
    }

    /// `mantissa` times ten to the power of minus `scale`.
    fn from_parts(mut mantissa: i128, mut scale: i32) -> Result<Self, DecimalError> {
        while scale < 0 && mantissa != 0 {
            mantissa = mantissa.checked_mul(10).ok_or(DecimalError::TooManyDigits)?;
            scale += 1;
        }
        let most = DIGITS_MAX.cast_signed();
        while (scale > most || mantissa.abs() >= POWERS_OF_TEN_END) && scale > 0 && mantissa % 10 == 0 && mantissa != 0
        {
            mantissa /= 10;
            scale -= 1;
        }
        if mantissa.abs() >= POWERS_OF_TEN_END || (scale > most && mantissa != 0) {
            return Err(DecimalError::TooManyDigits);
        }
        let scale = scale.clamp(0, most).unsigned_abs();
        Digits::try_from_i128_with_scale(mantissa, scale).map(Self).map_err(|_| DecimalError::TooManyDigits)
    }

    /// The digits without their point, signed.
    pub fn mantissa(self) -> i128 {
        self.0.mantissa()
    }

    /// How many digits stand after the point.
    pub fn places(self) -> u32 {
        self.0.scale()
    }

    /// The exact sum.
    pub fn plus(self, other: Self) -> Result<Self, DecimalError> {
        let places = self.places().max(other.places());
        let sum = self.widened(places)?.checked_add(other.widened(places)?).ok_or(DecimalError::TooManyDigits)?;
        Self::from_parts(sum, places.cast_signed())
    }

    /// The exact difference.
    pub fn minus(self, other: Self) -> Result<Self, DecimalError> {
        self.plus(Self(-other.0))
    }

    /// The exact product.
    pub fn times(self, other: Self) -> Result<Self, DecimalError> {
        let (left, right) = (self.0.normalize(), other.0.normalize());
        let places = self.places() + other.places();
        let product = left.mantissa().checked_mul(right.mantissa()).ok_or(DecimalError::TooManyDigits)?;
        let exact = Self::from_parts(product, (left.scale() + right.scale()).cast_signed())?;
        // The zeros that both factors carried come back where there is room for them.
        Ok(exact.padded(places.min(DIGITS_MAX)).unwrap_or(exact))
    }

    /// The quotient with a declared rounding.
    pub fn divided_by(self, other: Self, rounding: Rounding) -> Result<Self, DecimalError> {
        let (left, right) = (self.0.normalize(), other.0.normalize());
        divide(left.mantissa(), left.scale(), right.mantissa(), right.scale(), rounding)
    }

    /// The same number with exactly the declared places.
    pub fn rounded(self, rounding: Rounding) -> Result<Self, DecimalError> {
        divide(self.mantissa(), self.places(), 1, 0, rounding)
    }

    /// Whether this is nought.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Whether this is below nought.
    pub fn is_negative(self) -> bool {
        self.mantissa() < 0
    }

    /// The same number without its sign.
    pub fn magnitude(self) -> Self {
        Self(self.0.abs())
    }

    /// The same number without zeros at its end: `105.00` is `105`.
    #[must_use]
    pub fn shortest(self) -> Self {
        Self(self.0.normalize())
    }

    fn padded(self, places: u32) -> Option<Self> {
        if places <= self.places() {
            return Some(self);
        }
        let mantissa = self.widened(places).ok()?;
        (mantissa.abs() < POWERS_OF_TEN_END).then(|| Self::from_parts(mantissa, places.cast_signed()).ok()).flatten()
    }

    fn widened(self, places: u32) -> Result<i128, DecimalError> {
        let factor = 10_i128.checked_pow(places - self.places()).ok_or(DecimalError::TooManyDigits)?;
        self.mantissa().checked_mul(factor).ok_or(DecimalError::TooManyDigits)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(Digits::from(number))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The first number with more than [`DIGITS_MAX`] digits.
const POWERS_OF_TEN_END: i128 = 10_i128.pow(DIGITS_MAX);

/// Exponents beyond this need more digits than a decimal has.
const EXPONENT_MAX: i32 = 60;

fn exponent_of(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let exponent: i32 = digits.parse().unwrap_or(EXPONENT_MAX).min(EXPONENT_MAX);
    Some(if text.starts_with('-') { -exponent } else { exponent })
}

/// `(left / 10^left_places) / (right / 10^right_places)`, digit by digit so that nothing is lost before the rounding.
fn divide(
    left: i128,
    left_places: u32,
    right: i128,
    right_places: u32,
    rounding: Rounding,
) -> Result<Decimal, DecimalError> {
    if right == 0 {
        return Err(DecimalError::DivisionByZero);
    }
    if rounding.places > DIGITS_MAX {
        return Err(DecimalError::TooManyDigits);
    }
    let negative = (left < 0) != (right < 0) && left != 0;
    let (mut rest, mut divisor) = (left.unsigned_abs(), right.unsigned_abs());
    // The quotient's last digit must stand at `places`: `shift` more digits, or fewer by a greater divisor.
    let shift = rounding.places.cast_signed() + right_places.cast_signed() - left_places.cast_signed();
    for _ in shift..0 {
        match divisor.checked_mul(10) {
            Some(greater) => divisor = greater,
            None => rest = if rest == 0 { 0 } else { 1 }, // The quotient is nought; only that something is left counts.
        }
    }
    let mut quotient = rest / divisor;
    rest %= divisor;
    for _ in 0..shift {
        rest = rest.checked_mul(10).ok_or(DecimalError::TooManyDigits)?;
        quotient = quotient.checked_mul(10).ok_or(DecimalError::TooManyDigits)? + rest / divisor;
        rest %= divisor;
        if quotient >= POWERS_OF_TEN_END.unsigned_abs() {
            return Err(DecimalError::TooManyDigits);
        }
    }
    let to_half = rest.cmp(&(divisor - rest));
    if rest != 0 && rounding.mode.grows(negative, quotient % 2 == 1, to_half) {
        quotient += 1;
    }
    let quotient = i128::try_from(quotient).map_err(|_| DecimalError::TooManyDigits)?;
    let places = rounding.places.cast_signed();
    // Not `from_parts` alone: it would drop zeros that were declared.
    if quotient >= POWERS_OF_TEN_END {
        return Err(DecimalError::TooManyDigits);
    }
    Decimal::from_parts(if negative { -quotient } else { quotient }, places)
}
