//! Reference data: `xref`, `exists_ref`, `convert_unit`.

use lineshaft_model::fault::Fault;
use lineshaft_model::unit;
use vrl::compiler::prelude::*;

use super::{Arguments, Fails, Failure, Gives, Native};
use crate::map::with_catalog;

pub(super) static FUNCTIONS: &[Native] = &[
    Native {
        name: "xref",
        about: "The record of a key in a reference table, or one field of it; without a default the transaction waits for the record.",
        parameters: &[
            Parameter::required("table", kind::BYTES, "Reference table, written out."),
            Parameter::required("key", kind::BYTES, "Key of the record."),
            Parameter::optional("field", kind::BYTES, "Field of the record."),
            Parameter::optional("default", kind::BYTES, "Given if there is no such record or field."),
        ],
        gives: Gives::Text,
        fails: Fails::WithoutDefault,
        call: xref,
    },
    Native {
        name: "exists_ref",
        about: "Whether a reference table has a key.",
        parameters: &[
            Parameter::required("table", kind::BYTES, "Reference table, written out."),
            Parameter::required("key", kind::BYTES, "Key of the record."),
        ],
        gives: Gives::Truth,
        fails: Fails::Never,
        call: |arguments| {
            let (table, key) = (arguments.text(0)?, arguments.text(1)?);
            Ok(with_catalog(|catalog| catalog.get(table, key).is_some()).into())
        },
    },
    Native {
        name: "convert_unit",
        about: "A quantity in another unit: exact, or rounded to declared places.",
        parameters: &[
            Parameter::required("quantity", kind::BYTES | kind::INTEGER, "A decimal."),
            Parameter::required("from", kind::BYTES, "UN/CEFACT code, or a unit of the material."),
            Parameter::required("to", kind::BYTES, "UN/CEFACT code, or a unit of the material."),
            Parameter::optional("material", kind::BYTES, "Material whose own units count first."),
            Parameter::optional("places", kind::INTEGER, "Digits after the point, 0 to 28."),
            Parameter::optional("rounding", kind::BYTES, "half_up (if left out), half_even, up, down, ceiling, floor."),
        ],
        gives: Gives::Decimal,
        fails: Fails::Maybe,
        call: convert_unit,
    },
];

fn xref(arguments: &Arguments) -> Result<Value, Failure> {
    let (table, key) = (arguments.text(0)?, arguments.text(1)?);
    let field = arguments.optional_text(2)?;
    let found = with_catalog(|catalog| {
        let Some(record) = catalog.get(table, key) else {
            return Err(Failure::Fault(Fault::unknown_reference(table, key)));
        };
        let node = field.map_or(Some(&**record), |field| record.get(field));
        match (node.and_then(|node| node.scalar()), field) {
            (Some(text), _) => Ok(Value::from(text)),
            (None, Some(field)) => Err(Failure::Words(format!("{table} {key:?} has no field {field:?}"))),
            (None, None) => Err(Failure::Words(format!("{table} {key:?} is a record: name one of its fields"))),
        }
    });
    match (found, arguments.get(3)) {
        (Err(_), Some(default)) => Ok(default.clone()),
        (found, _) => found,
    }
}

fn convert_unit(arguments: &Arguments) -> Result<Value, Failure> {
    let (quantity, from, to) = (arguments.dec(0)?, arguments.text(1)?, arguments.text(2)?);
    let (material, rounding) = (arguments.optional_text(3)?, arguments.rounding(4, 5)?);
    with_catalog(|catalog| unit::convert(quantity, from, to, material, catalog, rounding))
        .map(|converted| Value::from(converted.to_string()))
        .map_err(Failure::Fault)
}
