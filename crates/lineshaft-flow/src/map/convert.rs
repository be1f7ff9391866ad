//! Between our documents and VRL's values, and from a schema to VRL's types.
//!
//! A number becomes text on the way in; only integers can come out as numbers, because a map has no floats.

use std::collections::BTreeMap;

use lineshaft_model::tree::Tree;
use vrl::compiler::Program;
use vrl::value::kind::{Collection, Field};
use vrl::value::{Kind, ObjectMap, Value};

use super::Facts;
use crate::problem::Problem;
use crate::schema::{Others, Schema, Shape, Shapes};

/// Deeper than this, types of a recursive schema are not written out.
const DEPTH_MAX: usize = 12;

pub(super) fn to_value(tree: &Tree) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(truth) => Value::Boolean(*truth),
        Tree::Number(text) | Tree::Text(text) => Value::from(text.as_str()),
        Tree::List(items) => Value::Array(items.iter().map(to_value).collect()),
        Tree::Map(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.as_str().into(), to_value(value))).collect())
        }
    }
}

/// The error says in words what cannot leave a map.
pub(super) fn to_tree(value: Value) -> Result<Tree, String> {
    Ok(match value {
        Value::Null => Tree::Null,
        Value::Boolean(truth) => Tree::Bool(truth),
        Value::Integer(number) => Tree::Number(number.to_string()),
        Value::Timestamp(instant) => Tree::Text(instant.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()),
        Value::Array(items) => Tree::List(items.into_iter().map(to_tree).collect::<Result<_, _>>()?),
        Value::Object(fields) => Tree::Map(
            fields
                .into_iter()
                .map(|(name, value)| Ok((name.into(), to_tree(value)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => match super::text_of(&other) {
            Some(text) => Tree::Text(text.to_owned()),
            None => return Err(format!("the result holds a {}, which no document can", other.kind_str())),
        },
    })
}

fn facts(facts: &Facts) -> [(&'static str, &str); 6] {
    [
        ("id", &facts.id),
        ("received_at", &facts.received_at),
        ("site", &facts.site),
        ("time_zone", &facts.time_zone),
        ("interface", &facts.interface),
        ("original_receipt", &facts.original_receipt),
    ]
}

pub(super) fn facts_value(of: &Facts) -> Value {
    Value::Object(facts(of).into_iter().map(|(name, text)| (name.into(), Value::from(text))).collect::<ObjectMap>())
}

pub(super) fn facts_kind() -> Kind {
    let none = Facts::default();
    let known = facts(&none).into_iter().map(|(name, _)| (Field::from(name), Kind::bytes()));
    Kind::object(Collection::from_parts(known.collect::<BTreeMap<_, _>>(), Kind::undefined()))
}

/// The VRL type of documents that a schema lets pass.
pub(super) fn kind_of(schema: &Schema) -> Kind {
    kind_at(schema.shapes(), schema.shapes().root(), 0)
}

fn kind_at(shapes: &Shapes, shape: &Shape, depth: usize) -> Kind {
    if shape.types.is_empty() || depth > DEPTH_MAX {
        return Kind::any().without_undefined();
    }
    let mut kind = Kind::never();
    for name in &shape.types {
        match name.as_str() {
            "string" | "number" | "integer" => kind.add_bytes(),
            "boolean" => kind.add_boolean(),
            "null" => kind.add_null(),
            "array" => {
                let item = shape.items.map_or_else(Kind::any, |id| kind_at(shapes, shapes.at(id), depth + 1));
                kind.add_array(Collection::from_unknown(item))
            }
            "object" => kind.add_object(fields_at(shapes, shape, depth)),
            _ => false,
        };
    }
    kind
}

fn fields_at(shapes: &Shapes, shape: &Shape, depth: usize) -> Collection<Field> {
    let known = shape.fields.iter().map(|(name, (id, required))| {
        let kind = kind_at(shapes, shapes.at(*id), depth + 1);
        (Field::from(name.as_str()), if *required { kind } else { kind.or_undefined() })
    });
    let unknown = match shape.others {
        Others::Any => Kind::any(),
        Others::Closed => Kind::undefined(),
        Others::Shaped(id) => kind_at(shapes, shapes.at(id), depth + 1),
    };
    Collection::from_parts(known.collect::<BTreeMap<_, _>>(), unknown)
}

/// Required fields of the result that the map certainly never sets, and fields that the schema does not have.
pub(super) fn never_set(program: &Program, output: &Schema, file: &str) -> Vec<Problem> {
    let state = program.final_type_info().state;
    let mut problems = Vec::new();
    compare(output.shapes(), output.shapes().root(), state.external.target_kind(), "", file, &mut problems);
    problems
}

fn compare(shapes: &Shapes, shape: &Shape, kind: &Kind, path: &str, file: &str, problems: &mut Vec<Problem>) {
    let Some(fields) = kind.as_object().filter(|_| kind.is_object()) else { return };
    for (name, (id, required)) in &shape.fields {
        let field = fields.known().get(&Field::from(name.as_str()));
        let absent = match field {
            Some(field) => field.is_undefined(),
            None => fields.unknown_kind().is_undefined(),
        };
        if *required && absent {
            let problem = Problem::error(file, format!("the map never sets {path}.{name}, which its schema requires"));
            problems.push(problem.help(format!("set {path}.{name}, or take it out of `required` in the schema")));
        } else if let Some(field) = field {
            compare(shapes, shapes.at(*id), field, &format!("{path}.{name}"), file, problems);
        }
    }
    if shape.others == Others::Closed {
        for (name, field) in fields.known() {
            if !shape.fields.contains_key(name.as_str()) && !field.contains_undefined() {
                let problem = Problem::error(
                    file,
                    format!("the map sets {path}.{}, which its schema does not have", name.as_str()),
                );
                problems.push(problem.help("correct the name, or declare the field in the schema"));
            }
        }
    }
}
