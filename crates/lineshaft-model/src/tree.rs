//! A document after decoding: the order of fields is kept, and a number stays the text that was sent.
//!
//! `1.10` and `12345678901234567890` survive unchanged from decode to render; binary floating point never touches
//! a quantity (architecture, "Numbers and times").

/// One node of a decoded document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// JSON `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, as the digits that were sent.
    Number(String),
    /// Text.
    Text(String),
    /// A list in its order.
    List(Vec<Tree>),
    /// Named fields in their order. Names are unique: decoders refuse duplicates.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// The field `name` of a map.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Self::Map(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Puts `value` at `path`, making the last field where it is missing. The error says which step is not there.
    pub fn set(&mut self, path: &Path, value: Tree) -> Result<(), String> {
        let Some((last, steps)) = path.steps.split_last() else {
            return Err("the path names the whole document".to_owned());
        };
        let missing = || format!("{} is not there to be set", path.text);
        let mut node = self;
        for step in steps {
            node = node.step_mut(step).ok_or_else(missing)?;
        }
        match (last, node.step_mut(last).is_some(), &mut *node) {
            (_, true, _) => {
                if let Some(place) = node.step_mut(last) {
                    *place = value;
                }
                Ok(())
            }
            (Step::Field(name), false, Tree::Map(fields)) => {
                fields.push((name.clone(), value));
                Ok(())
            }
            _ => Err(missing()),
        }
    }

    fn step_mut(&mut self, step: &Step) -> Option<&mut Tree> {
        match (step, self) {
            (Step::Field(name), Self::Map(fields)) => {
                fields.iter_mut().find(|(field, _)| field == name).map(|(_, value)| value)
            }
            (Step::Index(index), Self::List(items)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// The text of a scalar: text and numbers as they are, truth values as `true` and `false`.
    pub fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }
}

/// A path into a [`Tree`]: `.`, `.order`, `.d.results[0].Material`, `."odd name"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Path {
    /// Reads a path. The error says which character could not be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('.').ok_or_else(|| format!("path {text:?} must start with a dot"))?;
        let mut first = true;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (digits, after) = after.split_once(']').ok_or_else(|| format!("path {text:?} has [ without ]"))?;
                let index = digits.parse().map_err(|_| format!("path {text:?}: [{digits}] is not a position"))?;
                steps.push(Step::Index(index));
                rest = after;
            } else {
                if !first {
                    rest = rest
                        .strip_prefix('.')
                        .ok_or_else(|| format!("path {text:?}: a dot is missing before {rest:?}"))?;
                }
                let (name, after) =
                    field_name(rest).ok_or_else(|| format!("path {text:?}: no field name at {rest:?}"))?;
                steps.push(Step::Field(name.to_owned()));
                rest = after;
            }
            first = false;
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The node that the path names.
    pub fn find<'tree>(&self, tree: &'tree Tree) -> Option<&'tree Tree> {
        self.steps.iter().try_fold(tree, |node, step| match (step, node) {
            (Step::Field(name), _) => node.get(name),
            (Step::Index(index), Tree::List(items)) => items.get(*index),
            (Step::Index(_), _) => None,
        })
    }
}

fn field_name(rest: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        return quoted.split_once('"');
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    (end > 0).then(|| rest.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_walk_fields_and_positions() {
        let order = Tree::Map(vec![("Order No".into(), Tree::Number("0012".into()))]);
        let tree = Tree::Map(vec![("d".into(), Tree::List(vec![order]))]);
        let found = |path: &str| Path::parse(path).expect(path).find(&tree).and_then(Tree::scalar);
        assert_eq!(found(".d[0].\"Order No\""), Some("0012"));
        assert_eq!(found(".d[1].\"Order No\""), None);
        assert_eq!(found(".e"), None);
        assert_eq!(Path::parse(".").expect("root").find(&tree), Some(&tree));
    }

    #[test]
    fn setting_replaces_or_makes_the_last_field() {
        let path = |text: &str| Path::parse(text).expect(text);
        let mut tree = Tree::Map(vec![("d".into(), Tree::Map(Vec::new()))]);
        assert_eq!(tree.set(&path(".d.id"), Tree::Text("1".into())), Ok(()));
        assert_eq!(tree.set(&path(".d.id"), Tree::Text("2".into())), Ok(()));
        assert_eq!(path(".d.id").find(&tree), Some(&Tree::Text("2".into())));
        assert!(tree.set(&path(".e.id"), Tree::Null).is_err());
        assert!(tree.set(&path("."), Tree::Null).is_err());
    }

    #[test]
    fn a_path_that_cannot_be_read_says_where() {
        for (path, said) in [
            ("order", "start with a dot"),
            (".a[x]", "not a position"),
            (".a[0", "without ]"),
            (".a..b", "no field name"),
            (".a[0]b", "a dot is missing"),
        ] {
            let error = Path::parse(path).expect_err(path);
            assert!(error.contains(said), "{path}: {error}");
        }
    }
}
