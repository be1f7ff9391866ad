//! Functions of VRL's own library that a map may use: a list of what is allowed, so that a new version of the library
//! cannot bring in a clock, a network or a float unnoticed.

use vrl::compiler::Function;

/// Names in the order of the alphabet.
const ALLOWED: &[&str] = &[
    "append",
    "array",
    "assert",
    "assert_eq",
    "basename",
    "bool",
    "camelcase",
    "chunks",
    "compact",
    "contains",
    "contains_all",
    "decode_base16",
    "decode_base64",
    "decode_percent",
    "del",
    "dirname",
    "downcase",
    "encode_base16",
    "encode_base64",
    "encode_json",
    "encode_percent",
    "ends_with",
    "exists",
    "filter",
    "find",
    "flatten",
    "for_each",
    "format_int",
    "format_timestamp",
    "from_entries",
    "from_unix_timestamp",
    "get",
    "includes",
    "int",
    "is_array",
    "is_boolean",
    "is_empty",
    "is_integer",
    "is_null",
    "is_nullish",
    "is_object",
    "is_string",
    "is_timestamp",
    "join",
    "kebabcase",
    "keys",
    "length",
    "map_keys",
    "match",
    "match_any",
    "match_array",
    "merge",
    "mod",
    "object",
    "object_from_array",
    "parse_csv",
    "parse_int",
    "parse_key_value",
    "parse_query_string",
    "parse_regex",
    "parse_regex_all",
    "parse_timestamp",
    "parse_url",
    "pascalcase",
    "pop",
    "push",
    "remove",
    "replace",
    "screamingsnakecase",
    "set",
    "slice",
    "snakecase",
    "split",
    "starts_with",
    "string",
    "strip_whitespace",
    "strlen",
    "timestamp",
    "to_bool",
    "to_entries",
    "to_int",
    "to_regex",
    "to_string",
    "to_unix_timestamp",
    "truncate",
    "unflatten",
    "unique",
    "upcase",
    "values",
    "zip",
];

/// Why a function that people look for is not there, and what to use instead.
const INSTEAD: &[(&str, &str)] = &[
    ("now", "maps have no clock: %received_at is when the document was received"),
    ("uuid_v4", "maps have no randomness: %id names the transaction"),
    ("uuid_v7", "maps have no randomness: %id names the transaction"),
    ("random_int", "maps have no randomness: %id names the transaction"),
    ("to_float", "numbers of a document are decimals as text: use dec_add, dec_mul, dec_round and so on"),
    ("float", "numbers of a document are decimals as text: use dec_add, dec_mul, dec_round and so on"),
    ("parse_float", "numbers of a document are decimals as text: use dec_add, dec_mul, dec_round and so on"),
    ("parse_json", "parsing here would turn decimals into floats: have the document decoded by its interface"),
    ("round", "use dec_round(value, places)"),
    ("ceil", "use dec_round(value, 0, \"ceiling\")"),
    ("floor", "use dec_round(value, 0, \"floor\")"),
    ("abs", "compare with dec_lt and change the sign with dec_mul(value, \"-1\")"),
    ("format_number", "use dec_round(value, places)"),
    ("map_values", "use map(list) -> |index, item| { ... }"),
    ("get_env_var", "maps read the document, % and reference tables only"),
    ("http_request", "maps read the document, % and reference tables only"),
    ("range", "one call could ask for any amount of memory: use map over a list of the document"),
    ("log", "maps have no log: put it into the result, or let the map fail"),
];

/// The allowed functions.
pub(super) fn allowed() -> Vec<Box<dyn Function>> {
    vrl::stdlib::all().into_iter().filter(|function| ALLOWED.contains(&function.identifier())).collect()
}

/// What to use instead of a function that maps do not have.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    INSTEAD.iter().find(|(missing, _)| *missing == name).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_name_exists_and_none_is_suspicious() {
        let names: Vec<_> = super::super::FUNCTIONS.iter().map(|function| function.identifier()).collect();
        for name in ALLOWED {
            assert!(names.contains(name), "{name} is not in the library");
        }
        let suspicious = [
            "now",
            "random",
            "uuid",
            "http",
            "dns",
            "env",
            "hostname",
            "log",
            "file",
            "float",
            "timezone_name",
            "float",
            "encrypt",
            "decrypt",
            "proto",
            "json_schema",
            "round",
            "ceil",
            "floor",
            "entropy",
        ];
        for name in names {
            for word in suspicious {
                let named =
                    if word == "round" || word == "log" || word == "env" { name == word } else { name.contains(word) };
                assert!(!named, "{name} contains {word}");
            }
        }
    }
}
