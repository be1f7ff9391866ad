//! Transaction sets to an interchange: strict, and 106 characters of ISA whatever arrives from others.

use lineshaft_model::fault::Fault;

use crate::edi::arrange;
use crate::edi::guides;
use crate::edi::write::{Writer, encoded, failed, headed};
use crate::edi::{GroupHead, Head, Outgoing, Style};

/// Writes one interchange. Sets of the same functional group that stand beside each other share a GS.
///
/// Of `head` and `group`, dates are `CCYYMMDD`; control numbers are digits; an empty ISA12 follows from the version of the
/// group; empty GS02 and GS03 are the ids of the interchange. Group control numbers count on from `group.control`.
///
/// # Errors
/// [`lineshaft_model::fault::Code::RenderFailed`]: an envelope value that does not fit its place, and for each set what its
/// guide does not allow, or a value that holds a delimiter, which X12 has no way to write.
pub fn encode(head: &Head, group: &GroupHead, sets: &[Outgoing<'_>], style: &Style) -> Result<Vec<u8>, Fault> {
    style.delimiters.check().map_err(failed)?;
    let version = match head.version.as_str() {
        "" => group.version.get(..5).unwrap_or_default(),
        version => version,
    };
    let mut style = *style;
    style.delimiters.repetition = style.delimiters.repetition.filter(|_| version >= "00402");
    let mut writer = Writer::new(style.delimiters, style.lines);
    interchange_header(&mut writer, head, version, &style)?;
    let control: u32 = number(&group.control, "the group's control number")?;
    let mut groups = 0;
    for run in sets.chunk_by(|one, other| function(one) == function(other)) {
        let control = control.checked_add(groups).ok_or_else(|| failed("the group's control number is too large"))?;
        write_group(&mut writer, head, group, &control.to_string(), run, &style)?;
        groups += 1;
    }
    let control = padded_number(&head.control)?;
    writer.header("IEA", &[("IEA01", &groups.to_string()), ("IEA02", &control)])?;
    encoded(writer.text, style.charset)
}

/// The functional group that a set goes into; one without a guide makes a group with its own type.
fn function<'set>(set: &Outgoing<'set>) -> &'set str {
    guides::x12(set.kind).map_or(set.kind, |guide| &guide.function)
}

fn interchange_header(writer: &mut Writer, head: &Head, version: &str, style: &Style) -> Result<(), Fault> {
    let repetition = style.delimiters.repetition.map_or('U', char::from).to_string();
    let elements = [
        ("ISA01", "00", 2),
        ("ISA02", "", 10),
        ("ISA03", "00", 2),
        ("ISA04", "", 10),
        ("ISA05", &head.sender.qualifier, 2),
        ("ISA06", &head.sender.id, 15),
        ("ISA07", &head.receiver.qualifier, 2),
        ("ISA08", &head.receiver.id, 15),
        ("ISA09", head.date.get(2..).unwrap_or_default(), 6),
        ("ISA10", &head.time, 4),
        ("ISA11", &repetition, 1),
        ("ISA12", version, 5),
        ("ISA13", &padded_number(&head.control)?, 9),
        ("ISA14", if head.wants_answer { "1" } else { "0" }, 1),
        ("ISA15", if head.is_test { "T" } else { "P" }, 1),
    ];
    writer.text.push_str("ISA");
    for (name, value, width) in elements {
        let is_filler = matches!(name, "ISA02" | "ISA04");
        if value.is_empty() && !is_filler {
            return Err(failed(format!("{name} is missing")));
        }
        if value.chars().count() > width || !matches!(name, "ISA06" | "ISA08") && !is_filler && value.len() != width {
            return Err(failed(format!("{name} does not have {width} characters")));
        }
        writer.text.push(char::from(style.delimiters.element));
        if name == "ISA11" {
            writer.text.push_str(value);
        } else {
            writer.value(&format!("{value:width$}"))?;
        }
    }
    let [element, component] = [style.delimiters.element, style.delimiters.component].map(char::from);
    writer.text.extend([element, component]);
    writer.end_segment();
    Ok(())
}

fn write_group(
    writer: &mut Writer,
    head: &Head,
    group: &GroupHead,
    control: &str,
    sets: &[Outgoing<'_>],
    style: &Style,
) -> Result<(), Fault> {
    let or = |value: &'_ str, other: &'_ str| if value.is_empty() { other.to_owned() } else { value.to_owned() };
    let header = [
        ("GS01", sets.first().map_or("", function).to_owned()),
        ("GS02", or(&group.sender, &head.sender.id)),
        ("GS03", or(&group.receiver, &head.receiver.id)),
        ("GS04", or(&group.date, &head.date)),
        ("GS05", or(&group.time, &head.time)),
        ("GS06", control.to_owned()),
        ("GS07", "X".to_owned()),
        ("GS08", group.version.clone()),
    ];
    if let Some((name, _)) = header.iter().find(|(_, value)| value.is_empty()) {
        return Err(failed(format!("{name} is missing")));
    }
    writer.header("GS", &header.each_ref().map(|(name, value)| (*name, value.as_str())))?;
    for set in sets {
        let tree = headed(set.tree, "ST", &[("ST01", set.kind), ("ST02", set.control)])?;
        if !(4..=9).contains(&set.control.len()) {
            return Err(failed("ST02 does not have 4 to 9 characters"));
        }
        let segments = arrange::write(guides::x12(set.kind), &tree, style.delimiters, writer)?;
        writer.header("SE", &[("SE01", &(segments + 1).to_string()), ("SE02", set.control)])?;
    }
    writer.header("GE", &[("GE01", &sets.len().to_string()), ("GE02", control)])
}

fn padded_number(control: &str) -> Result<String, Fault> {
    let number = number(control, "the interchange's control number")?;
    Ok(format!("{number:09}"))
}

fn number(text: &str, what: &str) -> Result<u32, Fault> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_digits && (1..=999_999_999).contains(number));
    number.ok_or_else(|| failed(format!("{what} is not a number from 1 to 999999999")))
}
