//! What a guide says of the elements of one segment, and whether a value is as it says.
//!
//! Deliberately absent: lengths, and complete lists of codes. Those are what partners agree on, and they differ from
//! version to version; what stands here holds in all of them.

use super::finding::Kind;

/// The rules of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// In the order of their places.
    pub(crate) elements: Vec<Rule>,
    pub(crate) conditions: Vec<Condition>,
}

/// What is said of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) element: u8,
    pub(crate) component: u8,
    /// It must be there; a second or later component only where its element is there.
    pub(crate) is_mandatory: bool,
    pub(crate) form: Form,
    /// All codes that it can be; any text if empty.
    pub(crate) codes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Number,
    Date,
    Time,
}

/// What the presence of elements asks of each other, in the words of X12: `P0304`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) text: String,
    kind: ConditionKind,
    pub(crate) elements: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConditionKind {
    /// `P`: all or none.
    Paired,
    /// `R`: at least one.
    Required,
    /// `E`: at most one.
    Exclusive,
    /// `C`: the first asks for all others.
    Conditional,
    /// `L`: the first asks for one of the others.
    ListConditional,
}

impl Rules {
    /// Adds what one word of a guide says; a later word about the same value counts instead of an earlier one.
    pub(crate) fn add(&mut self, word: &str) -> Result<(), String> {
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            let rule = Rule::parse(word).ok_or_else(|| format!("{word:?} is no rule of an element"))?;
            match self.elements.binary_search_by_key(&rule.at(), Rule::at) {
                Ok(known) => self.elements[known] = rule,
                Err(place) => self.elements.insert(place, rule),
            }
        } else {
            let condition = Condition::parse(word).ok_or_else(|| format!("{word:?} is no condition"))?;
            self.conditions.push(condition);
        }
        Ok(())
    }
}

impl Rule {
    pub(crate) fn at(&self) -> (u8, u8) {
        (self.element, self.component)
    }

    /// `03!`, `01.2`, `02!n`, `05d`, `01!=A|E|R`.
    fn parse(word: &str) -> Option<Self> {
        let (place, codes) = word.split_once('=').unwrap_or((word, ""));
        let end = place.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(place.len());
        let (numbers, marks) = place.split_at(end);
        let (element, component) = numbers.split_once('.').unwrap_or((numbers, "1"));
        let (is_mandatory, form) = match marks.strip_prefix('!') {
            Some(form) => (true, form),
            None => (false, marks),
        };
        let form = match form {
            "" => Form::Text,
            "n" => Form::Number,
            "d" => Form::Date,
            "t" => Form::Time,
            _ => return None,
        };
        let codes = codes.split('|').filter(|code| !code.is_empty()).map(str::to_owned).collect();
        Some(Self { element: element.parse().ok()?, component: component.parse().ok()?, is_mandatory, form, codes })
    }

    /// What is wrong with a value that is there.
    pub(crate) fn check(&self, text: &str, decimal_comma: bool) -> Option<Kind> {
        let is_mandatory = self.is_mandatory;
        match self.form {
            Form::Number if !is_number(text, decimal_comma) => return Some(Kind::NotANumber),
            Form::Date if !is_date(text) => return Some(Kind::NotADate { is_mandatory }),
            Form::Time if !is_time(text) => return Some(Kind::NotATime { is_mandatory }),
            _ => {}
        }
        let is_known = self.codes.is_empty() || self.codes.iter().any(|code| code == text);
        (!is_known).then_some(Kind::CodeUnknown)
    }
}

impl Condition {
    fn parse(word: &str) -> Option<Self> {
        let kind = match word.as_bytes().first()? {
            b'P' => ConditionKind::Paired,
            b'R' => ConditionKind::Required,
            b'E' => ConditionKind::Exclusive,
            b'C' => ConditionKind::Conditional,
            b'L' => ConditionKind::ListConditional,
            _ => return None,
        };
        let (pairs, rest) = word.as_bytes()[1..].as_chunks::<2>();
        let elements: Option<Vec<u8>> = pairs
            .iter()
            .map(|pair| std::str::from_utf8(pair).ok()?.parse().ok().filter(|number| *number < 64))
            .collect();
        let elements = elements.filter(|elements| elements.len() > 1 && rest.is_empty())?;
        Some(Self { text: word.to_owned(), kind, elements })
    }

    /// Whether the elements that are there satisfy it; bit n stands for element n.
    pub(crate) fn holds(&self, present: u128) -> bool {
        let is_there = |element: &u8| present >> element & 1 == 1;
        let (first, others) = (&self.elements[..1], &self.elements[1..]);
        let count = self.elements.iter().filter(|element| is_there(element)).count();
        match self.kind {
            ConditionKind::Paired => count == 0 || count == self.elements.len(),
            ConditionKind::Required => count > 0,
            ConditionKind::Exclusive => count < 2,
            ConditionKind::Conditional => !first.iter().any(is_there) || others.iter().all(is_there),
            ConditionKind::ListConditional => !first.iter().any(is_there) || others.iter().any(is_there),
        }
    }
}

/// Digits with at most one decimal mark, and a minus in front.
fn is_number(text: &str, decimal_comma: bool) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let marks = digits.iter().filter(|byte| **byte == b'.' || (decimal_comma && **byte == b',')).count();
    let numerals = digits.iter().filter(|byte| byte.is_ascii_digit()).count();
    numerals > 0 && marks <= 1 && marks + numerals == digits.len()
}

/// `YYMMDD` or `CCYYMMDD`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !matches!(bytes.len(), 6 | 8) || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let (month, day) = (two_digits(bytes, bytes.len() - 4), two_digits(bytes, bytes.len() - 2));
    let days = match month {
        // A year of two digits does not say its century, so that 29 February is always taken.
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// `HHMM`, with seconds and tenths or hundredths of them.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.len(), 4 | 6..=8)
        && bytes.iter().all(u8::is_ascii_digit)
        && two_digits(bytes, 0) < 24
        && two_digits(bytes, 2) < 60
        && (bytes.len() < 6 || two_digits(bytes, 4) < 60)
}

fn two_digits(bytes: &[u8], at: usize) -> u8 {
    (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_strict() {
        for (text, number, date, time) in [
            ("12", true, false, false),
            ("-.5", true, false, false),
            ("1.2.3", false, false, false),
            ("1,5", false, false, false),
            ("-", false, false, false),
            ("20240229", true, true, true),
            ("240231", true, false, false),
            ("1359", true, false, true),
            ("2460", true, false, false),
            ("12595999", true, false, true),
            ("CCYYMMDD", false, false, false),
            ("", false, false, false),
        ] {
            assert_eq!((is_number(text, false), is_date(text), is_time(text)), (number, date, time), "{text}");
        }
        assert!(is_number("1,5", true));
    }

    #[test]
    fn conditions_look_at_what_is_there() {
        for (condition, present, holds) in [
            ("P0304", 0b0_0000, true),
            ("P0304", 0b0_1000, false),
            ("P0304", 0b1_1000, true),
            ("R0203", 0b0_0010, false),
            ("R0203", 0b0_1000, true),
            ("E0203", 0b0_1100, false),
            ("C0203", 0b0_0100, false),
            ("C0203", 0b0_1000, true),
            ("L020304", 0b1_0100, true),
            ("L020304", 0b0_0100, false),
        ] {
            assert_eq!(Condition::parse(condition).expect(condition).holds(present), holds, "{condition} {present:b}");
        }
        for word in ["P03", "X0304", "P030", "Pab"] {
            assert_eq!(Condition::parse(word), None, "{word}");
        }
    }
}
