//! Carrying out what processing decided: one row for the transaction, one for each planned delivery.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::key::Key;
use lineshaft_model::transaction::TransactionState;
use rusqlite::{ToSql, params};

use super::accept::Origin;
use super::{Commit, Place};
use crate::change::{Due, NewDelivery, NewWork, Part, Planned, Released};
use crate::store::StoreError;

/// What a transaction's row says after processing.
pub(super) struct Row {
    state: TransactionState,
    event: String,
    payload: Option<i64>,
    slot: i64,
    receivers: String,
    planned: usize,
    fault: Option<Fault>,
}

/// Where a transaction stands in every line, and since when.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) rank: i64,
    pub(super) accepted_at: i64,
}

impl Row {
    pub(super) fn state(&self) -> TransactionState {
        self.state
    }

    pub(super) fn planned(&self) -> usize {
        self.planned
    }

    pub(super) fn of(state: TransactionState) -> Self {
        Self { state, event: String::new(), payload: None, slot: 0, receivers: String::new(), planned: 0, fault: None }
    }

    /// Parked, for this reason.
    pub(super) fn parked(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::of(TransactionState::Parked) }
    }

    /// Processed, and known by this word; it plans no deliveries.
    pub(super) fn processed_as(event: &str) -> Self {
        Self { event: event.to_owned(), ..Self::of(TransactionState::Processed) }
    }
}

/// Whether it is parked until the step before it is reported. It then keeps nothing back: that report would wait for it.
pub(super) fn waits_for_step(fault: &Fault) -> bool {
    fault.code == Code::JudgeSequence
}

impl Commit<'_> {
    /// Carries out what processing decided for one transaction; its row is the caller's to write.
    pub(super) fn plan(
        &mut self,
        part: &Part,
        standing: Standing,
        documents: Option<i64>,
        due: &mut Vec<Due>,
        released: &mut Released,
    ) -> Result<Row, StoreError> {
        self.expect(&part.expects)?;
        match &part.result {
            Err(fault) => self.park(part, standing.rank, fault.clone(), released),
            Ok(Planned::Later) => {
                self.keep_back(part.id, standing.rank, i64::from(part.part), &part.keys)?;
                released.process.push(part.id);
                Ok(Row::of(TransactionState::Accepted))
            }
            Ok(Planned::Reference { table, key, record }) => {
                self.put_records(table, &[(key.clone(), record.clone())], Some(part.id), released)?;
                Ok(Row::processed_as(table))
            }
            Ok(Planned::Answer(answer)) => self.answer(part, answer, due, released),
            Ok(Planned::Event { name, data, deliveries, entries: _ }) => {
                self.enter(part, standing.rank, released)?;
                let standing = Standing { rank: self.reverse(part, standing.rank)?, ..standing };
                self.release_reversals(&part.ties, released)?;
                for delivery in deliveries {
                    self.insert_delivery(part, standing, documents, delivery, due, released)?;
                }
                Ok(Row {
                    event: name.clone(),
                    payload: documents,
                    slot: slot_number(*data),
                    receivers: deliveries.iter().map(|it| it.receiver.as_str()).collect::<Vec<_>>().join(" "),
                    planned: deliveries.len(),
                    ..Row::of(TransactionState::Processed)
                })
            }
        }
    }

    /// Parks a transaction before routing: later ones of its keys wait for it.
    pub(super) fn park(
        &mut self,
        part: &Part,
        rank: i64,
        fault: Fault,
        released: &mut Released,
    ) -> Result<Row, StoreError> {
        if part.holds_back && !part.waits_for_original() && !waits_for_step(&fault) {
            self.keep_back(part.id, rank, i64::from(part.part), &part.keys)?;
        }
        if let Some((table, key)) = &fault.waits_for
            && (self.known_since(table, key, part.versions.catalog)? || self.original_came(part)?)
        {
            // The record arrived while this was being processed against the catalog before it: process it again.
            released.process.push(part.id);
            return Ok(Row::of(TransactionState::Accepted));
        }
        Ok(Row::parked(fault))
    }

    pub(super) fn insert_transaction(
        &self,
        origin: &Origin<'_>,
        part: &Part,
        Standing { rank, accepted_at }: Standing,
        row: &Row,
    ) -> Result<(), StoreError> {
        let intake = origin.id.as_bytes().as_slice();
        let own: [&dyn ToSql; 9] = [
            &intake,
            &part.part,
            &origin.interface,
            &rank,
            &accepted_at,
            &part.tags.site,
            &part.tags.region,
            &part.tags.data_class,
            &part.tags.export_class,
        ];
        self.write_row(
            "INSERT INTO transactions (id, event, event_payload, receivers, planned, code, message, place, detail, waits_table, waits_key,
               changed_at, project_version, map_version, policy_version, catalog_version, keys, state,
               event_slot, intake, part, interface, rank, accepted_at, site, region, data_class, export_class, attempts, correlation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
               ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, 1, ?1)",
            part,
            row,
            &own,
        )?;
        self.index_keys(part, rank)
    }

    pub(super) fn update_transaction(&self, part: &Part, row: &Row) -> Result<(), StoreError> {
        self.write_row(
            "UPDATE transactions SET event = ?2, event_payload = ?3, receivers = ?4, planned = ?5, code = ?6, message = ?7, place = ?8,
               detail = ?9, waits_table = ?10, waits_key = ?11, changed_at = ?12, project_version = ?13, map_version = ?14,
               policy_version = ?15, catalog_version = ?16, keys = ?17, state = ?18,
               event_slot = ?19 WHERE id = ?1",
            part,
            row,
            &[],
        )
    }

    /// Binds what inserting and updating have in common, then `more`.
    fn write_row(&self, sql: &str, part: &Part, row: &Row, more: &[&dyn ToSql]) -> Result<(), StoreError> {
        let fault = row.fault.as_ref();
        let waits = fault.and_then(|it| it.waits_for.as_ref());
        let planned = i64::try_from(row.planned).unwrap_or(i64::MAX);
        let catalog = i64::try_from(part.versions.catalog).unwrap_or(i64::MAX);
        let shared: [&dyn ToSql; 19] = [
            &part.id.as_bytes().as_slice(),
            &row.event,
            &row.payload,
            &row.receivers,
            &planned,
            &fault.map(|it| it.code.as_str()),
            &fault.map(|it| it.message.as_str()),
            &fault.map(|it| it.at.as_str()),
            &fault.map(|it| it.detail.as_str()),
            &waits.map(|(table, _)| table.as_str()),
            &waits.map(|(_, key)| key.as_str()),
            &self.now.as_micros(),
            &part.versions.project,
            &part.versions.map,
            &part.versions.policy,
            &catalog,
            &keys_text(&part.keys)?,
            &row.state.as_str(),
            &row.slot,
        ];
        let values = shared.into_iter().chain(more.iter().copied());
        self.sql.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values))?;
        Ok(())
    }

    pub(super) fn index_keys(&self, part: &Part, rank: i64) -> Result<(), StoreError> {
        for key in &part.keys {
            self.sql
                .prepare_cached(
                    "INSERT INTO business_keys (kind, value, authority, rank, \"transaction\") VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![key.kind, key.value, key.authority, rank, part.id.as_bytes().as_slice()])?;
        }
        Ok(())
    }

    /// Supersedes what is older in this line, of the same receiver and not attempted yet. Says whether something
    /// newer is there already: a snapshot that was parked, and comes after those that came after it.
    fn newest_wins(&mut self, part: &Part, place: &Place) -> Result<bool, StoreError> {
        let newer = self
            .sql
            .prepare_cached(
                "SELECT 1 FROM deliveries WHERE order_key = ?1 AND system = ?2 AND sequence = ?3 AND settled_at IS NULL AND lets_pass = 0 AND receiver = ?4
                   AND (rank > ?5 OR (rank = ?5 AND part > ?6)) LIMIT 1",
            )?
            .exists(params![place.order_key, place.system, place.sequence, place.receiver, place.rank, place.part])?;
        for from in [DeliveryState::Pending, DeliveryState::Behind] {
            if newer {
                break;
            }
            let superseded = self
                .sql
                .prepare_cached(
                    "UPDATE deliveries SET state = 'superseded', next_at = NULL, rule = ?7, changed_at = ?8, settled_at = ?8
                     WHERE order_key = ?1 AND system = ?2 AND sequence = ?3 AND settled_at IS NULL AND lets_pass = 0 AND receiver = ?4
                       AND (rank < ?5 OR (rank = ?5 AND part < ?6)) AND state = ?9 AND tried = 0",
                )?
                .execute(params![
                    place.order_key,
                    place.system,
                    place.sequence,
                    place.receiver,
                    place.rank,
                    place.part,
                    format!("superseded by transaction {}", part.id),
                    self.now.as_micros(),
                    from.as_str()
                ])?;
            self.deliveries_moved(superseded, &place.receiver, from, DeliveryState::Superseded);
        }
        Ok(newer)
    }

    /// The state that a delivery begins in.
    fn first_state(&mut self, part: &Part, place: &Place, new: &NewDelivery) -> Result<DeliveryState, StoreError> {
        Ok(match &new.work {
            NewWork::Skip(_) => DeliveryState::Skipped,
            NewWork::Stuck(_) => DeliveryState::Parked,
            NewWork::Send { .. } if new.keep_latest && self.newest_wins(part, place)? => DeliveryState::Superseded,
            NewWork::Send { .. } | NewWork::Later if self.is_behind(place)? => DeliveryState::Behind,
            NewWork::Send { .. } | NewWork::Later => DeliveryState::Pending,
        })
    }

    fn insert_delivery(
        &mut self,
        part: &Part,
        Standing { rank, accepted_at }: Standing,
        documents: Option<i64>,
        new: &NewDelivery,
        due: &mut Vec<Due>,
        released: &mut Released,
    ) -> Result<(), StoreError> {
        let id = DeliveryId::of(part.id, &new.receiver);
        let place = Place {
            system: new.system.clone(),
            sequence: new.sequence.clone(),
            order_key: new.order_key.as_ref().map(ToString::to_string),
            rank,
            part: i64::from(part.part),
            receiver: new.receiver.clone(),
        };
        let state = self.first_state(part, &place, new)?;
        self.write_delivery((id, part.id), &place, (documents, accepted_at), new, state)?;
        self.delivery_came(&new.receiver, state);
        let stuck = if let NewWork::Stuck(fault) = &new.work { fault.waits_for.as_ref() } else { None };
        if let Some((table, key)) = stuck
            && self.known_since(table, key, part.versions.catalog)?
        {
            // The record arrived while this was being processed against the catalog before it: render it again.
            released.render.push(id);
        }
        if let (true, Some(key)) = (new.keep_latest, &place.order_key) {
            // What it superseded may have been first, and others waited for that.
            due.extend(self.advance(&place.system, &place.sequence, key)?);
        }
        due.extend((state == DeliveryState::Pending).then(|| place.due(id, self.steady)));
        Ok(())
    }

    /// The row of a delivery as it begins.
    fn write_delivery(
        &self,
        (id, transaction): (DeliveryId, TransactionId),
        place: &Place,
        (documents, accepted_at): (Option<i64>, i64),
        new: &NewDelivery,
        state: DeliveryState,
    ) -> Result<(), StoreError> {
        let now = self.now.as_micros();
        let (slot, parameters, awaits) = match &new.work {
            NewWork::Send { slot, parameters, awaits } => {
                (Some(slot_number(*slot)), parameters_text(parameters)?, awaits.as_deref())
            }
            NewWork::Skip(_) | NewWork::Later | NewWork::Stuck(_) => (None, parameters_text(&[])?, None),
        };
        let rule = match &new.work {
            NewWork::Skip(rule) => Some(rule.as_str()),
            _ => (state == DeliveryState::Superseded).then_some("a newer one is there"),
        };
        let fault = if let NewWork::Stuck(fault) = &new.work { Some(fault) } else { None };
        let settled_at = state.is_settled().then_some(now);
        let next_at = (state == DeliveryState::Pending).then_some(self.steady.as_micros());
        let waits = fault.and_then(|it| it.waits_for.as_ref());
        self.sql
            .prepare_cached(
                "INSERT INTO deliveries (id, \"transaction\", receiver, system, sequence, order_key, rank, part, state, next_at, revision, attempts, tried,
                   epoch, absent, probes, body, parameters, rule, code, message, place, detail, changed_at, settled_at,
                   waits_table, waits_key, body_slot, awaits, accepted_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, ?11, 0, 0, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
            )?
            .execute(params![
                id.as_bytes().as_slice(),
                transaction.as_bytes().as_slice(),
                new.receiver,
                place.system,
                place.sequence,
                place.order_key,
                place.rank,
                place.part,
                state.as_str(),
                next_at,
                self.epoch,
                slot.and(documents),
                parameters,
                rule,
                fault.map(|it| it.code.as_str()),
                fault.map(|it| it.message.as_str()),
                fault.map(|it| it.at.as_str()),
                fault.map(|it| it.detail.as_str()),
                now,
                settled_at,
                waits.map(|(table, _)| table.as_str()),
                waits.map(|(_, key)| key.as_str()),
                slot.unwrap_or(0),
                awaits,
                accepted_at
            ])?;
        Ok(())
    }
}

/// Values for a path and headers, as the delivery's row keeps them.
pub(super) fn parameters_text(values: &[(String, String)]) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A slot as the database stores it.
fn slot_number(slot: usize) -> i64 {
    i64::try_from(slot).unwrap_or(i64::MAX)
}

/// The keys that a transaction's row keeps.
pub(crate) fn keys_of(text: &str) -> Result<Vec<Key>, StoreError> {
    let lists: Vec<[String; 3]> =
        serde_json::from_str(text).map_err(|error| StoreError::Damaged(format!("transactions.keys: {error}")))?;
    Ok(lists.into_iter().map(|[kind, authority, value]| Key { kind, authority, value }).collect())
}

/// The keys as the transaction's row keeps them: `[kind, authority, value]` each.
fn keys_text(keys: &[Key]) -> Result<String, StoreError> {
    let lists: Vec<[&str; 3]> =
        keys.iter().map(|key| [key.kind.as_str(), key.authority.as_str(), key.value.as_str()]).collect();
    serde_json::to_string(&lists).map_err(|error| StoreError::Damaged(error.to_string()))
}
