//! JSON bytes to a tree. Deliberately absent: any number type; digits are copied, never computed with.

use std::borrow::Cow;
use std::collections::HashSet;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;

use crate::charset::Charset;
use crate::place::{field_step, line_column};

/// Lists and objects may stand this deep in each other.
pub const DEPTH_MAX: usize = 64;

/// A document may have this many values: scalars, lists and objects together.
pub const NODES_MAX: usize = 100_000;

/// From this many fields on, a set looks for duplicates; below, comparing is quicker than hashing.
const FIELDS_COMPARED_MAX: usize = 16;

/// Reads one document.
///
/// # Errors
/// [`Code::DecodeSyntax`], [`Code::DecodeEncoding`] if it is not UTF-8, [`Code::DecodeDuplicateField`], and
/// [`Code::DecodeLimit`] beyond [`DEPTH_MAX`] or [`NODES_MAX`]; each with `line:column` and the path in `at`.
pub fn decode(bytes: &[u8]) -> Result<Tree, Fault> {
    decode_up_to(bytes, NODES_MAX)
}

/// Reads one document of at most so many values, for whoever bounds its bytes otherwise: a page of many rows.
///
/// # Errors
/// As [`decode`].
pub fn decode_up_to(bytes: &[u8], nodes_max: usize) -> Result<Tree, Fault> {
    let bytes = utf8(bytes)?;
    let mut reader = Reader { tokens: Jiter::new(bytes), nodes: 0, nodes_max };
    reader.document().map_err(|failure| failure.fault(bytes))
}

/// The document without its mark, known to be UTF-8: then every later fault is about JSON alone.
fn utf8(bytes: &[u8]) -> Result<&[u8], Fault> {
    let bytes = match Charset::of_mark(bytes) {
        Some((Charset::Utf8, mark)) => &bytes[mark..],
        Some((other, _)) => return Err(not_utf8(other)),
        None => bytes,
    };
    if let Some(other) = Charset::unmarked_utf16(bytes) {
        return Err(not_utf8(other));
    }
    Charset::Utf8.document(bytes)?;
    Ok(bytes)
}

fn not_utf8(found: Charset) -> Fault {
    Fault::new(Code::DecodeEncoding, format!("the document is {}; JSON must be UTF-8", found.name())).at("1:1")
}

/// A failure on its way up; each level adds its step, so that a document without faults pays nothing for paths.
struct Failure {
    code: Code,
    message: Cow<'static, str>,
    index: usize,
    steps: Vec<String>,
}

impl Failure {
    fn new(code: Code, message: impl Into<Cow<'static, str>>, index: usize) -> Box<Self> {
        Box::new(Self { code, message: message.into(), index, steps: Vec::new() })
    }

    fn under(mut self: Box<Self>, step: impl FnOnce() -> String) -> Box<Self> {
        self.steps.push(step());
        self
    }

    fn fault(self, bytes: &[u8]) -> Fault {
        let mut at = line_column(bytes, self.index);
        if !self.steps.is_empty() {
            at.push_str(", ");
            at.extend(self.steps.into_iter().rev());
        }
        Fault::new(self.code, self.message).at(at)
    }
}

type Read<T> = Result<T, Box<Failure>>;

impl From<JiterError> for Box<Failure> {
    fn from(error: JiterError) -> Self {
        let message = match &error.error_type {
            JiterErrorType::JsonError(JsonErrorType::NumberOutOfRange) => {
                return Failure::new(Code::DecodeLimit, "a number has more than 4300 digits", error.index);
            }
            JiterErrorType::JsonError(kind) => told(kind),
            JiterErrorType::WrongType { .. } => "a value should stand here".into(),
        };
        Failure::new(Code::DecodeSyntax, message, error.index)
    }
}

fn told(kind: &JsonErrorType) -> Cow<'static, str> {
    match kind {
        JsonErrorType::EofWhileParsingList => "the document ends inside a list".into(),
        JsonErrorType::EofWhileParsingObject => "the document ends inside an object".into(),
        JsonErrorType::EofWhileParsingString => "the document ends inside a text".into(),
        JsonErrorType::EofWhileParsingValue => "the document ends where a value should stand".into(),
        JsonErrorType::ExpectedColon => "a colon is missing after the field's name".into(),
        JsonErrorType::ExpectedListCommaOrEnd => "a comma or ] is missing".into(),
        JsonErrorType::ExpectedObjectCommaOrEnd => "a comma or } is missing".into(),
        JsonErrorType::ExpectedSomeIdent | JsonErrorType::ExpectedSomeValue => "a value should stand here".into(),
        JsonErrorType::InvalidEscape | JsonErrorType::UnexpectedEndOfHexEscape => "an escape is not valid".into(),
        JsonErrorType::InvalidNumber => "a number is not written as JSON allows".into(),
        JsonErrorType::ControlCharacterWhileParsingString => "a control character in a text must be escaped".into(),
        JsonErrorType::KeyMustBeAString => "a field's name must be a text in quotes".into(),
        JsonErrorType::LoneLeadingSurrogateInHexEscape => "an escape names half a character".into(),
        JsonErrorType::TrailingComma => "a comma stands before the end of a list or object".into(),
        JsonErrorType::TrailingCharacters => "something follows after the end of the document".into(),
        other => other.to_string().into(),
    }
}

struct Reader<'bytes> {
    tokens: Jiter<'bytes>,
    nodes: usize,
    nodes_max: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Read<Tree> {
        let first = self.tokens.peek()?;
        let tree = self.value(first, 0)?;
        self.tokens.finish()?;
        Ok(tree)
    }

    fn value(&mut self, first: Peek, depth: usize) -> Read<Tree> {
        self.nodes += 1;
        if self.nodes > self.nodes_max {
            return Err(self.limit(format!("the document has more than {NODES_MAX} values")));
        }
        match first {
            Peek::String => Ok(Tree::Text(self.tokens.known_str()?.to_owned())),
            Peek::Object => self.object(depth + 1),
            Peek::Array => self.list(depth + 1),
            Peek::Null => {
                self.tokens.known_null()?;
                Ok(Tree::Null)
            }
            Peek::True | Peek::False => Ok(Tree::Bool(self.tokens.known_bool(first)?)),
            _ => {
                let start = self.tokens.current_index();
                let digits = std::str::from_utf8(self.tokens.known_number_bytes(first)?);
                // The document was checked to be UTF-8 and a number is ASCII; a fault all the same, never a panic.
                let digits = digits.map_err(|_| Failure::new(Code::DecodeEncoding, "a number is not UTF-8", start))?;
                Ok(Tree::Number(digits.to_owned()))
            }
        }
    }

    fn list(&mut self, depth: usize) -> Read<Tree> {
        self.check_depth(depth)?;
        let mut items = Vec::new();
        let mut next = self.tokens.known_array()?;
        while let Some(first) = next {
            let at = items.len();
            items.push(self.value(first, depth).map_err(|failure| failure.under(|| format!("[{at}]")))?);
            next = self.tokens.array_step()?;
        }
        Ok(Tree::List(items))
    }

    fn object(&mut self, depth: usize) -> Read<Tree> {
        self.check_depth(depth)?;
        let mut fields: Vec<(String, Tree)> = Vec::new();
        let mut seen = HashSet::new();
        let mut next = self.tokens.known_object()?.map(str::to_owned);
        while let Some(name) = next {
            if is_duplicate(&fields, &mut seen, &name) {
                let index = self.tokens.current_index();
                let failure = Failure::new(Code::DecodeDuplicateField, "a field stands twice in one object", index);
                return Err(failure.under(|| field_step(&name)));
            }
            let value = match self.field_value(depth) {
                Ok(value) => value,
                Err(failure) => return Err(failure.under(|| field_step(&name))),
            };
            fields.push((name, value));
            next = self.tokens.next_key()?.map(str::to_owned);
        }
        Ok(Tree::Map(fields))
    }

    fn field_value(&mut self, depth: usize) -> Read<Tree> {
        let first = self.tokens.peek()?;
        self.value(first, depth)
    }

    fn check_depth(&self, depth: usize) -> Read<()> {
        if depth <= DEPTH_MAX {
            return Ok(());
        }
        Err(self.limit(format!("lists and objects stand more than {DEPTH_MAX} deep in each other")))
    }

    fn limit(&self, message: String) -> Box<Failure> {
        Failure::new(Code::DecodeLimit, message, self.tokens.current_index())
    }
}

/// True if `name` is among `fields`. A hostile object of 100,000 names must not cost their square.
fn is_duplicate(fields: &[(String, Tree)], seen: &mut HashSet<String>, name: &str) -> bool {
    if fields.len() < FIELDS_COMPARED_MAX {
        return fields.iter().any(|(field, _)| field == name);
    }
    if seen.is_empty() {
        seen.extend(fields.iter().map(|(field, _)| field.clone()));
    }
    !seen.insert(name.to_owned())
}
