//! One receiving interface: a file for each document.

use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::connection::files::{FilesConnection, FilesDestination as Settings};
use lineshaft_model::delivery::{Answer, Outcome, Outgoing, Probe};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::DeliveryId;

use super::beneath::{Root, aside};
use super::publish::{Place, probe, publish};
use crate::contract::{BoxFuture, Destination, Surroundings};
use crate::http::destination::{in_turn, template};
use crate::http::readback::not_declared;
use crate::http::template::Template;

/// One receiving interface.
pub struct FilesDestination {
    place: Arc<Place>,
    name: Template,
}

impl FilesDestination {
    /// Reads the settings. Opens nothing yet.
    ///
    /// # Errors
    /// `PROJECT-001` for a setting that cannot be used, `DELIVER-011` for a reference that cannot be resolved.
    pub fn open(surroundings: &Surroundings, connection: &FilesConnection, settings: &Settings) -> Result<Self, Fault> {
        let place = Place {
            root: Root::open(surroundings, connection)?,
            directory: settings.directory.clone(),
            taken_to: settings.taken_to.clone(),
        };
        Ok(Self { place: Arc::new(place), name: template(&settings.name)? })
    }

    async fn attempt(&self, outgoing: &Outgoing) -> Outcome {
        let name = match self.name.name(outgoing) {
            Ok(name) => name,
            Err(fault) => return Outcome::Refused { fault, retry_after: None },
        };
        let (place, key, body) = (Arc::clone(&self.place), outgoing.target_key.clone(), outgoing.body.clone());
        let outcome = aside(move || publish(&place, &name, &key, &body)).await;
        outcome.unwrap_or_else(|fault| Outcome::Unknown(Fault { code: Code::DeliverNoAnswer, ..fault }))
    }

    async fn ask(&self, outgoing: &Outgoing) -> Probe {
        let name = match self.name.name(outgoing) {
            Ok(name) => name,
            Err(fault) => return Probe::CannotTell(fault),
        };
        let (place, body) = (Arc::clone(&self.place), outgoing.body.clone());
        aside(move || probe(&place, &name, &body)).await.unwrap_or_else(Probe::CannotTell)
    }
}

impl Destination for FilesDestination {
    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Vec<(DeliveryId, Outcome)>> {
        Box::pin(in_turn(batch, |outgoing| self.attempt(outgoing)))
    }

    /// Nobody says how long a file system takes.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn probe<'a>(&'a self, delivery: &'a Outgoing) -> BoxFuture<'a, Probe> {
        Box::pin(self.ask(delivery))
    }

    /// A directory gives no word beyond the file that is in it: an answer comes as a document.
    fn read_back<'a>(&'a self, _delivery: &'a Outgoing) -> BoxFuture<'a, Answer> {
        Box::pin(std::future::ready(not_declared()))
    }
}
