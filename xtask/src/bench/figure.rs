//! One figure, and what several runs make of it: median, lowest, highest; as JSON and as a table.

use std::fmt::Write as _;

/// One figure of one run.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Name in the JSON.
    pub key: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The value, or why it could not be taken.
    pub value: Result<f64, String>,
}

impl Figure {
    /// A figure that was taken; one that is no number was not.
    pub fn of(key: &'static str, about: &'static str, unit: &'static str, value: f64) -> Self {
        let value = if value.is_finite() { Ok(value) } else { Err("this system does not tell".to_owned()) };
        Self { key, about, unit, value }
    }

    /// A figure that cannot be taken here.
    pub fn skipped(key: &'static str, about: &'static str, why: String) -> Self {
        Self { key, about, unit: "", value: Err(why) }
    }
}

/// The figures of all runs.
#[derive(Default)]
pub struct Report {
    runs: Vec<Vec<Figure>>,
}

/// One figure over all runs.
struct Row<'a> {
    figure: &'a Figure,
    /// Sorted; empty where it was skipped.
    values: Vec<f64>,
}

impl Report {
    /// Adds a run.
    pub fn add(&mut self, run: Vec<Figure>) {
        self.runs.push(run);
    }

    /// How many figures there are.
    pub fn count(&self) -> usize {
        self.rows().iter().filter(|row| !row.values.is_empty()).count()
    }

    /// How many could not be taken.
    pub fn skipped(&self) -> usize {
        self.rows().iter().filter(|row| row.values.is_empty()).count()
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let first = self.runs.first().map(Vec::as_slice).unwrap_or_default();
        let of = |figure: &Figure| {
            let same = self.runs.iter().flatten().filter(|other| other.key == figure.key);
            let mut values: Vec<f64> = same.filter_map(|other| other.value.clone().ok()).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        first.iter().map(|figure| Row { figure, values: of(figure) }).collect()
    }

    /// A table with a line of facts above it.
    pub fn to_markdown(&self, facts: &[(&str, String)]) -> String {
        let mut text = facts.iter().fold(String::new(), |mut text, (name, value)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "- {name}: `{value}`");
            text
        });
        text.push_str("\n| figure | median | lowest | highest | unit |\n|---|--:|--:|--:|---|\n");
        for row in self.rows() {
            let about = row.figure.about;
            let _ = match (&row.figure.value, row.values.as_slice()) {
                (Err(why), []) => writeln!(text, "| {about} | SKIP | | | {why} |"),
                (_, values) => writeln!(
                    text,
                    "| {about} | {} | {} | {} | {} |",
                    shown(median(values)),
                    shown(values.first().copied().unwrap_or(f64::NAN)),
                    shown(values.last().copied().unwrap_or(f64::NAN)),
                    row.figure.unit
                ),
            };
        }
        text
    }

    /// Every value of every run.
    pub fn to_json(&self, facts: &[(&str, String)]) -> String {
        let facts = facts.iter().map(|(name, value)| format!("  {}: {},\n", quoted(name), quoted(value)));
        let figures: Vec<String> = self
            .rows()
            .iter()
            .map(|row| {
                let what = format!("\"about\": {}, \"unit\": {}", quoted(row.figure.about), quoted(row.figure.unit));
                let value = match &row.figure.value {
                    Err(why) if row.values.is_empty() => format!("\"skipped\": {}", quoted(why)),
                    _ => format!("\"median\": {}, \"values\": {:?}", median(&row.values), row.values),
                };
                format!("    {}: {{ {what}, {value} }}", quoted(row.figure.key))
            })
            .collect();
        format!("{{\n{}  \"figures\": {{\n{}\n  }}\n}}\n", facts.collect::<String>(), figures.join(",\n"))
    }
}

/// The middle of sorted values; the lower one of two.
fn median(values: &[f64]) -> f64 {
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// A value as it is shown.
pub fn shown(value: f64) -> String {
    if value.abs() < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\t'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_become_medians_and_skips_are_told() {
        let mut report = Report::default();
        for value in [3.0, 1.0, 20.0] {
            let taken = Figure::of("rate", "Rate", "a second", value);
            report.add(vec![taken, Figure::skipped("find", "Find", "no \"find\" here".to_owned())]);
        }
        assert_eq!((report.count(), report.skipped()), (1, 1));
        let table = report.to_markdown(&[("commit", "abc".to_owned())]);
        assert!(table.contains("| Rate | 3.00 | 1.00 | 20 | a second |"), "{table}");
        assert!(table.contains("| Find | SKIP | | | no \"find\" here |"), "{table}");
        let json = report.to_json(&[("commit", "abc".to_owned())]);
        assert!(
            json.contains(
                "\"rate\": { \"about\": \"Rate\", \"unit\": \"a second\", \"median\": 3, \"values\": [1.0, 3.0, 20.0] }"
            ),
            "{json}"
        );
        assert!(json.contains("no \\\"find\\\" here"), "{json}");
    }
}
