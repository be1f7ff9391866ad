//! A target's final word on something that it took: kept with the delivery that awaits it, or waiting for that one.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::lineage::LineageKind;
use lineshaft_model::plan::{AnswerTo, AnswerVerdict};
use rusqlite::{OptionalExtension, Row as SqlRow, params};

use super::Commit;
use super::plan::Row;
use crate::change::{Due, Part, Released};
use crate::store::StoreError;

/// A delivery that an answer names.
struct Answered {
    id: DeliveryId,
    transaction: Vec<u8>,
    state: DeliveryState,
    tried: u32,
    line: (String, String, Option<String>),
}

impl Commit<'_> {
    /// Carries an answer to the delivery it names. One that came too early waits; one that can change nothing any more
    /// stands in front of a person only where it contradicts what is settled.
    pub(super) fn answer(
        &mut self,
        part: &Part,
        answer: &AnswerTo,
        due: &mut Vec<Due>,
        released: &mut Released,
    ) -> Result<Row, StoreError> {
        let AnswerTo { receiver, reference, verdict } = answer;
        let found = self.awaiting(receiver, reference)?;
        let Some(delivery) = found.filter(|delivery| delivery.tried > 0) else {
            return Ok(Row::parked(Fault::unmatched_answer(receiver, reference)));
        };
        match verdict {
            Some(AnswerVerdict::Refused(fault)) if delivery.state.is_settled() => {
                let said = format!("the delivery {} is {} already: {}", delivery.id, delivery.state, fault.message);
                return Ok(Row::parked(Fault::new(Code::SettleTooLate, said).detail(fault.detail.clone())));
            }
            Some(verdict) if !delivery.state.is_settled() => {
                self.keep_answer(receiver, &delivery, verdict)?;
                released.answered.push(delivery.id);
                if let (AnswerVerdict::Posted(_), (system, sequence, Some(key))) = (verdict, &delivery.line) {
                    due.extend(self.advance(system, sequence, key)?);
                }
            }
            _ => {}
        }
        self.sql
            .prepare_cached("INSERT INTO lineage (parent, child, kind) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![delivery.transaction, part.id.as_bytes().as_slice(), LineageKind::Answer.as_str()])?;
        Ok(Row::processed_as(receiver))
    }

    fn awaiting(&self, receiver: &str, reference: &str) -> Result<Option<Answered>, StoreError> {
        let read = |row: &SqlRow<'_>| {
            let word: String = row.get(2)?;
            let state = DeliveryState::from_word(&word)
                .ok_or_else(|| rusqlite::Error::InvalidParameterName(format!("deliveries.state {word:?}")))?;
            Ok(Answered {
                id: DeliveryId::from_bytes(row.get(0)?),
                transaction: row.get(1)?,
                state,
                tried: row.get(3)?,
                line: (row.get(4)?, row.get(5)?, row.get(6)?),
            })
        };
        Ok(self
            .sql
            .prepare_cached(
                "SELECT id, \"transaction\", state, tried, system, sequence, order_key FROM deliveries
                 WHERE receiver = ?1 AND awaits = ?2 ORDER BY rank DESC, part DESC LIMIT 1",
            )?
            .query_row(params![receiver, reference], read)
            .optional()?)
    }

    fn keep_answer(&mut self, receiver: &str, delivery: &Answered, verdict: &AnswerVerdict) -> Result<(), StoreError> {
        let (id, now) = (delivery.id.as_bytes().as_slice(), self.now.as_micros());
        self.sql.prepare_cached("UPDATE deliveries SET tried = tried + 1 WHERE id = ?1")?.execute(params![id])?;
        let (came_to, to, fault) = match verdict {
            AnswerVerdict::Posted(_) => ("delivered", DeliveryState::Delivered, None),
            AnswerVerdict::Refused(fault) => ("park", DeliveryState::Parked, Some(fault)),
        };
        self.deliveries_moved(1, receiver, delivery.state, to);
        self.sql
            .prepare_cached(
                "INSERT INTO attempts (delivery, number, epoch, kind, started_at, ended_at, came_to, code, message)
                 SELECT id, tried, ?2, 'answer', ?3, ?3, ?4, ?5, ?6 FROM deliveries WHERE id = ?1",
            )?
            .execute(params![
                id,
                self.epoch,
                now,
                came_to,
                fault.map_or("", |fault| fault.code.as_str()),
                fault.map_or("", |fault| fault.message.as_str())
            ])?;
        match verdict {
            AnswerVerdict::Posted(receipt) => {
                self.sql
                    .prepare_cached(
                        "UPDATE deliveries SET state = 'delivered', next_at = NULL, lets_pass = 0, receipt = coalesce(?2, receipt),
                           code = NULL, message = NULL, place = NULL, detail = NULL, waits_table = NULL, waits_key = NULL,
                           changed_at = ?3, settled_at = ?3 WHERE id = ?1",
                    )?
                    .execute(params![id, receipt, now])?;
                self.account(delivery.id)
            }
            AnswerVerdict::Refused(fault) => {
                // It took the document, whatever the attempt seemed to come to: sent again, it needs a new key.
                self.sql
                    .prepare_cached(
                        "UPDATE deliveries SET state = 'parked', next_at = NULL, lets_pass = 0, code = ?2, message = ?3, place = ?4,
                           detail = ?5, changed_at = ?6, answer_until = coalesce(answer_until, ?6) WHERE id = ?1",
                    )?
                    .execute(params![id, fault.code.as_str(), fault.message, fault.at, fault.detail, now])?;
                Ok(())
            }
        }
    }
}
