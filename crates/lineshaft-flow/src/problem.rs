//! One thing wrong in a project file: where it stands, what it is and what to do.
//!
//! Problems are for people who write projects. What goes wrong with a transaction is a `Fault`, never a problem.

use std::fmt;
use std::ops::Range;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The project cannot be used.
    Error,
    /// The project can be used; a person should look.
    Warning,
}

impl Severity {
    /// The word that starts a rendered problem.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing wrong in a project file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the project directory: `maps/erp-order.vrl`.
    pub file: String,
    /// Line, from 1; 0 if the whole file is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 if the whole line is meant.
    pub column: usize,
    /// How many characters of the line are meant; 0 and 1 both mark one.
    pub width: usize,
    /// The line as it is written; empty if the file has none.
    pub source_line: String,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do; empty if the message says it.
    pub help: String,
    /// How bad it is.
    pub severity: Severity,
}

impl Problem {
    /// An error that means the whole file.
    pub fn error(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            width: 0,
            source_line: String::new(),
            message: message.into(),
            help: String::new(),
            severity: Severity::Error,
        }
    }

    /// A warning that means the whole file.
    pub fn warning(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, message) }
    }

    /// The same problem with what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The same problem at `line` and `column` (both from 1) of `text`, the content of the file.
    #[must_use]
    pub fn at(mut self, text: &str, line: usize, column: usize) -> Self {
        self.line = line;
        self.column = column;
        self.source_line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().to_owned();
        self
    }

    /// The same problem at the bytes `span` of `text`, the content of the file.
    #[must_use]
    pub fn span(mut self, text: &str, span: Range<usize>) -> Self {
        let (line, column) = line_and_column(text, span.start);
        self = self.at(text, line, column);
        let meant = text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
        self.width = meant.chars().count();
        self
    }
}

/// Line and column (characters), both from 1, of byte `offset` in `text`.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

impl fmt::Display for Problem {
    /// Writes the problem as compilers do; ends without a line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.as_str(), self.message)?;
        let number = self.line.to_string();
        let margin = if self.line == 0 { 0 } else { number.len() };
        match (self.line, self.column) {
            (0, _) => write!(f, "\n{:margin$}--> {}", "", self.file)?,
            (line, 0) => write!(f, "\n{:margin$}--> {}:{line}", "", self.file)?,
            (line, column) => write!(f, "\n{:margin$}--> {}:{line}:{column}", "", self.file)?,
        }
        if self.line > 0 && !self.source_line.is_empty() {
            write!(f, "\n{:margin$} |\n{number} | {}", "", self.source_line)?;
            if self.column > 0 {
                let lead: String = self
                    .source_line
                    .chars()
                    .take(self.column - 1)
                    .map(|letter| if letter == '\t' { '\t' } else { ' ' })
                    .collect();
                write!(f, "\n{:margin$} | {lead}{}", "", "^".repeat(self.width.max(1)))?;
            }
        }
        if self.help.is_empty() {
            return Ok(());
        }
        write!(f, "\n{:margin$} = help: {}", "", self.help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_the_line_and_marks_the_place() {
        let text = "id: 1\nqty: .a + .b\n";
        let problem = Problem::error("maps/x.vrl", "no operators").span(text, 11..18).help("use dec_add");
        assert_eq!(
            problem.to_string(),
            "error: no operators\n --> maps/x.vrl:2:6\n  |\n2 | qty: .a + .b\n  |      ^^^^^^^\n  = help: use dec_add"
        );
    }

    #[test]
    fn a_problem_of_a_whole_file_has_no_line() {
        assert_eq!(Problem::warning("a.yaml", "empty").to_string(), "warning: empty\n--> a.yaml");
    }

    #[test]
    fn columns_count_characters_and_spans_end_with_their_line() {
        let text = "ä = \"é\" + x\ny";
        assert_eq!(line_and_column(text, text.find('+').unwrap()), (1, 9));
        let problem = Problem::error("m", "x").span(text, text.find('x').unwrap()..text.len());
        assert_eq!((problem.line, problem.column, problem.width), (1, 11, 1));
        assert_eq!(line_and_column(text, 999), (2, 2));
    }
}
