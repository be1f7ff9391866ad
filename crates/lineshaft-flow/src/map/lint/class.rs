//! What an expression may be: exact, text, a decimal, or anything that a document holds.

use std::collections::BTreeMap;

use vrl::parser::ast::{
    Assignment, AssignmentTarget, Container, Expr, FunctionCall, Literal, Opcode, Query, QueryTarget,
};
use vrl::path::{OwnedValuePath, PathPrefix};

use super::each_child;
use crate::map::native;
use crate::schema::{Declared, Schema};

/// What an expression may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing is known yet: a variable before its first assignment was looked at.
    Unset,
    /// `null`.
    Null,
    /// An integer, a truth value, a timestamp or a list made here.
    Exact,
    /// Text that is certainly no number: written out, a date, a fact.
    Text,
    /// A decimal: declared as one, or made by `dec_*`.
    Decimal,
    /// Anything of a document.
    Document,
}

impl Class {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unset, class) | (class, Self::Unset) => class,
            (left, right) if left == right => left,
            (Self::Decimal, _) | (_, Self::Decimal) => Self::Decimal,
            _ => Self::Document,
        }
    }
}

/// VRL's own functions that give integers, truth values or timestamps.
const EXACT: &[&str] = &[
    "length",
    "strlen",
    "to_int",
    "int",
    "to_bool",
    "bool",
    "parse_int",
    "mod",
    "to_unix_timestamp",
    "timestamp",
    "parse_timestamp",
    "from_unix_timestamp",
    "find",
    "exists",
    "contains",
    "contains_all",
    "starts_with",
    "ends_with",
    "includes",
    "is_array",
    "is_boolean",
    "is_empty",
    "is_integer",
    "is_null",
    "is_nullish",
    "is_object",
    "is_string",
    "is_timestamp",
    "match",
    "match_any",
    "match_array",
];

/// Functions whose closure gets (index or key, item) of their first argument.
const INDEXED: &[&str] = &["map", "for_each", "filter"];

/// Functions whose closure gets an item of their first argument last.
const ITEM_LAST: &[&str] = &["map", "for_each", "filter", "sort_by", "group_by", "reduce"];

/// What is known of the variables of a map.
pub(super) struct Variables<'a> {
    input: Option<&'a Schema>,
    classes: BTreeMap<String, Class>,
    /// Variables that stand for a place of the document: `item` for `.items[]`.
    places: BTreeMap<String, String>,
}

/// How often assignments are gone through: longer chains of variables are taken for documents.
const ROUNDS_MAX: usize = 8;

/// Reads all assignments of a map.
pub(super) fn variables<'a>(roots: &[Expr], input: Option<&'a Schema>) -> Variables<'a> {
    let mut variables = Variables { input, classes: BTreeMap::new(), places: BTreeMap::new() };
    for _ in 0..ROUNDS_MAX {
        let before = variables.classes.clone();
        roots.iter().for_each(|expr| variables.learn(expr));
        if variables.classes == before {
            break;
        }
    }
    variables
}

impl Variables<'_> {
    fn learn(&mut self, expr: &Expr) {
        match expr {
            Expr::Assignment(assignment) => match assignment.inner() {
                Assignment::Single { target, expr, .. } => self.assign(target.inner(), expr.inner()),
                Assignment::Infallible { ok, err, expr, .. } => {
                    self.assign(ok.inner(), expr.inner());
                    if let AssignmentTarget::Internal(name, None) = err.inner() {
                        self.join(name, Class::Text);
                    }
                }
            },
            Expr::FunctionCall(call) => self.closure(call.inner()),
            Expr::Query(query) => {
                if let QueryTarget::FunctionCall(call) = query.inner().target.inner() {
                    self.closure(call);
                }
            }
            _ => {}
        }
        each_child(expr, &mut |child, _| self.learn(child));
    }

    fn assign(&mut self, target: &AssignmentTarget, expr: &Expr) {
        if let AssignmentTarget::Internal(name, path) = target {
            let class = if path.is_some() { Class::Document } else { self.class_of(expr) };
            self.join(name, class);
            if let (None, Some(place)) = (path, self.place_of(expr)) {
                self.places.entry(name.to_string()).or_insert(place);
            }
        }
    }

    fn closure(&mut self, call: &FunctionCall) {
        let Some(closure) = &call.closure else { return };
        let function: &str = call.ident.inner();
        let variables = &closure.inner().variables;
        for (at, variable) in variables.iter().enumerate() {
            let index = at == 0 && variables.len() == 2 && INDEXED.contains(&function);
            self.join(variable.inner(), if index { Class::Exact } else { Class::Document });
        }
        if let (Some(item), true, Some(list)) =
            (variables.last(), ITEM_LAST.contains(&function), call.arguments.first())
            && let Some(place) = self.place_of(list.expr.inner())
        {
            self.places.entry(item.inner().to_string()).or_insert(format!("{place}[]"));
        }
    }

    fn join(&mut self, name: &str, class: Class) {
        let known = self.classes.entry(name.to_owned()).or_insert(Class::Unset);
        *known = known.or(class);
    }

    /// What `expr` may be.
    pub(super) fn class_of(&self, expr: &Expr) -> Class {
        match expr {
            Expr::Literal(literal) => match literal.inner() {
                Literal::String(_) | Literal::RawString(_) | Literal::Regex(_) => Class::Text,
                Literal::Null => Class::Null,
                Literal::Integer(_) | Literal::Float(_) | Literal::Boolean(_) | Literal::Timestamp(_) => Class::Exact,
            },
            Expr::Container(container) => match container.inner() {
                Container::Group(group) => self.class_of(group.inner().0.inner()),
                Container::Block(block) => self.last_of(&block.inner().0),
                Container::Array(_) | Container::Object(_) => Class::Exact,
            },
            Expr::IfStatement(statement) => {
                let otherwise =
                    statement.else_node.as_ref().map_or(Class::Null, |block| self.last_of(&block.inner().0));
                self.last_of(&statement.if_node.inner().0).or(otherwise)
            }
            Expr::Op(op) => self.class_of_operator(op.1.inner(), op.0.inner(), op.2.inner()),
            Expr::Assignment(assignment) => match assignment.inner() {
                Assignment::Single { expr, .. } | Assignment::Infallible { expr, .. } => self.class_of(expr.inner()),
            },
            Expr::Query(query) => self.class_of_query(query.inner()),
            Expr::FunctionCall(call) => self.class_of_call(call.inner()),
            Expr::Variable(name) => {
                let known = self.classes.get(name.inner().as_ref()).copied().unwrap_or(Class::Document);
                let declared = self.places.get(name.inner().as_ref()).map(|place| self.declared(place));
                if declared == Some(Class::Decimal) && known == Class::Document { Class::Decimal } else { known }
            }
            Expr::Unary(_) => Class::Exact,
            Expr::Abort(_) | Expr::Return(_) | Expr::Break(_) => Class::Unset,
        }
    }

    fn last_of(&self, block: &[vrl::parser::ast::Node<Expr>]) -> Class {
        block.last().map_or(Class::Null, |expr| self.class_of(expr.inner()))
    }

    fn class_of_operator(&self, op: &Opcode, left: &Expr, right: &Expr) -> Class {
        let (left, right) = (self.class_of(left), self.class_of(right));
        match op {
            Opcode::Add if left == Class::Text || right == Class::Text => Class::Text,
            Opcode::Mul | Opcode::Div | Opcode::Add | Opcode::Sub if left == Class::Exact && right == Class::Exact => {
                Class::Exact
            }
            Opcode::Mul | Opcode::Div | Opcode::Add | Opcode::Sub => Class::Decimal,
            Opcode::Or | Opcode::Err => left.or(right),
            Opcode::Merge => Class::Document,
            Opcode::And | Opcode::Ne | Opcode::Eq | Opcode::Ge | Opcode::Gt | Opcode::Le | Opcode::Lt => Class::Exact,
        }
    }

    fn class_of_query(&self, query: &Query) -> Class {
        if let QueryTarget::External(PathPrefix::Metadata) = query.target.inner() {
            return Class::Text;
        }
        self.place_of_query(query).map_or(Class::Document, |place| self.declared(&place))
    }

    fn class_of_call(&self, call: &FunctionCall) -> Class {
        let name: &str = call.ident.inner();
        if native::gives_decimal(name) {
            Class::Decimal
        } else if native::gives_exact(name) || EXACT.contains(&name) {
            Class::Exact
        } else if native::gives_time(name) || name == "format_timestamp" {
            Class::Text
        } else if name == "string" || name == "to_string" {
            call.arguments.first().map_or(Class::Document, |argument| match self.class_of(argument.expr.inner()) {
                // An integer as text is compared as text again.
                Class::Exact | Class::Null => Class::Document,
                class => class,
            })
        } else {
            Class::Document
        }
    }

    /// What the schema declares at a place of the document.
    fn declared(&self, place: &str) -> Class {
        let Some(schema) = self.input else { return Class::Document };
        match schema.declared(place) {
            Some(Declared::Decimal) => Class::Decimal,
            Some(Declared::Time) => Class::Text,
            Some(Declared::Truth) => Class::Exact,
            Some(Declared::Other) | None => Class::Document,
        }
    }

    /// The place of the document that `expr` is, if it is just that.
    fn place_of(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Query(query) => self.place_of_query(query.inner()),
            Expr::Variable(name) => self.places.get(name.inner().as_ref()).cloned(),
            Expr::Container(container) => match container.inner() {
                Container::Group(group) => self.place_of(group.inner().0.inner()),
                _ => None,
            },
            // `array!(.items)` and `.items ?? []` are still that list.
            Expr::FunctionCall(call) if matches!(&**call.inner().ident.inner(), "array" | "object" | "filter") => {
                self.place_of(call.inner().arguments.first()?.expr.inner())
            }
            Expr::Op(op) if matches!(op.1.inner(), Opcode::Err | Opcode::Or) => self.place_of(op.0.inner()),
            _ => None,
        }
    }

    fn place_of_query(&self, query: &Query) -> Option<String> {
        let start = match query.target.inner() {
            QueryTarget::External(PathPrefix::Event) => String::new(),
            QueryTarget::Internal(name) => self.places.get(name.as_ref() as &str)?.clone(),
            _ => return None,
        };
        let path: &OwnedValuePath = query.path.inner();
        let path = path.to_string();
        let dot = if path.is_empty() || path.starts_with('[') || path.starts_with('.') { "" } else { "." };
        Some(format!("{start}{dot}{path}"))
    }
}

/// Whether this is an integer written out.
pub(super) fn is_integer(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(literal) if matches!(literal.inner(), Literal::Integer(_)))
}
