//! Factors that need not be decimals: 1/3, 45359237/100000000.

use super::{Decimal, DecimalError, Rounding, divide};

/// A reduced fraction; the denominator is greater than nought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rational {
    numerator: i128,
    denominator: i128,
}

impl Rational {
    /// One.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// The reduced fraction. Fails if the denominator is nought.
    pub fn new(numerator: i128, denominator: i128) -> Result<Self, DecimalError> {
        if denominator == 0 {
            return Err(DecimalError::DivisionByZero);
        }
        if numerator == i128::MIN || denominator == i128::MIN {
            return Err(DecimalError::TooManyDigits);
        }
        let shared = greatest_common_divisor(numerator.abs(), denominator.abs()) * denominator.signum();
        Ok(Self { numerator: numerator / shared, denominator: denominator / shared })
    }

    /// A decimal as a fraction: `0.25` is 1/4.
    pub fn from_decimal(decimal: Decimal) -> Result<Self, DecimalError> {
        Self::new(decimal.mantissa(), 10_i128.pow(decimal.places()))
    }

    /// Above the line.
    pub fn numerator(self) -> i128 {
        self.numerator
    }

    /// Below the line; greater than nought.
    pub fn denominator(self) -> i128 {
        self.denominator
    }

    /// The product.
    pub fn times(self, other: Self) -> Result<Self, DecimalError> {
        // Reduced crosswise first, so that only a result that is too large overflows.
        let left = Self::new(self.numerator, other.denominator)?;
        let right = Self::new(other.numerator, self.denominator)?;
        let numerator = left.numerator.checked_mul(right.numerator).ok_or(DecimalError::TooManyDigits)?;
        let denominator = left.denominator.checked_mul(right.denominator).ok_or(DecimalError::TooManyDigits)?;
        Self::new(numerator, denominator)
    }

    /// The quotient. Fails if `other` is nought.
    pub fn divided_by(self, other: Self) -> Result<Self, DecimalError> {
        self.times(Self::new(other.denominator, other.numerator)?)
    }

    /// `decimal` times this fraction.
    ///
    /// Without a rounding the result must be exact ([`DecimalError::NeedsRounding`] otherwise) and keeps at least the
    /// places of `decimal`; with one it has exactly the declared places.
    pub fn apply(self, decimal: Decimal, rounding: Option<Rounding>) -> Result<Decimal, DecimalError> {
        let reduced = Self::new(decimal.mantissa(), self.denominator)?;
        let numerator = reduced.numerator.checked_mul(self.numerator).ok_or(DecimalError::TooManyDigits)?;
        let rounding = match rounding {
            Some(rounding) => rounding,
            None => {
                let exact = places_of(reduced.denominator).ok_or(DecimalError::NeedsRounding)?;
                Rounding { mode: super::RoundingMode::Down, places: decimal.places() + exact }
            }
        };
        if rounding.places > super::DIGITS_MAX {
            return Err(DecimalError::TooManyDigits);
        }
        divide(numerator, decimal.places(), reduced.denominator, 0, rounding)
    }
}

/// How many decimal places one divided by `denominator` has; `None` if it has no end.
fn places_of(mut denominator: i128) -> Option<u32> {
    let (mut twos, mut fives) = (0, 0);
    while denominator % 2 == 0 {
        denominator /= 2;
        twos += 1;
    }
    while denominator % 5 == 0 {
        denominator /= 5;
        fives += 1;
    }
    (denominator == 1).then_some(twos.max(fives))
}

fn greatest_common_divisor(mut left: i128, mut right: i128) -> i128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left.max(1)
}
