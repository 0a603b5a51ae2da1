//! The outbox of the model: claim by lease, the production verdict, a provider with faults, and the settlement of each send.

use super::fleet::{Fault, Fleet, Stop};
use super::house::Flight;
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};
use usher::base::id::{DeviceId, MessageId};
use usher::base::time::Timestamp;
use usher::engine::decision::ReasonCode;
use usher::engine::delivery::{DeliveryState, Next, Outcome, Tried, settle};
use usher::engine::message::Message;
use usher::engine::step::{Given, still_may_be_sent};
use usher::engine::trigger::Audience;
use usher::pipeline::{Verdict, at_a_glance};
use usher::store::{AttemptRow, Claimed, DeadAddress, InboxEntry, InboxInput, Settlement, Whose};
use uuid::Uuid;

const LEASE: TimeDelta = TimeDelta::seconds(60);
/// A channel that has not answered by then counts as silent.
const PATIENCE: TimeDelta = TimeDelta::seconds(48);
const CLAIMED_AT_ONCE: usize = 8;
/// As in `src/pipeline/verdict.rs`.
const CORRECTION_RECHECK: TimeDelta = TimeDelta::seconds(5);
const FRESH_FOR: TimeDelta = TimeDelta::seconds(10);

/// The providers and the screens behind them.
#[derive(Default)]
pub struct Screens {
    /// The phone behind each address that lives.
    pub living: BTreeMap<String, DeviceId>,
    /// What stands on each screen, by tag.
    pub shown: BTreeMap<(DeviceId, String), MessageId>,
    /// Under which tags a phone has ever shown a message.
    pub tags: BTreeMap<(DeviceId, MessageId), BTreeSet<String>>,
    /// Shown since somebody looked.
    pub fresh: Vec<(DeviceId, MessageId)>,
}

impl Fleet {
    /// Settles the sends that were answered, and claims and sends what is due.
    pub fn dispatch(&mut self) -> Result<(), Stop> {
        while let Some(at) = self
            .house
            .flights
            .iter()
            .position(|flight| flight.answers_at <= self.now)
        {
            let flight = self.house.flights.remove(at);
            self.settle_flight(&flight)?;
        }
        if !self
            .database
            .deliveries
            .values()
            .any(|row| super::database::due_at(row).is_some_and(|at| at <= self.now))
        {
            return Ok(());
        }
        self.edge("before a claim")?;
        let ids = self.database.claim(self.now, LEASE, CLAIMED_AT_ONCE);
        self.edge("after a claim")?;
        for id in ids {
            let Some(claimed) = self.database.claimed(id) else {
                continue;
            };
            let mut answer = self.verdict(&claimed);
            if let (Fault::SendsUnasked, Some((_, address))) = (self.fault, &claimed.push) {
                let address = address.clone();
                answer = Verdict::Go { address };
            }
            match answer {
                Verdict::Go { address } => self.send(claimed, address)?,
                Verdict::Stop { state, why } => {
                    self.note(|| format!("stopped {}: {why}", claimed.message.id));
                    self.settle(&claimed, blank(&claimed, self.now, state, None))?;
                }
                Verdict::Later { at, .. } => {
                    let later = blank(&claimed, self.now, DeliveryState::Queued, Some(at));
                    self.settle(&claimed, later)?;
                }
            }
        }
        Ok(())
    }

    /// The production verdict: what the claim tells, the fate of what it corrects, and the sentence judged again when it is late.
    fn verdict(&self, claimed: &Claimed) -> Verdict {
        let verdict = at_a_glance(claimed, &self.house.catalogue, self.now);
        if !matches!(verdict, Verdict::Go { .. }) || claimed.message.silent {
            return verdict;
        }
        let stop = |code: ReasonCode| Verdict::Stop {
            state: DeliveryState::Cancelled,
            why: code.as_str(),
        };
        if let Some(corrected) = claimed.message.corrects {
            let rows = self.database.deliveries.values();
            let states = rows.filter(|row| row.message_id == corrected).map(|row| row.state);
            let lost = |state: &DeliveryState| {
                matches!(
                    state,
                    DeliveryState::Failed | DeliveryState::Expired | DeliveryState::Cancelled
                )
            };
            if states.clone().all(|state| lost(&state)) {
                return stop(ReasonCode::Superseded);
            }
            if states.clone().all(|state| state.is_open() || lost(&state)) {
                return Verdict::Later {
                    at: self.now + CORRECTION_RECHECK,
                    why: "what it corrects is still under way",
                };
            }
        }
        let is_late = self.now - claimed.message.created_at > FRESH_FOR;
        let may_cover = is_late || claimed.delivery.attempts > 1 || claimed.message.corrects.is_some();
        if may_cover && self.fault != Fault::CoversNewer {
            let subject = self.database.load(claimed.message.user_id);
            if subject.is_superseded(claimed.message.id) {
                return stop(ReasonCode::Superseded);
            }
        }
        if is_late || claimed.message.to == Audience::Business {
            return self.judged_again(claimed).map_or(verdict, stop);
        }
        verdict
    }

    fn judged_again(&self, claimed: &Claimed) -> Option<ReasonCode> {
        let mut decisions = self.database.decisions.iter().rev();
        let decision = decisions.find(|decision| decision.id == claimed.message.decision_id)?;
        let moment = self.database.moments.get(&decision.moment_id)?;
        let catalogue = &self.house.catalogue;
        let trigger = catalogue.revision(decision.trigger_id, decision.revision)?;
        let given = Given {
            catalogue,
            spent: &BTreeSet::new(),
            now: self.now,
            seed: Uuid::nil(),
        };
        let subject = self.database.load(claimed.message.user_id);
        still_may_be_sent(&subject, moment, trigger, &decision.facts, given).err()
    }

    /// One attempt: the provider has it at once, its answer takes a while.
    fn send(&mut self, claimed: Claimed, address: String) -> Result<(), Stop> {
        self.ledger.pushed(&claimed, &address, &self.database, self.now)?;
        let Some(device_id) = claimed.delivery.device_id else {
            // Onto the tray of the business: that is a row of the store, which takes no time and fails never.
            let accepted = blank(&claimed, self.now, DeliveryState::Accepted, None);
            return self.settle(&claimed, accepted).map(|_| ());
        };
        let message_id = claimed.message.id;
        let alive = self.screens.living.get(&address) == Some(&device_id);
        let rates = self.rates;
        let mut takes = self.dice.seconds(0, 40);
        let why = || "by the dice".to_owned();
        let outcome = if self.dice.in_1000(rates.retry) {
            let after = self.dice.pick(&[None, None, Some(TimeDelta::seconds(30))]);
            Outcome::Retry { after, why: why() }
        } else if !alive {
            Outcome::Unregistered {
                why: why(),
                as_of: None,
            }
        } else if self.dice.in_1000(rates.rejected) {
            Outcome::Rejected { why: why() }
        } else {
            self.show(device_id, &claimed.message)?;
            if self.dice.in_1000(rates.lost_after_shown) {
                takes = PATIENCE;
                Outcome::Retry {
                    after: None,
                    why: "no answer in time".to_owned(),
                }
            } else {
                let provider_id = format!("p{message_id}");
                Outcome::Accepted { provider_id }
            }
        };
        if self.dice.in_1000(rates.frozen) {
            takes += LEASE;
        }
        self.note(|| format!("push {message_id} to {address}: {outcome:?} in {takes}"));
        self.house.flights.push(Flight {
            claimed,
            address,
            outcome,
            begun_at: self.now,
            answers_at: self.now + takes,
        });
        Ok(())
    }

    /// An older message must not take the place of a newer one to the same person.
    fn show(&mut self, device_id: DeviceId, message: &Message) -> Result<(), Stop> {
        let (message_id, mut tag) = (message.id, message.shown.tag.clone());
        if self.fault == Fault::NewTagPerAttempt {
            tag = self.dice.uuid().to_string();
        }
        let before = self.screens.shown.insert((device_id, tag.clone()), message_id);
        let before = before.and_then(|id| self.database.messages.get(&id));
        let covered =
            before.filter(|before| before.user_id == message.user_id && before.created_at > message.created_at);
        if let Some(covered) = covered.filter(|_| !message.silent) {
            let breach = format!("an old message over a newer one: {message:?} over {covered:?}");
            return Err(Stop::Breach(breach));
        }
        self.screens
            .tags
            .entry((device_id, message_id))
            .or_default()
            .insert(tag);
        self.screens.fresh.push((device_id, message_id));
        Ok(())
    }

    fn settle_flight(&mut self, flight: &Flight) -> Result<(), Stop> {
        let claimed = &flight.claimed;
        let (attempts, expires_at) = (claimed.delivery.attempts, claimed.message.expires_at);
        let jitter = self.dice.share();
        let tried = Tried {
            channel: claimed.delivery.channel,
            attempts,
            first_at: claimed.first_tried_at.unwrap_or(flight.begun_at),
            expires_at,
        };
        let (state, run_at) = match settle(&flight.outcome, &tried, self.now, jitter) {
            Next::Settled { state, .. } => (state, None),
            Next::Again { at, .. } => (DeliveryState::Queued, Some(at)),
        };
        let dead = matches!(flight.outcome, Outcome::Unregistered { .. }) && self.fault != Fault::KeepsDeadAddresses;
        let settlement = Settlement {
            attempt: Some(AttemptRow {
                number: attempts,
                at: flight.begun_at,
                outcome: String::new(),
                detail: None,
                provider_id: None,
                duration_ms: 0,
            }),
            dead_address: claimed
                .delivery
                .device_id
                .filter(|_| dead)
                .map(|device_id| DeadAddress {
                    whose: Whose::Device(device_id),
                    address: flight.address.clone(),
                    since: None,
                }),
            ..blank(claimed, self.now, state, run_at)
        };
        // From the moment the provider's word is on record, nothing goes there any more.
        let heard = self.settle(claimed, settlement)?;
        if heard && matches!(flight.outcome, Outcome::Unregistered { .. }) {
            self.ledger.dead.insert(flight.address.clone());
        }
        Ok(())
    }

    fn settle(&mut self, claimed: &Claimed, mut settlement: Settlement) -> Result<bool, Stop> {
        let failed = settlement.state == DeliveryState::Failed && !claimed.message.silent;
        settlement.undelivered = failed.then(|| InboxEntry {
            id: self.dice.uuid(),
            project_id: claimed.delivery.project_id,
            user_id: claimed.delivery.user_id,
            input: InboxInput::Undelivered {
                message_id: claimed.delivery.message_id,
                device_id: claimed.delivery.device_id,
                channel: Some(claimed.delivery.channel),
                why: settlement.why.clone().unwrap_or_default(),
            },
        });
        self.edge("before a settlement")?;
        let before = self
            .database
            .deliveries
            .get(&settlement.delivery_id)
            .map(|row| row.state);
        let written = self.database.settle(&settlement);
        self.note(|| format!("settled {}: {before:?} -> {written:?}", claimed.message.id));
        self.edge("after a settlement")?;
        let Some(state) = written else { return Ok(false) };
        let reached = claimed.push.as_ref().map(|(channel, _)| *channel);
        let where_it_was = claimed.owner == Some(claimed.message.user_id) && reached == Some(claimed.delivery.channel);
        let is_elsewhere = claimed.message.to == Audience::User && !where_it_was;
        let out_of_reach = settlement.dead_address.is_some() || is_elsewhere;
        if let Some(device_id) = claimed.delivery.device_id.filter(|_| out_of_reach) {
            self.tell_device(claimed.delivery.user_id, device_id)?;
        }
        if state == DeliveryState::Failed {
            self.step_inbox(settlement.undelivered.into_iter().collect())?;
        }
        Ok(true)
    }
}

fn blank(claimed: &Claimed, at: Timestamp, state: DeliveryState, run_at: Option<Timestamp>) -> Settlement {
    Settlement {
        project_id: claimed.delivery.project_id,
        delivery_id: claimed.delivery.id,
        attempts: claimed.delivery.attempts,
        at,
        state,
        run_at,
        why: None,
        provider_id: None,
        attempt: None,
        dead_address: None,
        undelivered: None,
    }
}
