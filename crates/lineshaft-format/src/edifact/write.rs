//! Messages to an interchange: strict, with UNA in front so that no reader has to guess.

use lineshaft_model::fault::Fault;
use lineshaft_model::tree::Tree;

use super::header;
use crate::edi::arrange;
use crate::edi::guides;
use crate::edi::write::{Writer, encoded, failed, headed};
use crate::edi::{Head, Outgoing, Style};

/// Writes one interchange, without functional groups.
///
/// Of `head`, the date is `CCYYMMDD`, the character set `UNOA` to `UNOC`, `UNOW` or `UNOY`, the version 1 to 4. `version`
/// is that of the messages, `D:96A`, unless a message's own UNH says another one.
///
/// # Errors
/// [`lineshaft_model::fault::Code::RenderFailed`]: an envelope value that is missing, a character that the set does not
/// have, and for each message what its guide does not allow.
pub fn encode(head: &Head, version: &str, messages: &[Outgoing<'_>], style: &Style) -> Result<Vec<u8>, Fault> {
    let mut style = *style;
    style.delimiters.repetition = style.delimiters.repetition.filter(|_| head.version == "4");
    style.delimiters.check().map_err(failed)?;
    let mut writer = Writer::new(style.delimiters, style.lines);
    service_string(&mut writer, &style);
    interchange_header(&mut writer, head)?;
    for message in messages {
        let (directory, release) = version.split_once(':').unwrap_or((version, ""));
        let own = |name: &str, otherwise: &str| {
            let own = message.tree.get("UNH").and_then(|header| header.get(name)).and_then(Tree::scalar);
            own.filter(|own| !own.is_empty()).unwrap_or(otherwise).to_owned()
        };
        let header = [
            ("UNH01", message.control.to_owned()),
            ("UNH02", message.kind.to_owned()),
            ("UNH02_2", own("UNH02_2", directory)),
            ("UNH02_3", own("UNH02_3", release)),
            ("UNH02_4", own("UNH02_4", "UN")),
        ];
        let tree = headed(message.tree, "UNH", &header.each_ref().map(|(name, value)| (*name, value.as_str())))?;
        let segments = arrange::write(guides::edifact(message.kind), &tree, style.delimiters, &mut writer)?;
        writer.header("UNT", &[("UNT01", &(segments + 1).to_string()), ("UNT02", message.control)])?;
    }
    writer.header("UNZ", &[("UNZ01", &messages.len().to_string()), ("UNZ02", &head.control)])?;
    check_repertoire(&writer.text, &head.charset, &style)?;
    encoded(writer.text, header::charset(&head.charset))
}

fn service_string(writer: &mut Writer, style: &Style) {
    let delimiters = style.delimiters;
    let [component, element] = [delimiters.component, delimiters.element].map(char::from);
    let [release, repetition] = [delimiters.release, delimiters.repetition].map(|byte| byte.map_or(' ', char::from));
    writer.text.push_str("UNA");
    writer.text.extend([component, element, '.', release, repetition]);
    writer.end_segment();
}

fn interchange_header(writer: &mut Writer, head: &Head) -> Result<(), Fault> {
    // Two digits of the year until syntax 4.
    let date = if head.version == "4" { head.date.as_str() } else { head.date.get(2..).unwrap_or_default() };
    let values = [
        ("UNB01", head.charset.as_str()),
        ("UNB01_2", &head.version),
        ("UNB02", &head.sender.id),
        ("UNB02_2", &head.sender.qualifier),
        ("UNB03", &head.receiver.id),
        ("UNB03_2", &head.receiver.qualifier),
        ("UNB04", date),
        ("UNB04_2", &head.time),
        ("UNB05", &head.control),
        ("UNB07", &head.reference),
        ("UNB09", if head.wants_answer { "1" } else { "" }),
        ("UNB11", if head.is_test { "1" } else { "" }),
    ];
    let needed = ["UNB01", "UNB01_2", "UNB02", "UNB03", "UNB04", "UNB04_2", "UNB05"];
    if let Some((name, _)) = values.iter().find(|(name, value)| value.is_empty() && needed.contains(name)) {
        return Err(failed(format!("{name} is missing")));
    }
    if !matches!(head.version.as_str(), "1" | "2" | "3" | "4") {
        return Err(failed("UNB01_2 is not a version of the syntax from 1 to 4"));
    }
    if head.control.chars().count() > 14 {
        return Err(failed("UNB05 has more than 14 characters"));
    }
    writer.header("UNB", &values)
}

/// Levels A and B have fewer characters than ASCII; A has no small letters.
fn check_repertoire(text: &str, charset: &str, style: &Style) -> Result<(), Fault> {
    let is_level = |character: char| match charset {
        "UNOA" => {
            character.is_ascii_uppercase() || character.is_ascii_digit() || " .,-()/='+:?!\"%&*;<>".contains(character)
        }
        "UNOB" => character.is_ascii_alphanumeric() || " .,-()/='+:?!\"%&*;<>".contains(character),
        _ => true,
    };
    let is_delimiter = |character: char| {
        u8::try_from(character).is_ok_and(|byte| style.delimiters.name_of(byte).is_some()) || character == '\n'
    };
    match text.chars().find(|character| !is_level(*character) && !is_delimiter(*character)) {
        Some(character) => Err(failed(format!("{character:?} cannot be written in {charset}; declare UNOC or UNOY"))),
        None => Ok(()),
    }
}
