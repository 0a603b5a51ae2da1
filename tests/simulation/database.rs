//! The database of the model: what survives a crash, and the transactions of `src/store` as they cut it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use usher::base::contact::Contact;
use usher::base::id::{DeliveryId, DeviceId, InstanceId, MessageId, MomentId, UserId};
use usher::base::time::Timestamp;
use usher::engine::catalogue::Catalogue;
use usher::engine::decision::Decision;
use usher::engine::delivery::DeliveryState;
use usher::engine::delivery::Planned;
use usher::engine::fact::{Fact, FactRef};
use usher::engine::fix::ReceiptStatus;
use usher::engine::message::Message;
use usher::engine::moment::Moment;
use usher::engine::step::{InstanceChange, Received};
use usher::engine::subject::{Consent, Purpose, Subject};
use usher::store::{Change, Claimed, DeliveryRow, DeviceRow, InboxEntry, InboxInput, Passed, Row, Settlement, Whose};
use uuid::Uuid;

/// Who held a device, from when to when.
#[derive(Clone, Copy)]
pub struct Held {
    pub user_id: UserId,
    pub from: Timestamp,
    pub to: Option<Timestamp>,
}

/// Everything that is durable.
pub struct Database {
    pub catalogue: Arc<Catalogue>,
    pub subjects: BTreeMap<UserId, Subject>,
    /// Ids of events and receipts.
    pub records: BTreeSet<String>,
    pub facts: BTreeMap<FactRef, Fact>,
    pub inbox: BTreeMap<(Timestamp, Uuid), InboxEntry>,
    pub moments: BTreeMap<MomentId, Moment>,
    pub decisions: Vec<Decision>,
    pub messages: BTreeMap<MessageId, Message>,
    pub send_keys: BTreeSet<String>,
    pub deliveries: BTreeMap<DeliveryId, DeliveryRow>,
    pub consents: BTreeMap<UserId, BTreeMap<Purpose, Consent>>,
    pub devices: BTreeMap<DeviceId, DeviceRow>,
    pub held: BTreeMap<DeviceId, Vec<Held>>,
    /// The last change of each instance of a journey.
    pub instances: BTreeMap<InstanceId, InstanceChange>,
}

impl Database {
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            subjects: BTreeMap::new(),
            records: BTreeSet::new(),
            facts: BTreeMap::new(),
            inbox: BTreeMap::new(),
            moments: BTreeMap::new(),
            decisions: Vec::new(),
            messages: BTreeMap::new(),
            send_keys: BTreeSet::new(),
            deliveries: BTreeMap::new(),
            consents: BTreeMap::new(),
            devices: BTreeMap::new(),
            held: BTreeMap::new(),
            instances: BTreeMap::new(),
        }
    }

    /// A subject as it is read back: through its stored form.
    pub fn load(&self, user_id: UserId) -> Subject {
        let stored = self
            .subjects
            .get(&user_id)
            .map(|subject| serde_json::to_string(subject).unwrap());
        stored.map_or_else(|| Subject::new(user_id), |text| serde_json::from_str(&text).unwrap())
    }

    /// Send keys of these changes that are taken, by a stored message or twice among them.
    pub fn taken(&self, changes: &[Change]) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let messages = changes.iter().flat_map(|change| &change.effects.messages);
        messages
            .map(|message| &message.send_key)
            .filter(|key| !seen.insert(*key) || self.send_keys.contains(*key))
            .cloned()
            .collect()
    }

    /// The first half of a commit: states, rows and moments.
    pub fn write_states(&mut self, changes: &[Change]) {
        let mut last: BTreeMap<UserId, (&Subject, bool)> = BTreeMap::new();
        for change in changes {
            let subject = &change.effects.subject;
            let kept = last.entry(subject.user_id).or_insert((subject, false));
            *kept = (subject, kept.1 || change.effects.changed);
        }
        for (user_id, (subject, changed)) in last {
            if changed {
                self.subjects.insert(user_id, subject.clone());
            }
        }
        for row in changes.iter().flat_map(|change| &change.rows) {
            self.write_row(row);
        }
        let moments = changes.iter().flat_map(|change| &change.effects.moments);
        self.moments.extend(moments.map(|moment| (moment.id, moment.clone())));
    }

    /// The second half: decisions, messages, the outbox, receipts, and the inbox.
    pub fn write_messages(&mut self, changes: &[Change]) {
        for change in changes {
            let effects = &change.effects;
            self.decisions.extend(effects.decisions.iter().cloned());
            for message in &effects.messages {
                for planned in &message.deliveries {
                    self.queue(message.id, message.user_id, planned, message.created_at);
                }
                self.send_keys.insert(message.send_key.clone());
                self.messages.insert(message.id, message.clone());
            }
            let user_id = effects.subject.user_id;
            let stepped_at = effects.subject.stepped_at.map(Timestamp::from);
            for (message_id, planned) in &effects.redirected {
                self.queue(*message_id, user_id, planned, stepped_at.unwrap_or_default());
            }
            let moved = effects.instances.iter().cloned();
            self.instances.extend(moved.map(|change| (change.instance.id, change)));
            let called_back = |id| effects.cancelled.contains(id) || effects.superseded.contains(id);
            for delivery in self.deliveries.values_mut() {
                if delivery.state == DeliveryState::Queued && called_back(&delivery.message_id) {
                    delivery.state = DeliveryState::Cancelled;
                }
            }
            for received in &effects.receipts {
                self.write_receipt(received);
            }
            let told = effects.forwarded.iter();
            let told: Vec<InboxEntry> = told.map(|told| InboxEntry::telling(change.project_id, told)).collect();
            for entry in told {
                // What has been told already is not told again.
                let at = effects.forwarded.first().map(|first| first.moment.noticed_at);
                self.inbox.entry((at.unwrap_or_default(), entry.id)).or_insert(entry);
            }
            if let Some(done) = change.inbox_done {
                self.inbox.retain(|(_, id), _| *id != done);
            }
        }
    }

    /// A delivery that is due at once.
    fn queue(&mut self, message_id: MessageId, user_id: UserId, planned: &Planned, at: Timestamp) {
        let row = DeliveryRow {
            id: planned.id,
            project_id: self.catalogue.project_id,
            message_id,
            user_id,
            device_id: planned.device_id,
            channel: planned.channel,
            endpoint_id: planned.endpoint_id,
            replay_of: None,
            state: DeliveryState::Queued,
            attempts: 0,
            run_at: at,
            lease_until: None,
            why: None,
            provider_id: None,
            created_at: at,
            updated_at: at,
            because: planned.because.clone(),
            passed: Passed::default(),
        };
        self.deliveries.insert(planned.id, row);
    }

    fn write_receipt(&mut self, received: &Received) {
        self.records.insert(received.record_id.clone());
        let seen = match received.status {
            ReceiptStatus::Received => DeliveryState::Received,
            ReceiptStatus::Displayed => DeliveryState::Displayed,
            ReceiptStatus::Opened | ReceiptStatus::Action | ReceiptStatus::Reply => DeliveryState::Opened,
            ReceiptStatus::Failed => return,
        };
        for delivery in self.deliveries.values_mut() {
            if delivery.message_id == received.message_id && delivery.device_id == Some(received.device_id) {
                delivery.state = delivery.state.after_receipt(seen);
            }
        }
    }

    fn write_row(&mut self, row: &Row) {
        match row {
            Row::Event(event) => {
                self.records.insert(event.record_id.clone());
            }
            Row::Consents { user_id, consents, .. } => {
                let known = self.consents.entry(*user_id).or_default();
                for (purpose, consent) in consents {
                    if known.get(purpose).is_none_or(|known| known.at <= consent.at) {
                        known.insert(*purpose, *consent);
                    }
                }
            }
            Row::Device(device) => {
                self.devices.insert(device.id, device.clone());
            }
            Row::Owner { device_id, user_id, at } => self.give(*device_id, *user_id, *at),
            Row::User { .. } | Row::Contact { .. } | Row::ForgetAddress { .. } => {}
        }
    }

    pub fn give(&mut self, device_id: DeviceId, user_id: UserId, at: Timestamp) {
        if let Some(device) = self.devices.get_mut(&device_id) {
            device.user_id = user_id;
        }
        let times = self.held.entry(device_id).or_default();
        if let Some(last) = times.last_mut() {
            last.to.get_or_insert(at);
        }
        times.push(Held {
            user_id,
            from: at,
            to: None,
        });
    }

    /// Stores a fact unless a version as new is there, with an inbox entry for each subject. `None` when it changes nothing.
    pub fn put_fact(&mut self, fact: &Fact, mut id: impl FnMut() -> Uuid) -> Option<Vec<InboxEntry>> {
        let stored = self.facts.get(&fact.id);
        if stored.is_some_and(|stored| stored.seq >= fact.seq) {
            return None;
        }
        let former = stored.map(|stored| stored.subjects.clone()).unwrap_or_default();
        let gone = former.into_iter().filter(|user| !fact.subjects.contains(user));
        let told = fact
            .subjects
            .iter()
            .map(|user| (*user, InboxInput::Fact { fact: fact.clone() }));
        let told = told.chain(gone.map(|user| {
            let fact = fact.id.clone();
            (user, InboxInput::FactGone { fact })
        }));
        let project_id = self.catalogue.project_id;
        let entries: Vec<InboxEntry> = told
            .map(|(user_id, input)| InboxEntry {
                id: id(),
                project_id,
                user_id,
                input,
            })
            .collect();
        let rows = entries.iter().map(|entry| ((fact.changed_at, entry.id), entry.clone()));
        self.inbox.extend(rows);
        self.facts.insert(fact.id.clone(), fact.clone());
        Some(entries)
    }

    /// Takes what is due, or whose sender went silent.
    pub fn claim(&mut self, now: Timestamp, lease: chrono::TimeDelta, limit: usize) -> Vec<DeliveryId> {
        let mut due: Vec<(Timestamp, DeliveryId)> = self
            .deliveries
            .values()
            .filter(|row| is_due(row, now))
            .map(|row| (row.run_at, row.id))
            .collect();
        due.sort_unstable();
        due.truncate(limit);
        for (_, id) in &due {
            if let Some(row) = self.deliveries.get_mut(id) {
                row.state = DeliveryState::Sending;
                row.attempts += 1;
                row.lease_until = Some(now + lease);
            }
        }
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// A claimed delivery with its surroundings as they are now.
    pub fn claimed(&self, id: DeliveryId) -> Option<Claimed> {
        let delivery = self.deliveries.get(&id)?.clone();
        let message = self.messages.get(&delivery.message_id)?.clone();
        let device = delivery.device_id.and_then(|id| self.devices.get(&id));
        let message = Message {
            deliveries: Vec::new(),
            ..message
        };
        Some(Claimed {
            first_tried_at: None,
            message,
            owner: device.map(|device| device.user_id),
            notifications: device.map(|device| device.notifications).unwrap_or_default(),
            push: device.and_then(|device| device.push.clone()),
            sealing_key: device.and_then(|device| device.sealing_key.clone()),
            contact: Contact::default(),
            consents: self.consents.get(&delivery.user_id).cloned().unwrap_or_default(),
            paused: self.catalogue.settings.paused,
            channel: usher::store::ChannelMark::default(),
            project_name: String::new(),
            endpoint: None,
            delivery,
        })
    }

    /// Writes the end of a claim, and says where the delivery stands now; none when the claim was lost.
    pub fn settle(&mut self, settlement: &Settlement) -> Option<DeliveryState> {
        let row = self.deliveries.get_mut(&settlement.delivery_id)?;
        if row.attempts != settlement.attempts || row.lease_until.is_none() {
            return None;
        }
        if row.state == DeliveryState::Sending {
            row.state = settlement.state;
        }
        let held_back = settlement.attempt.is_none() && row.state == DeliveryState::Queued;
        row.attempts -= u32::from(held_back);
        row.run_at = settlement.run_at.unwrap_or(row.run_at);
        row.lease_until = None;
        let state = row.state;
        if let Some(dead) = &settlement.dead_address
            && let Whose::Device(device_id) = dead.whose
            && let Some(device) = self.devices.get_mut(&device_id)
            && device.push.as_ref().is_some_and(|(_, known)| *known == dead.address)
        {
            device.push = None;
        }
        let failed = settlement.undelivered.as_ref();
        if let Some(entry) = failed.filter(|_| state == DeliveryState::Failed) {
            self.inbox.insert((settlement.at, entry.id), entry.clone());
        }
        Some(state)
    }
}

fn is_due(row: &DeliveryRow, now: Timestamp) -> bool {
    let queued = row.state == DeliveryState::Queued && row.run_at <= now;
    let abandoned = row.state == DeliveryState::Sending && row.lease_until.is_some_and(|until| until < now);
    queued || abandoned
}

/// When a delivery next wants the dispatcher.
pub fn due_at(row: &DeliveryRow) -> Option<Timestamp> {
    if row.state == DeliveryState::Queued {
        return Some(row.run_at);
    }
    let sending = row.state == DeliveryState::Sending;
    row.lease_until
        .filter(|_| sending)
        .map(|until| until + chrono::TimeDelta::milliseconds(1))
}
