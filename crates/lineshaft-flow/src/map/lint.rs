//! What VRL would let pass and a map must not do: operators on decimals, floats, lists that grow by push in a loop.
//!
//! Numbers of a document are text, so `"9" > "10"` and `"1.5" + "2.5" == "1.52.5"` would run without an error. The
//! check follows variables without regard to order: a variable is what any of its assignments may make it.

mod class;

use vrl::parser::ast::{
    Assignment, AssignmentTarget, Container, Expr, FunctionCall, Literal, Node, Opcode, Predicate, Program,
    QueryTarget, RootExpr, Unary,
};

use self::class::{Class, Variables};
use crate::problem::Problem;
use crate::schema::Schema;

/// Checks a parsed map. `input` says where decimals are declared.
pub(super) fn check(program: &Program, text: &str, file: &str, input: Option<&Schema>) -> Vec<Problem> {
    let mut roots = Vec::new();
    for root in program.0.iter() {
        if let RootExpr::Expr(expr) = root.inner() {
            roots.push(expr.inner().clone());
        }
    }
    let variables = class::variables(&roots, input);
    let mut lint = Lint { text, file, variables, problems: Vec::new() };
    for expr in &roots {
        lint.walk(expr, false);
    }
    lint.problems
}

struct Lint<'a> {
    text: &'a str,
    file: &'a str,
    variables: Variables<'a>,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    fn walk(&mut self, expr: &Expr, in_closure: bool) {
        match expr {
            Expr::Op(op) => self.operator(&op.0, op.1.inner(), &op.2, op.span()),
            Expr::Assignment(assignment) if in_closure => self.growing(assignment.inner()),
            Expr::Literal(literal) => {
                if let Literal::Float(_) = literal.inner() {
                    let problem =
                        Problem::error(self.file, "a number with a point would be binary floating point here");
                    self.add(problem.help("write the decimal as text: \"1.5\""), literal.span());
                }
            }
            _ => {}
        }
        each_child(expr, &mut |child, closure| self.walk(child, in_closure || closure));
    }

    fn add(&mut self, problem: Problem, span: vrl::diagnostic::Span) {
        self.problems.push(problem.span(self.text, span.start()..span.end()));
    }

    fn operator(&mut self, left: &Node<Expr>, op: &Opcode, right: &Node<Expr>, span: vrl::diagnostic::Span) {
        let (l, r) = (self.variables.class_of(left.inner()), self.variables.class_of(right.inner()));
        let inexact = |class: Class| matches!(class, Class::Decimal | Class::Document);
        let (refused, instead) = match op {
            Opcode::Div => (true, "dec_div(left, right, places)"),
            Opcode::Mul => (inexact(l) || inexact(r), "dec_mul(left, right)"),
            Opcode::Sub => (inexact(l) || inexact(r), "dec_sub(left, right)"),
            Opcode::Add if l == Class::Text || r == Class::Text => {
                // Text put together is text; a calculated decimal in it is meant as text too.
                (false, "")
            }
            Opcode::Add => (inexact(l) || inexact(r), "dec_add(left, right), or a text such as \"\" between for text"),
            Opcode::Lt => (inexact(l) || inexact(r), "dec_lt(left, right)"),
            Opcode::Gt => (inexact(l) || inexact(r), "dec_gt(left, right)"),
            Opcode::Le => (inexact(l) || inexact(r), "!dec_gt(left, right)"),
            Opcode::Ge => (inexact(l) || inexact(r), "!dec_lt(left, right)"),
            Opcode::Eq | Opcode::Ne => {
                let null = l == Class::Null || r == Class::Null;
                let decimal = l == Class::Decimal || r == Class::Decimal;
                let number_with_text =
                    (class::is_integer(left.inner()) && inexact(r)) || (class::is_integer(right.inner()) && inexact(l));
                let instead = if *op == Opcode::Eq { "dec_eq(left, right)" } else { "!dec_eq(left, right)" };
                (!null && (decimal || number_with_text), instead)
            }
            Opcode::Or | Opcode::And | Opcode::Err | Opcode::Merge => (false, ""),
        };
        if refused {
            let message = match op {
                Opcode::Div => "`/` would make binary floating point".to_owned(),
                _ => format!("`{}` on what may be a decimal: numbers of a document are text", op.as_str()),
            };
            let help = format!("use {instead}; a count that is no decimal can be made an integer by to_int");
            self.add(Problem::error(self.file, message).help(help), span);
        }
    }

    /// `list = push(list, item)` in a closure copies the list for every item, and `text = text + text` doubles it.
    fn growing(&mut self, assignment: &Assignment) {
        let Assignment::Single { target, expr, .. } = assignment else { return };
        if copies(target.inner(), expr.inner()) > 1 {
            let message = "this doubles with every item: after 40 items no memory is enough";
            let help = "use the value once on the right side, or map(list) -> |index, item| { ... } and join";
            self.add(Problem::error(self.file, message).help(help), expr.span());
        }
        let Expr::FunctionCall(call) = expr.inner() else { return };
        if !matches!(&**call.ident.inner(), "push" | "append") {
            return;
        }
        let same = match (target.inner(), call.arguments.first().map(|argument| argument.expr.inner())) {
            (AssignmentTarget::Internal(ident, None), Some(Expr::Variable(variable))) => variable.inner() == ident,
            (target, Some(Expr::Query(query))) => {
                matches!(target.to_expr(query.span()), Expr::Query(assigned) if assigned.to_string() == query.to_string())
            }
            _ => false,
        };
        if same {
            let name = call.ident.inner().to_string();
            let message = format!("{name} in a loop copies the list for every item: 10,000 items take seconds");
            let help = "use map(list) -> |index, item| { ... }, filter, group_by or reduce";
            self.add(Problem::error(self.file, message).help(help), call.span());
        }
    }
}

/// How often the value of `target` goes whole into that of `expr`, as far as it is put together by `+`, lists and objects.
fn copies(target: &AssignmentTarget, expr: &Expr) -> usize {
    match (expr, target) {
        (Expr::Variable(variable), AssignmentTarget::Internal(ident, None)) => usize::from(variable.inner() == ident),
        (Expr::Query(query), target) => {
            let assigned = target.to_expr(query.span());
            usize::from(matches!(assigned, Expr::Query(assigned) if assigned.to_string() == query.to_string()))
        }
        (Expr::Op(op), _) if matches!(op.1.inner(), Opcode::Add | Opcode::Merge) => {
            copies(target, op.0.inner()) + copies(target, op.2.inner())
        }
        (Expr::Container(container), _) if !matches!(container.inner(), Container::Block(_)) => {
            let mut count = 0;
            container_children(container.inner(), &mut |child, _| count += copies(target, child));
            count
        }
        _ => 0,
    }
}

/// Calls `visit` for every direct part of `expr`; the flag says that the part is the body of a closure.
fn each_child(expr: &Expr, visit: &mut dyn FnMut(&Expr, bool)) {
    match expr {
        Expr::Literal(_) | Expr::Variable(_) | Expr::Break(_) => {}
        Expr::Container(container) => container_children(container.inner(), visit),
        Expr::IfStatement(statement) => {
            match statement.predicate.inner() {
                Predicate::One(expr) => visit(expr.inner(), false),
                Predicate::Many(exprs) => exprs.iter().for_each(|expr| visit(expr.inner(), false)),
            }
            for block in std::iter::once(&statement.if_node).chain(&statement.else_node) {
                block.inner().0.iter().for_each(|expr| visit(expr.inner(), false));
            }
        }
        Expr::Op(op) => {
            visit(op.0.inner(), false);
            visit(op.2.inner(), false);
        }
        Expr::Assignment(assignment) => match assignment.inner() {
            Assignment::Single { expr, .. } | Assignment::Infallible { expr, .. } => visit(expr.inner(), false),
        },
        Expr::Query(query) => match query.inner().target.inner() {
            QueryTarget::FunctionCall(call) => call_children(call, visit),
            QueryTarget::Container(container) => container_children(container, visit),
            QueryTarget::Internal(_) | QueryTarget::External(_) => {}
        },
        Expr::FunctionCall(call) => call_children(call.inner(), visit),
        Expr::Unary(unary) => {
            let Unary::Not(not) = unary.inner();
            visit(not.inner().clone().take().1.inner(), false);
        }
        Expr::Abort(abort) => {
            if let Some(message) = &abort.inner().message {
                visit(message.inner(), false);
            }
        }
        Expr::Return(returned) => visit(returned.inner().expr.inner(), false),
    }
}

fn call_children(call: &FunctionCall, visit: &mut dyn FnMut(&Expr, bool)) {
    call.arguments.iter().for_each(|argument| visit(argument.expr.inner(), false));
    if let Some(closure) = &call.closure {
        closure.inner().block.inner().0.iter().for_each(|expr| visit(expr.inner(), true));
    }
}

fn container_children(container: &Container, visit: &mut dyn FnMut(&Expr, bool)) {
    match container {
        Container::Group(group) => visit(group.inner().0.inner(), false),
        Container::Block(block) => block.inner().0.iter().for_each(|expr| visit(expr.inner(), false)),
        Container::Array(array) => array.inner().clone().into_iter().for_each(|expr| visit(expr.inner(), false)),
        Container::Object(object) => {
            object.inner().clone().into_iter().for_each(|(_, expr)| visit(expr.inner(), false));
        }
    }
}
