//! What a person decides: each decision and its audit entry are one commit (AU-2, OT10).

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::Code;
use lineshaft_model::ids::{DeliveryId, IntakeId, TransactionId};
use lineshaft_model::transaction::TransactionState;
use rusqlite::{OptionalExtension, params};

use super::{Commit, Place};
use crate::change::{Act, Due, Effect, NewBytes, Target, Verdict};
use crate::store::StoreError;

impl Commit<'_> {
    pub(super) fn act(&mut self, act: &Act) -> Result<Effect, StoreError> {
        match &act.target {
            Target::Delivery(id) => self.act_on_delivery(act, *id),
            Target::Transaction(id) => self.act_on_transaction(act, *id),
            Target::Interface(name) => self.act_on_interface(act, name),
        }
    }

    fn act_on_delivery(&mut self, act: &Act, delivery: DeliveryId) -> Result<Effect, StoreError> {
        let id = delivery.as_bytes().as_slice();
        let found: Option<(String, Place, bool, Taken)> = self
            .sql
            .prepare_cached(
                "SELECT state, system, sequence, order_key, rank, part, receiver, body IS NOT NULL, answer_until IS NOT NULL, code
                 FROM deliveries WHERE id = ?1",
            )?
            .query_row(params![id], |row| {
                let place = Place {
                    system: row.get(1)?,
                    sequence: row.get(2)?,
                    order_key: row.get(3)?,
                    rank: row.get(4)?,
                    part: row.get(5)?,
                    receiver: row.get(6)?,
                };
                let code: Option<String> = row.get(9)?;
                let taken = match (row.get(8)?, code.as_deref() == Some(Code::DeliverUnanswered.as_str())) {
                    (false, _) => Taken::Not,
                    (true, true) => Taken::Unanswered,
                    (true, false) => Taken::Known,
                };
                Ok((row.get(0)?, place, row.get(7)?, taken))
            })
            .optional()?;
        let Some((state, place, has_body, taken)) = found else { return Ok(Effect::Missing) };
        let bytes = Bytes { old: has_body, new: act.rendered.is_some() };
        let late = state == "pending" && !has_body;
        let Some(next) = permitted(&act.verdict, &state, taken, &bytes)
            .or_else(|| permitted_late(&act.verdict, late, &bytes))
            .or_else(|| stranded(act, &state))
        else {
            return Ok(Effect::NotNow { state });
        };
        let from = DeliveryState::from_word(&state).ok_or_else(|| StoreError::Damaged(format!("state {state:?}")))?;
        let receiver = place.receiver.clone();
        let due = if next == DeliveryState::Pending {
            let due = self.send_again(act, delivery, place)?;
            let to = if due.is_some() { next } else { DeliveryState::Behind };
            self.deliveries_moved(1, &receiver, from, to);
            due
        } else {
            self.deliveries_moved(1, &receiver, from, next);
            let receipt = if let Verdict::Posted(reference) = &act.verdict { Some(reference.as_str()) } else { None };
            self.sql
                .prepare_cached(
                    "UPDATE deliveries SET state = ?2, next_at = NULL, lets_pass = 0, receipt = coalesce(?3, receipt), waits_table = NULL, waits_key = NULL, changed_at = ?4, settled_at = ?4 WHERE id = ?1",
                )?
                .execute(params![id, next.as_str(), receipt, self.now.as_micros()])?;
            match &place.order_key {
                Some(key) => self.advance(&place.system, &place.sequence, key)?,
                None => None,
            }
        };
        if next.is_settled() {
            self.account(delivery)?;
        }
        self.audit(&act.entry, Some(&state), Some(next.as_str()))?;
        Ok(Effect::Acted { due: due.into_iter().collect(), process: None })
    }

    /// A person starts the count of attempts again: the limit is for what happens without one. New bytes are a new
    /// revision, with a new target key, where the old ones were ever sent.
    fn send_again(&mut self, act: &Act, delivery: DeliveryId, place: Place) -> Result<Option<Due>, StoreError> {
        let id = delivery.as_bytes().as_slice();
        if let Some(NewBytes { payload, parameters, awaits }) = &act.rendered {
            let intake = self
                .sql
                .prepare_cached(
                    "SELECT t.intake FROM deliveries d JOIN transactions t ON t.id = d.\"transaction\" WHERE d.id = ?1",
                )?
                .query_row(params![id], |row| row.get(0).map(IntakeId::from_bytes))?;
            let body = self.store_payload(intake, payload)?;
            let values = super::plan::parameters_text(parameters)?;
            self.sql
                .prepare_cached(
                    "UPDATE deliveries SET body = ?2, body_slot = 0, parameters = ?3, awaits = ?4, answer_until = NULL, lets_pass = 0,
                       receipt = NULL, revision = revision + (tried > 0) WHERE id = ?1",
                )?
                .execute(params![id, body, values, awaits])?;
        }
        let behind = self.is_behind(&place)?;
        let (state, next_at) = if behind { ("behind", None) } else { ("pending", Some(self.steady.as_micros())) };
        // New bytes have a new key, and of the old ones a person knows that they had no effect.
        let no_doubt = act.rendered.is_some() || act.verdict == Verdict::NotPosted;
        self.sql
            .prepare_cached("UPDATE deliveries SET state = ?2, next_at = ?3, attempts = 0, first_attempt = NULL, waits_table = NULL, waits_key = NULL,
                   changed_at = ?4, doubt_since = CASE WHEN ?5 THEN NULL ELSE doubt_since END WHERE id = ?1")?
            .execute(params![id, state, next_at, self.now.as_micros(), no_doubt])?;
        Ok((!behind).then(|| place.due(delivery, self.steady)))
    }

    fn act_on_transaction(&mut self, act: &Act, transaction: TransactionId) -> Result<Effect, StoreError> {
        let id = transaction.as_bytes().as_slice();
        let state: Option<String> = self
            .sql
            .prepare_cached("SELECT state FROM transactions WHERE id = ?1")?
            .query_row(params![id], |row| row.get(0))
            .optional()?;
        let Some(state) = state else { return Ok(Effect::Missing) };
        let next = match (&act.verdict, state.as_str()) {
            (Verdict::Retry, "parked") => TransactionState::Accepted,
            (Verdict::Skip | Verdict::Discard, "parked") => TransactionState::Discarded,
            _ => return Ok(Effect::NotNow { state }),
        };
        self.sql
            .prepare_cached("UPDATE transactions SET state = ?2, waits_table = NULL, waits_key = NULL, attempts = 0, changed_at = ?3 WHERE id = ?1")?
            .execute(params![id, next.as_str(), self.now.as_micros()])?;
        self.transactions_moved(1, TransactionState::Parked, next);
        self.audit(&act.entry, Some(&state), Some(next.as_str()))?;
        if next == TransactionState::Accepted {
            return Ok(Effect::Acted { due: Vec::new(), process: Some(transaction) });
        }
        let kept = self.kept_by(transaction)?;
        let due = self.let_go(transaction, &kept)?;
        // They are found in the store.
        self.release_reversals_of(transaction)?;
        Ok(Effect::Acted { due, process: None })
    }

    fn act_on_interface(&mut self, act: &Act, name: &str) -> Result<Effect, StoreError> {
        let changed = match act.verdict {
            Verdict::Pause => self
                .sql
                .prepare_cached("INSERT INTO pauses (target, principal, reason, paused_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (target) DO NOTHING")?
                .execute(params![name, act.entry.principal.as_text(), act.entry.reason, self.now.as_micros()])?,
            Verdict::Resume => self.sql.prepare_cached("DELETE FROM pauses WHERE target = ?1")?.execute(params![name])?,
            _ => 0,
        };
        if changed == 0 {
            let state = if act.verdict == Verdict::Pause { "paused" } else { "running" };
            return Ok(Effect::NotNow { state: state.to_owned() });
        }
        self.audit(&act.entry, None, None)?;
        Ok(Effect::Acted { due: Vec::new(), process: None })
    }
}

/// Whether the target took the document, and what is known of its final word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Not,
    Known,
    Unanswered,
}

/// Which bytes there are to send.
struct Bytes {
    old: bool,
    new: bool,
}

/// The same as [`permitted`] for a delivery whose turn has come and that has no document yet: it is given one, or nothing
/// is to be sent.
fn permitted_late(verdict: &Verdict, late: bool, bytes: &Bytes) -> Option<DeliveryState> {
    match verdict {
        Verdict::Retry if late && bytes.new => Some(DeliveryState::Pending),
        Verdict::Skip if late => Some(DeliveryState::Skipped),
        _ => None,
    }
}

/// The same as [`permitted`] for an open delivery that nothing attempts, because its interface has left the project.
fn stranded(act: &Act, state: &str) -> Option<DeliveryState> {
    match (&act.verdict, state) {
        (Verdict::Skip, "pending" | "behind" | "sent") if act.gone => Some(DeliveryState::Skipped),
        (Verdict::Discard, "pending" | "behind" | "sent") if act.gone => Some(DeliveryState::Discarded),
        _ => None,
    }
}

/// The state that a decision leads to, or `None` where it does not apply.
///
/// A document may be sent again only where the earlier attempt is known to have had no effect: a person who wants
/// to retry one in doubt first says that it was not posted. What the target took once needs a new key, so new bytes
/// ("Changed bytes, new key").
fn permitted(verdict: &Verdict, state: &str, taken: Taken, bytes: &Bytes) -> Option<DeliveryState> {
    match (verdict, state, taken) {
        (Verdict::Retry, "parked", Taken::Not) if bytes.old || bytes.new => Some(DeliveryState::Pending),
        (Verdict::Retry, "parked", Taken::Known) if bytes.new => Some(DeliveryState::Pending),
        (Verdict::NotPosted, "outcome_unknown", Taken::Not) => Some(DeliveryState::Pending),
        (Verdict::NotPosted, "outcome_unknown" | "parked" | "sent", Taken::Known | Taken::Unanswered) if bytes.new => {
            Some(DeliveryState::Pending)
        }
        (Verdict::Posted(_), "outcome_unknown", _) => Some(DeliveryState::Delivered),
        (Verdict::Posted(_), "parked" | "sent", Taken::Known | Taken::Unanswered) => Some(DeliveryState::Delivered),
        (Verdict::Skip, "parked" | "outcome_unknown", _) => Some(DeliveryState::Skipped),
        (Verdict::Discard, "parked" | "outcome_unknown", _) => Some(DeliveryState::Discarded),
        _ => None,
    }
}
