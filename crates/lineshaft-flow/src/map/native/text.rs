//! Numbers of objects as ERP systems write them: `000000001000040` and `1000040` are the same order.

use vrl::compiler::prelude::*;

use super::{Arguments, Fails, Failure, Gives, Native};

/// Longest text that `pad_zeros` makes.
const WIDTH_MAX: usize = 255;

pub(super) static FUNCTIONS: &[Native] = &[
    Native {
        name: "trim_zeros",
        about: "Digits without their leading zeros; other text as it is.",
        parameters: &[Parameter::required("value", kind::BYTES, "Text.")],
        gives: Gives::Text,
        fails: Fails::Never,
        call: trim_zeros,
    },
    Native {
        name: "pad_zeros",
        about: "Digits with leading zeros up to a width; other text, and longer text, as it is.",
        parameters: &[
            Parameter::required("value", kind::BYTES, "Text."),
            Parameter::required("width", kind::INTEGER, "Number of digits, at most 255."),
        ],
        gives: Gives::Text,
        fails: Fails::Never,
        call: pad_zeros,
    },
];

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit())
}

fn trim_zeros(arguments: &Arguments) -> Result<Value, Failure> {
    let text = arguments.text(0)?;
    if !digits(text) {
        return Ok(Value::from(text));
    }
    let trimmed = text.trim_start_matches('0');
    Ok(Value::from(if trimmed.is_empty() { "0" } else { trimmed }))
}

fn pad_zeros(arguments: &Arguments) -> Result<Value, Failure> {
    let text = arguments.text(0)?;
    let width = usize::try_from(arguments.optional_integer(1).unwrap_or(0)).unwrap_or(0).min(WIDTH_MAX);
    Ok(if digits(text) { Value::from(format!("{text:0>width$}")) } else { Value::from(text) })
}
