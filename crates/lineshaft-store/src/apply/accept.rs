//! Accepting an intake, and planning its transactions.

use lineshaft_model::audit::{Action, Entry};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{IntakeId, TransactionId};
use lineshaft_model::intake::IntakeState;
use lineshaft_model::lineage::LineageKind;
use lineshaft_model::plan::Repeat;
use lineshaft_model::principal::Principal;
use lineshaft_model::transaction::TransactionState;
use rusqlite::{OptionalExtension, params};

use super::Commit;
use super::plan::{Row, Standing, waits_for_step};
use crate::change::{Accept, Due, Effect, Part, Released};
use crate::store::StoreError;

/// Where a transaction comes from.
pub(super) struct Origin<'a> {
    pub(super) id: IntakeId,
    pub(super) interface: &'a str,
    pub(super) principal: &'a Principal,
}

/// What an earlier use of a sender's key means.
enum Seen {
    Never,
    Same(IntakeId, TransactionId),
    Other(IntakeId),
}

/// A transaction to be decided on again: rank, acceptance, intake, state, and what it was parked with.
type Waiting = (i64, i64, [u8; 16], String, Option<String>);

impl Commit<'_> {
    /// Stores an intake with its transactions, unless its sender's keys say that it was here before (OT9).
    pub(super) fn accept(&mut self, accept: &Accept) -> Result<Effect, StoreError> {
        match self.seen_whole(accept)? {
            Some((Seen::Same(intake, _), _)) => {
                self.note_repeats(&accept.parts);
                return Ok(Effect::Duplicate { intake });
            }
            Some((Seen::Other(intake), key)) => {
                self.note_repeats(&accept.parts);
                let origin = Origin { id: accept.id, interface: &accept.interface, principal: &accept.principal };
                self.note_reuse(&origin, key, intake)?;
                return Ok(Effect::KeyReused { intake });
            }
            Some((Seen::Never, _)) | None => {}
        }
        let rank = self.next_rank();
        let own = accept.body.as_ref().map(|body| self.store_payload(accept.id, body)).transpose()?;
        let (mut received, mut due, mut released) = (own, Vec::new(), Released::default());
        let origin = Origin { id: accept.id, interface: &accept.interface, principal: &accept.principal };
        let standing = Standing { rank, accepted_at: self.now.as_micros() };
        for part in &accept.parts {
            let documents = self.take_part(&origin, part, standing, &mut due, &mut released)?;
            received = received.or(documents);
        }
        let received = received.ok_or_else(|| StoreError::Write("an intake without its document".to_owned()))?;
        self.insert_intake(accept, rank, received)?;
        self.intake_came(accept.parts.len());
        if let Some(lines) = &accept.later {
            self.take_apart_later(accept, rank, lines)?;
        }
        // Parts have ids computed from their intake: the first is known before it is there.
        let first = TransactionId::of_part(accept.id, 0);
        if accept.later.is_some() || !accept.parts.is_empty() {
            self.remember(&accept.interface, accept.repeat.as_ref(), accept.id, first)?;
        }
        Ok(Effect::Accepted { intake: accept.id, due, released })
    }

    /// Stores one transaction of an intake: planned, counted into the one that it repeats, or parked. The number of its
    /// documents, if it has some.
    pub(super) fn take_part(
        &mut self,
        origin: &Origin<'_>,
        part: &Part,
        standing: Standing,
        due: &mut Vec<Due>,
        released: &mut Released,
    ) -> Result<Option<i64>, StoreError> {
        let documents = part.documents.as_ref().map(|it| self.store_payload(origin.id, it)).transpose()?;
        let row = match self.seen(origin.interface, part.repeat.as_ref())? {
            Seen::Never => {
                self.remember(origin.interface, part.repeat.as_ref(), origin.id, part.id)?;
                self.plan(part, standing, documents, due, released)?
            }
            Seen::Same(_, earlier) => {
                self.note_repeats([part]);
                self.absorb(part, earlier)?
            }
            Seen::Other(intake) => {
                self.note_repeats([part]);
                let key = part.repeat.as_ref().map_or("", |repeat| repeat.key.as_str());
                self.note_reuse(origin, key, intake)?;
                let said = format!("key {key:?} was first used, with other content, in intake {intake}");
                self.park(part, standing.rank, Fault::new(Code::ReceiveKeyReused, said), released)?
            }
        };
        self.insert_transaction(origin, part, standing, &row)?;
        self.transaction_came(row.state(), row.planned());
        Ok(documents)
    }

    /// Counts an accepted transaction before it is processed again (OT11).
    pub(super) fn count(&mut self, transaction: TransactionId) -> Result<Effect, StoreError> {
        let attempts: Option<u32> = self
            .sql
            .prepare_cached("UPDATE transactions SET attempts = attempts + 1 WHERE id = ?1 AND state = 'accepted' RETURNING attempts")?
            .query_row(params![transaction.as_bytes().as_slice()], |row| row.get(0))
            .optional()?;
        Ok(attempts.map_or(Effect::Missing, Effect::Counted))
    }

    /// Records what processing an accepted transaction came to. Its place in every line is that of its accept, unless it
    /// waited for something that comes before it.
    pub(super) fn replan(&mut self, part: &Part) -> Result<Effect, StoreError> {
        let found: Option<Waiting> = self
            .sql
            .prepare_cached("SELECT rank, accepted_at, intake, state, code FROM transactions WHERE id = ?1")?
            .query_row(params![part.id.as_bytes().as_slice()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((rank, accepted_at, intake, state, code)) = found else { return Ok(Effect::Missing) };
        if state != "accepted" {
            return Ok(Effect::NotNow { state });
        }
        let kept = self.kept_by(part.id)?;
        let (mut due, mut released) = (Vec::new(), Released::default());
        self.index_keys(part, rank)?;
        let intake = IntakeId::from_bytes(intake);
        let documents = part.documents.as_ref().map(|it| self.store_payload(intake, it)).transpose()?;
        let waited_for_step = code.as_deref() == Some(Code::JudgeSequence.as_str());
        let rank = if waited_for_step { self.next_rank() } else { rank };
        let row = self.plan(part, Standing { rank, accepted_at }, documents, &mut due, &mut released)?;
        self.update_transaction(part, &row)?;
        self.transactions_moved(1, TransactionState::Accepted, row.state());
        self.planned_more(row.planned());
        let keeps_nothing = part.waits_for_original() || part.result.as_ref().is_err_and(waits_for_step);
        if part.result.is_ok() || keeps_nothing {
            due.extend(self.let_go(part.id, &kept)?);
        }
        Ok(Effect::Planned { due, released })
    }

    /// What the intake's own key says, or that of its only transaction: then the sender can be told. In a batch each
    /// transaction is judged for itself, unless every one was here before.
    fn seen_whole<'k>(&self, accept: &'k Accept) -> Result<Option<(Seen, &'k str)>, StoreError> {
        if let Some(repeat) = &accept.repeat {
            return Ok(Some((self.seen(&accept.interface, Some(repeat))?, &repeat.key)));
        }
        match accept.parts.as_slice() {
            [Part { repeat: Some(repeat), .. }] => Ok(Some((self.seen(&accept.interface, Some(repeat))?, &repeat.key))),
            parts => {
                let mut first = None;
                for part in parts {
                    match (&part.repeat, self.seen(&accept.interface, part.repeat.as_ref())?) {
                        (Some(repeat), same @ Seen::Same(..)) => first = first.or(Some((same, repeat.key.as_str()))),
                        _ => return Ok(None),
                    }
                }
                Ok(first)
            }
        }
    }

    fn seen(&self, interface: &str, repeat: Option<&Repeat>) -> Result<Seen, StoreError> {
        let Some(repeat) = repeat else { return Ok(Seen::Never) };
        let earlier: Option<(Vec<u8>, [u8; 16], [u8; 16])> = self
            .sql
            .prepare_cached("SELECT same, intake, \"transaction\" FROM repeats WHERE interface = ?1 AND key = ?2")?
            .query_row(params![interface, repeat.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        Ok(match earlier {
            None => Seen::Never,
            Some((content, intake, transaction)) => {
                let (intake, transaction) = (IntakeId::from_bytes(intake), TransactionId::from_bytes(transaction));
                if content == repeat.same { Seen::Same(intake, transaction) } else { Seen::Other(intake) }
            }
        })
    }

    fn note_reuse(&mut self, origin: &Origin<'_>, key: &str, first: IntakeId) -> Result<(), StoreError> {
        let entry = Entry {
            principal: origin.principal.clone(),
            action: Action::KeyReused,
            target: format!("{} {key}", origin.interface),
            reason: format!("first used by intake {first}"),
        };
        self.audit(&entry, None, None)
    }

    /// A part that repeats an earlier transaction is counted into it.
    fn absorb(&self, part: &Part, earlier: TransactionId) -> Result<Row, StoreError> {
        self.sql.prepare_cached("INSERT INTO lineage (parent, child, kind) VALUES (?1, ?2, ?3)")?.execute(params![
            part.id.as_bytes().as_slice(),
            earlier.as_bytes().as_slice(),
            LineageKind::Repeat.as_str()
        ])?;
        Ok(Row::of(TransactionState::Absorbed))
    }

    fn remember(
        &self,
        interface: &str,
        repeat: Option<&Repeat>,
        intake: IntakeId,
        transaction: TransactionId,
    ) -> Result<(), StoreError> {
        if let Some(repeat) = repeat {
            self.sql
                .prepare_cached("INSERT INTO repeats (interface, key, same, intake, \"transaction\", seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    interface,
                    repeat.key,
                    repeat.same.as_slice(),
                    intake.as_bytes().as_slice(),
                    transaction.as_bytes().as_slice(),
                    self.now.as_micros()
                ])?;
        }
        Ok(())
    }

    fn insert_intake(&self, accept: &Accept, rank: i64, payload: i64) -> Result<(), StoreError> {
        self.sql
            .prepare_cached(
                "INSERT INTO intakes (id, interface, stream, incarnation, rank, accepted_at, state, parts, principal, origin, content_type, traceparent, payload)
                 VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                accept.id.as_bytes().as_slice(),
                accept.interface,
                self.incarnation,
                rank,
                self.now.as_micros(),
                intake_state(accept).as_str(),
                i64::try_from(accept.parts.len()).unwrap_or(i64::MAX),
                accept.principal.as_text(),
                accept.origin,
                accept.content_type,
                accept.traceparent,
                payload
            ])?;
        Ok(())
    }
}

fn intake_state(accept: &Accept) -> IntakeState {
    match (&accept.later, accept.unreadable) {
        (Some(_), _) => IntakeState::Stored,
        (None, true) => IntakeState::Unreadable,
        (None, false) => IntakeState::Split,
    }
}
