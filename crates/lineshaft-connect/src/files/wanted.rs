//! Which names an interface takes.

use lineshaft_model::connection::files::{Complete, FilesSource, UNFINISHED};

use super::put_away::{DONE, FAILED};

/// Which names an interface takes.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    before: String,
    /// What stands behind the star; `None` without one.
    after: Option<String>,
    /// Ending of the second file that says that the first is complete.
    pub(super) marker: Option<String>,
}

impl Wanted {
    pub(super) fn new(settings: &FilesSource) -> Self {
        let (before, after) = match settings.pattern.split_once('*') {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (settings.pattern.clone(), None),
        };
        let marker = match &settings.complete {
            Complete::Marker(ending) => Some(ending.clone()),
            Complete::StableFor(_) | Complete::Renamed => None,
        };
        Self { before, after, marker }
    }

    /// Whether a file of this name is taken.
    pub(super) fn takes(&self, name: &str) -> bool {
        let ours = name == DONE || name == FAILED;
        let marker = self.marker.as_ref().is_some_and(|ending| name.ends_with(ending.as_str()));
        let unfinished = name.starts_with('.') || UNFINISHED.iter().any(|ending| name.ends_with(ending));
        !ours && !marker && !unfinished && self.fits(name)
    }

    fn fits(&self, name: &str) -> bool {
        match &self.after {
            None => name == self.before,
            Some(after) => name.strip_prefix(self.before.as_str()).is_some_and(|rest| rest.ends_with(after.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(pattern: &str, complete: &str) -> Wanted {
        let settings = format!(r#"{{"directory":".","pattern":"{pattern}","complete":{complete}}}"#);
        Wanted::new(&serde_json::from_str(&settings).expect("settings"))
    }

    #[test]
    fn names_fit_or_do_not() {
        let renamed = r#""renamed""#;
        for (pattern, name, taken) in [
            ("*.xml", "a.xml", true),
            ("*.xml", ".xml", false),
            ("*.xml", "a.XML", false),
            ("*.xml", "a.xml.tmp", false),
            ("*", "a.part", false),
            ("*", ".a.swp", false),
            ("*", "done", false),
            ("*", "failed", false),
            ("*", "done.csv", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("ORDERS*.csv", "ORDERS_1.csv", true),
            ("ORDERS*.csv", "CONF_1.csv", false),
            ("stock.csv", "stock.csv", true),
            ("stock.csv", "stock.csv2", false),
        ] {
            assert_eq!(wanted(pattern, renamed).takes(name), taken, "{pattern} {name}");
        }
        let marked = wanted("*", r#"{"marker":".done"}"#);
        assert!(marked.takes("a.csv") && !marked.takes("a.csv.done"));
    }
}
