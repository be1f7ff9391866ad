//! The question after a target's final word on a document that it took, and what the answer means.
//!
//! An answer that cannot be understood is no word at all: it is asked again, and nothing is believed that was not said.

use http::StatusCode;
use lineshaft_model::connection::{Readback as Settings, Says};
use lineshaft_model::delivery::{Answer, Outgoing};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::time::Timestamp;
use lineshaft_model::tree::{Path, Tree};

use super::answer::{self, reference};
use super::client::{Answer as HttpAnswer, NoAnswer};
use super::destination::{path, template};
use super::template::Template;

/// The question of one receiving interface.
pub(crate) struct Readback {
    path: Template,
    posted_when: Says,
    refused_when: Option<Says>,
    reason: Option<Path>,
    receipt: Option<Path>,
}

impl Readback {
    /// # Errors
    /// `PROJECT-001` for a setting that cannot be used.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Fault> {
        let unusable = |why: String| Fault::new(Code::ProjectFile, why);
        let optional = |text: &Option<String>| text.as_deref().map(path).transpose();
        Ok(Self {
            path: template(&settings.path)?,
            posted_when: settings.posted_when.read().map_err(unusable)?,
            refused_when: settings.refused_when.as_ref().map(|it| it.read().map_err(unusable)).transpose()?,
            reason: optional(&settings.reason)?,
            receipt: optional(&settings.receipt)?,
        })
    }

    /// The path and query to ask at. The target's reference is a value like any other, whole and in its parts.
    ///
    /// # Errors
    /// `RENDER-002` for a value that is missing.
    pub(crate) fn question(&self, outgoing: &Outgoing) -> Result<String, Fault> {
        let mut outgoing = outgoing.clone();
        if let Some(receipt) = &outgoing.receipt {
            let parts = (1..).zip(receipt.split('/')).map(|(at, part)| (format!("receipt_{at}"), part.to_owned()));
            let known: Vec<_> = parts.chain([("receipt".to_owned(), receipt.clone())]).collect();
            outgoing.parameters.extend(known);
        }
        self.path.path(&outgoing)
    }

    /// What the answer says.
    pub(crate) fn understand(&self, exchange: Result<HttpAnswer, NoAnswer>, now: Timestamp) -> Answer {
        match exchange {
            Err(NoAnswer::NotSent(fault) | NoAnswer::Unknown(fault)) => Answer::CannotTell(fault),
            // Nothing is there to read yet.
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => Answer::NotYet,
            Ok(answer) => match answer::document(Ok(answer), now) {
                Ok(document) => self.says(&document),
                Err((fault, _)) => Answer::CannotTell(fault),
            },
        }
    }

    fn says(&self, document: &Tree) -> Answer {
        let text = |path: &Option<Path>| reference(document, std::slice::from_ref(path.as_ref()?));
        if self.refused_when.as_ref().is_some_and(|says| says.holds(document)) {
            let said = text(&self.reason).unwrap_or_else(|| "the target gave no reason".to_owned());
            return Answer::Refused(Fault::new(Code::DeliverRefusedLater, said));
        }
        if self.posted_when.holds(document) {
            return Answer::Posted { receipt: text(&self.receipt) };
        }
        Answer::NotYet
    }
}

/// The answer of an interface that declares no question.
pub(crate) fn not_declared() -> Answer {
    let what = "this interface declares no readback, so the target cannot be asked";
    Answer::CannotTell(Fault::new(Code::DeliverNoAnswer, what))
}
