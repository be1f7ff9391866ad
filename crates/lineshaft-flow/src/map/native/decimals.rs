//! `dec_*`: exact arithmetic on text, and on the integers that `length` and `to_int` give.

use lineshaft_model::decimal::{Decimal, DecimalError, Rounding, RoundingMode};
use vrl::compiler::prelude::*;

use super::{Arguments, Fails, Failure, Gives, Native};

const NUMBER: u16 = kind::BYTES | kind::INTEGER;

const TWO: &[Parameter] =
    &[Parameter::required("left", NUMBER, "A decimal."), Parameter::required("right", NUMBER, "A decimal.")];

const DIVISION: &[Parameter] = &[
    Parameter::required("left", NUMBER, "What is divided."),
    Parameter::required("right", NUMBER, "By what."),
    Parameter::required("places", kind::INTEGER, "Digits after the point, 0 to 28."),
    Parameter::optional("rounding", kind::BYTES, "half_up (if left out), half_even, up, down, ceiling, floor."),
];

const ROUNDING: &[Parameter] = &[
    Parameter::required("value", NUMBER, "A decimal."),
    Parameter::required("places", kind::INTEGER, "Digits after the point, 0 to 28."),
    Parameter::optional("rounding", kind::BYTES, "half_up (if left out), half_even, up, down, ceiling, floor."),
];

const LIST: &[Parameter] = &[Parameter::required("values", kind::ARRAY, "Decimals.")];

const fn native(
    name: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    gives: Gives,
    call: fn(&Arguments) -> Result<Value, Failure>,
) -> Native {
    Native { name, about, parameters, gives, fails: Fails::Maybe, call }
}

pub(super) static FUNCTIONS: &[Native] = &[
    native("dec_add", "The exact sum.", TWO, Gives::Decimal, |a| told(a.dec(0)?.plus(a.dec(1)?))),
    native("dec_sub", "The exact difference.", TWO, Gives::Decimal, |a| told(a.dec(0)?.minus(a.dec(1)?))),
    native("dec_mul", "The exact product.", TWO, Gives::Decimal, |a| told(a.dec(0)?.times(a.dec(1)?))),
    native("dec_div", "The quotient, rounded as declared.", DIVISION, Gives::Decimal, |a| {
        told(a.dec(0)?.divided_by(a.dec(1)?, a.rounding(2, 3)?.ok_or_else(places_missing)?))
    }),
    native("dec_round", "The number with the declared places.", ROUNDING, Gives::Decimal, |a| {
        told(a.dec(0)?.rounded(a.rounding(1, 2)?.ok_or_else(places_missing)?))
    }),
    native("dec_sum", "The exact sum of a list; \"0\" of an empty one.", LIST, Gives::Decimal, sum),
    native("dec_cmp", "-1, 0 or 1: left is less, equal or greater.", TWO, Gives::Integer, |a| {
        Ok(Value::Integer(a.dec(0)?.cmp(&a.dec(1)?) as i64))
    }),
    native("dec_eq", "Whether both are the same number.", TWO, Gives::Truth, |a| Ok((a.dec(0)? == a.dec(1)?).into())),
    native("dec_lt", "Whether left is less.", TWO, Gives::Truth, |a| Ok((a.dec(0)? < a.dec(1)?).into())),
    native("dec_gt", "Whether left is greater.", TWO, Gives::Truth, |a| Ok((a.dec(0)? > a.dec(1)?).into())),
];

impl Arguments {
    pub(super) fn dec(&self, at: usize) -> Result<Decimal, Failure> {
        decimal(self.get(at))
    }

    /// The rounding that `places` and `rounding` declare; `None` without `places`.
    pub(super) fn rounding(&self, places: usize, rounding: usize) -> Result<Option<Rounding>, Failure> {
        let name = self.optional_text(rounding)?;
        let mode = match name {
            Some(name) => RoundingMode::from_text(name)
                .ok_or_else(|| format!("{name:?} is no rounding: half_up, half_even, up, down, ceiling or floor"))?,
            None => RoundingMode::HalfUp,
        };
        match self.optional_integer(places) {
            None if name.is_some() => Err(places_missing()),
            None => Ok(None),
            Some(places) => {
                let places = u32::try_from(places).ok().filter(|places| *places <= 28);
                let places = places.ok_or_else(|| "places must be 0 to 28".to_owned())?;
                Ok(Some(Rounding { mode, places }))
            }
        }
    }
}

fn places_missing() -> Failure {
    Failure::Words("a rounding needs places".to_owned())
}

fn decimal(value: Option<&Value>) -> Result<Decimal, Failure> {
    match value {
        Some(Value::Integer(number)) => Ok(Decimal::from(*number)),
        Some(value) => match crate::map::text_of(value) {
            Some(text) => Decimal::parse(text).map_err(|error| Failure::Words(error.to_string())),
            None => Err(Failure::Words(format!("{} is not a decimal", value.kind_str()))),
        },
        None => Err(Failure::Words("an argument is missing".to_owned())),
    }
}

fn told(result: Result<Decimal, DecimalError>) -> Result<Value, Failure> {
    result.map(|decimal| Value::from(decimal.to_string())).map_err(|error| Failure::Words(error.to_string()))
}

fn sum(arguments: &Arguments) -> Result<Value, Failure> {
    let Some(Value::Array(values)) = arguments.get(0) else {
        return Err(Failure::Words("dec_sum needs a list".to_owned()));
    };
    let mut sum = Decimal::ZERO;
    for (at, value) in values.iter().enumerate() {
        let added =
            decimal(Some(value)).and_then(|value| sum.plus(value).map_err(|error| Failure::Words(error.to_string())));
        sum = added.map_err(|failure| match failure {
            Failure::Words(words) => Failure::Words(format!("item {at}: {words}")),
            fault @ Failure::Fault(_) => fault,
        })?;
    }
    told(Ok(sum))
}
