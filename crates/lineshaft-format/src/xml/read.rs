//! XML text to a tree by the convention of [`super`]. Not recursive: open elements stand on a stack of fixed depth.

use std::collections::HashMap;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;
use quick_xml::events::attributes::{AttrError, Attribute};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader, XmlVersion};

use super::{Options, XSI, names, source};
use crate::place::{field_step, line_column};

/// Elements may stand this deep in each other.
pub const DEPTH_MAX: usize = 128;

/// An element may have this many attributes and namespace declarations together.
pub const ATTRIBUTES_MAX: usize = 256;

/// A document may have this many elements and attributes together. Each costs some hundred bytes of memory, whatever
/// little it takes on the wire.
pub const NODES_MAX: usize = 500_000;

/// Namespace declarations in force in one place; searching them must stay cheap in a hostile document.
const SCOPES_MAX: usize = 1024;

/// From this many differently named children on, an index finds the one that repeats.
const CHILDREN_COMPARED_MAX: usize = 16;

/// Reads one document into `{root name: value}`.
///
/// # Errors
/// [`Code::DecodeSyntax`] if it is not well formed or cut off, [`Code::DecodeEncoding`] if its bytes are not in the
/// declared character set, [`Code::DecodeDuplicateField`] for an attribute twice, [`Code::DecodeLimit`] for a
/// document type and beyond a limit; each with `line:column` and the path in `at`.
pub fn decode(bytes: &[u8], options: &Options) -> Result<Tree, Fault> {
    let text = source::text(bytes)?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut builder = Builder::new(options);
    loop {
        let start = position(reader.buffer_position());
        let step = match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => builder.event(event, start),
            Err(error) => {
                let problem = not_well_formed(&error);
                let at = position(reader.error_position());
                return Err(builder.place(problem, text.as_bytes(), at));
            }
        };
        step.map_err(|problem| builder.place(problem, text.as_bytes(), start))?;
    }
    builder.finish().map_err(|problem| builder.place(problem, text.as_bytes(), text.len()))
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

const OUTSIDE: &str = "text stands outside the root element";

/// A fault that has no place yet.
struct Problem {
    code: Code,
    message: String,
}

fn syntax(message: impl Into<String>) -> Problem {
    Problem { code: Code::DecodeSyntax, message: message.into() }
}

fn limit(message: impl Into<String>) -> Problem {
    Problem { code: Code::DecodeLimit, message: message.into() }
}

fn not_well_formed(error: &Error) -> Problem {
    // A document type that is cut off is still a document type.
    if matches!(error, Error::Syntax(quick_xml::errors::SyntaxError::UnclosedDoctype)) {
        return document_type();
    }
    // The error can quote a name, which can be as long as the document.
    let told: String = error.to_string().chars().take(300).collect();
    syntax(format!("the document is not well formed: {told}"))
}

fn document_type() -> Problem {
    limit("the document has a document type (DOCTYPE); send it without, because none is read here")
}

/// An element that is not closed yet.
struct Open {
    name: String,
    /// Namespace declarations in force before this element's own.
    scopes_before: usize,
    is_nil: bool,
    attributes: Vec<(String, Tree)>,
    text: String,
    children: Vec<(String, Tree)>,
    /// Positions in `children`, once there are more than [`CHILDREN_COMPARED_MAX`].
    index: HashMap<String, usize>,
}

struct Builder<'options> {
    options: &'options Options,
    open: Vec<Open>,
    /// Prefix and namespace, innermost last.
    scopes: Vec<(String, String)>,
    nodes: usize,
    root: Option<(String, Tree)>,
}

impl<'options> Builder<'options> {
    fn new(options: &'options Options) -> Self {
        Self { options, open: Vec::new(), scopes: Vec::new(), nodes: 0, root: None }
    }

    fn place(&self, problem: Problem, text: &[u8], at: usize) -> Fault {
        let path: String = self.open.iter().map(|element| field_step(&element.name)).collect();
        let mut place = line_column(text, at);
        if !path.is_empty() {
            place.push_str(", ");
            place.push_str(&path);
        }
        Fault::new(problem.code, problem.message).at(place)
    }

    fn event(&mut self, event: Event<'_>, start: usize) -> Result<(), Problem> {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(_) if self.open.is_empty() => Err(syntax(OUTSIDE)),
            Event::CData(text) => self.text(&text.xml10_content()),
            Event::GeneralRef(reference) => self.reference(&reference),
            Event::Decl(_) if start > 0 => Err(syntax("the XML declaration must be the first thing in the document")),
            Event::Decl(declaration) => match declaration.xml_version() {
                Ok(_) => Ok(()),
                Err(_) => Err(syntax("the XML declaration does not name version 1.0")),
            },
            Event::DocType(_) => Err(document_type()),
            Event::Comment(_) | Event::PI(_) | Event::Empty(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Problem> {
        let name = tag.name();
        let Some((prefix, local)) = names::split(name.as_ref()) else {
            return Err(syntax("an element has no valid name"));
        };
        if self.open.is_empty() && self.root.is_some() {
            return Err(syntax("a second element stands after the end of the document"));
        }
        self.count()?;
        self.open.push(Open {
            name: local.to_owned(),
            scopes_before: self.scopes.len(),
            is_nil: false,
            attributes: Vec::new(),
            text: String::new(),
            children: Vec::new(),
            index: HashMap::new(),
        });
        if self.open.len() > DEPTH_MAX {
            return Err(limit(format!("elements stand more than {DEPTH_MAX} deep in each other")));
        }
        let attributes = self.declare(tag)?;
        if self.open.len() == 1 {
            let namespace = self.namespace(prefix).filter(|namespace| !namespace.is_empty()).map(str::to_owned);
            let namespace = namespace.map(|namespace| ("@xmlns".to_owned(), Tree::Text(namespace)));
            self.top()?.attributes.extend(namespace);
        }
        attributes.iter().try_for_each(|(name, value)| self.attribute(name, value))
    }

    /// Takes in the element's namespace declarations and returns its other attributes.
    fn declare(&mut self, tag: &BytesStart<'_>) -> Result<Vec<(String, String)>, Problem> {
        let mut others = Vec::new();
        for (at, attribute) in tag.attributes().enumerate() {
            if at == ATTRIBUTES_MAX {
                return Err(limit(format!("an element has more than {ATTRIBUTES_MAX} attributes")));
            }
            let attribute = attribute.map_err(|error| attribute_problem(&error))?;
            let (name, value) = (attribute.key.as_ref(), attribute_value(&attribute)?);
            if name == "xmlns" {
                self.scopes.push((String::new(), value));
            } else if let Some(prefix) = name.strip_prefix("xmlns:") {
                self.scopes.push((prefix.to_owned(), value));
            } else {
                self.count()?;
                others.push((name.to_owned(), value));
            }
        }
        if self.scopes.len() > SCOPES_MAX {
            return Err(limit(format!("more than {SCOPES_MAX} namespace declarations are in force in one place")));
        }
        Ok(others)
    }

    fn attribute(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let Some((prefix, local)) = names::split(name) else {
            return Err(syntax("an attribute has no valid name"));
        };
        let is_nil =
            local == "nil" && !prefix.is_empty() && self.namespace(prefix).map_or(prefix == "xsi", |it| it == XSI);
        let element = self.top()?;
        if is_nil {
            element.is_nil = matches!(value.trim_matches(names::is_space), "true" | "1");
            return Ok(());
        }
        let field = format!("@{local}");
        if element.attributes.iter().any(|(other, _)| *other == field) {
            let message = format!("attribute {} stands twice, apart from its prefix", field_step(local));
            return Err(Problem { code: Code::DecodeDuplicateField, message });
        }
        element.attributes.push((field, Tree::Text(value.to_owned())));
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Problem> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.chars().all(names::is_space) => {}
            None => return Err(syntax(OUTSIDE)),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Problem> {
        let resolved = match &**reference {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "apos" => '\'',
            "quot" => '"',
            name => match reference.resolve_char_ref() {
                Ok(Some(character)) if is_allowed(character) => character,
                Ok(None) => {
                    let name: String = name.chars().take(40).collect();
                    return Err(syntax(format!("entity {name:?} is not known: only lt, gt, amp, apos and quot are")));
                }
                _ => return Err(syntax("a numeric reference names no character that XML allows")),
            },
        };
        if self.open.is_empty() {
            return Err(syntax(OUTSIDE));
        }
        self.text(resolved.encode_utf8(&mut [0; 4]))
    }

    fn end(&mut self) -> Result<(), Problem> {
        self.top()?.check_nil()?;
        let Some(element) = self.open.pop() else { return Err(syntax("an end tag closes nothing")) };
        self.scopes.truncate(element.scopes_before);
        let (name, value) = element.close();
        match self.open.last_mut() {
            Some(parent) => parent.add(name, value, &self.options.lists),
            None => self.root = Some((name, value)),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Tree, Problem> {
        if let Some(element) = self.open.last() {
            return Err(syntax(format!("the document ends inside element {}", field_step(&element.name))));
        }
        self.root.take().map(|root| Tree::Map(vec![root])).ok_or_else(|| syntax("the document has no element"))
    }

    fn top(&mut self) -> Result<&mut Open, Problem> {
        self.open.last_mut().ok_or_else(|| syntax("an end tag closes nothing"))
    }

    /// The namespace that `prefix` stands for here; none if it was never declared.
    fn namespace(&self, prefix: &str) -> Option<&str> {
        self.scopes.iter().rev().find(|(declared, _)| declared == prefix).map(|(_, namespace)| namespace.as_str())
    }

    fn count(&mut self) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        Err(limit(format!("the document has more than {NODES_MAX} elements and attributes")))
    }
}

impl Open {
    fn check_nil(&self) -> Result<(), Problem> {
        if self.is_nil && !(self.children.is_empty() && self.text.chars().all(names::is_space)) {
            return Err(syntax("an element says that it is nil, and has content"));
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: Tree, lists: &[String]) {
        let compared = self.children.len() <= CHILDREN_COMPARED_MAX;
        if !compared && self.index.is_empty() {
            self.index.extend(self.children.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)));
        }
        let before = if compared {
            self.children.iter().position(|(other, _)| *other == name)
        } else {
            self.index.get(&name).copied()
        };
        match before.map(|at| &mut self.children[at].1) {
            // No element is a list by itself, so a list here always means repetition.
            Some(Tree::List(items)) => items.push(value),
            Some(first) => {
                let one = std::mem::replace(first, Tree::Null);
                *first = Tree::List(vec![one, value]);
            }
            None => {
                let value = if lists.contains(&name) { Tree::List(vec![value]) } else { value };
                if !compared {
                    self.index.insert(name.clone(), self.children.len());
                }
                self.children.push((name, value));
            }
        }
    }

    fn close(self) -> (String, Tree) {
        let mut fields = self.attributes;
        let text = if self.children.is_empty() { &*self.text } else { self.text.trim_matches(names::is_space) };
        let value = match (self.is_nil, fields.is_empty() && self.children.is_empty()) {
            (true, true) => Tree::Null,
            (false, true) => Tree::Text(self.text),
            (is_nil, false) => {
                if is_nil {
                    fields.push(("#text".to_owned(), Tree::Null));
                } else if !text.is_empty() {
                    fields.push(("#text".to_owned(), Tree::Text(text.to_owned())));
                }
                fields.extend(self.children);
                Tree::Map(fields)
            }
        };
        (self.name, value)
    }
}

fn is_allowed(character: char) -> bool {
    names::first_forbidden(character.encode_utf8(&mut [0; 4])).is_none()
}

fn attribute_value(attribute: &Attribute<'_>) -> Result<String, Problem> {
    if attribute.value.contains('<') {
        return Err(syntax("an attribute's value holds <, which must be written &lt;"));
    }
    let value = attribute.normalized_value(XmlVersion::Explicit1_0);
    let value = value.map_err(|_| syntax("an attribute's value holds a reference that is not known or not ended"))?;
    if names::first_forbidden(&value).is_some() {
        return Err(syntax("a numeric reference names no character that XML allows"));
    }
    Ok(value.into_owned())
}

fn attribute_problem(error: &AttrError) -> Problem {
    match error {
        AttrError::Duplicated(..) => {
            Problem { code: Code::DecodeDuplicateField, message: "an attribute stands twice in one element".to_owned() }
        }
        AttrError::ExpectedEq(_) => syntax("an attribute has no value"),
        AttrError::ExpectedValue(_) | AttrError::UnquotedValue(_) => {
            syntax("an attribute's value must stand in quotes")
        }
        AttrError::ExpectedQuote(..) => syntax("an attribute's value has no closing quote"),
    }
}
