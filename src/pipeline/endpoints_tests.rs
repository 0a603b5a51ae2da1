//! Endpoints of the business: the schedule, who is switched off, who is left alone, and dead letters that go out once more.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::*;
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::channel::http_peer::{HttpPeer, Reply};
use crate::engine::delivery::ChannelKind;
use crate::engine::subject::Purpose;
use crate::pipeline::Dispatcher;
use crate::pipeline::world::{World, event, id, token, world, world_with_fcm};
use crate::store::{DeliveryRow, DeviceRow};
use ::fcm::test_server::Fault;
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::time::Duration;

impl World {
    /// Every `tick` is told to the business, and true for three days.
    async fn tell_the_desk(&self) -> DeviceRow {
        self.say("desk", "P3D", "A guest").await;
        self.publish(json!({
            "name": "desk", "class": "service", "when": { "event": { "name": "tick" } },
            "then": { "content": "desk", "to": "business" },
        }))
        .await;
        self.phone(1).await
    }

    async fn tick(&self, phone: &DeviceRow) {
        let name = format!("tick at {}", self.now());
        self.track(phone, vec![event(&name, self.now(), "tick")]).await;
    }

    async fn endpoint(&self, peer: &HttpPeer) -> EndpointId {
        let added = self
            .pipeline
            .add_endpoint(self.project, peer.url("/hook"), String::new());
        added.await.unwrap().unwrap().0.id
    }

    async fn row(&self, id: EndpointId) -> EndpointRow {
        self.fresh.endpoint(self.project, id).await.unwrap().unwrap()
    }

    /// Deliveries to this endpoint, oldest first.
    async fn to(&self, endpoint: EndpointId) -> Vec<DeliveryRow> {
        let mut rows = self.deliveries().await;
        rows.retain(|row| row.endpoint_id == Some(endpoint));
        rows.reverse();
        rows
    }

    /// Dispatches at every time something is due, up to then.
    async fn until(&self, end: Timestamp) {
        loop {
            self.pipeline.dispatch().await.unwrap();
            match self.fresh.next_run_at().await.unwrap() {
                Some(at) if at <= end => self.clock.set(at.max(self.now())),
                _ => break,
            }
        }
        self.clock.set(end);
    }

    async fn switch_on(&self, id: EndpointId, peer: &HttpPeer) {
        let edit = EndpointEdit {
            url: peer.url("/hook"),
            description: String::new(),
            disabled_why: None,
        };
        self.pipeline
            .edit_endpoint(self.project, id, edit)
            .await
            .unwrap()
            .unwrap();
    }
}

fn states(rows: &[DeliveryRow]) -> Vec<DeliveryState> {
    rows.iter().map(|row| row.state).collect()
}

#[tokio::test]
async fn a_dead_endpoint_is_tried_by_the_schedule_while_the_others_have_theirs_at_once() {
    let world = world().await;
    let (dead, slow) = (HttpPeer::start().await, HttpPeer::start().await);
    dead.reply_always(Reply::Status(500));
    slow.reply_always(Reply::Slow(Duration::from_millis(30), 204));
    let dead_id = world.endpoint(&dead).await;
    let slow_id = world.endpoint(&slow).await;
    let mut healthy = Vec::new();
    for _ in 0..8 {
        let peer = HttpPeer::start().await;
        healthy.push((world.endpoint(&peer).await, peer));
    }
    let phone = world.tell_the_desk().await;
    let start = world.now();
    world.tick(&phone).await;
    world.pipeline.dispatch().await.unwrap();
    for (id, peer) in &healthy {
        assert_eq!(states(&world.to(*id).await), [DeliveryState::Accepted]);
        assert_eq!(peer.received().len(), 1);
    }
    assert_eq!(states(&world.to(slow_id).await), [DeliveryState::Accepted]);
    world.until(start + TimeDelta::hours(40)).await;
    let tried = dead.received();
    let ids: Vec<_> = tried.iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert_eq!(ids, vec![ids[0].clone(); 8], "each attempt is the same message");
    let at = |index: usize| tried[index].header("webhook-timestamp").parse::<f64>().unwrap();
    for (index, seconds) in [5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0]
        .iter()
        .enumerate()
    {
        let (waited, spread) = (at(index + 1) - at(index), seconds * 0.1 + 1.0);
        assert!(
            (waited - seconds).abs() <= spread,
            "try {}: {waited} s and not {seconds} s",
            index + 2
        );
    }
    assert_eq!(states(&world.to(dead_id).await), [DeliveryState::Failed]);
    assert!(
        world.row(dead_id).await.disabled.is_none(),
        "a day of failures is not enough"
    );
    assert!(healthy.iter().all(|(_, peer)| peer.received().len() == 1));
    assert_eq!((slow.received().len(), world.deliveries().await.len()), (1, 10));
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_is_switched_off_and_its_dead_letters_follow_when_it_is_back() {
    let world = world().await;
    let peer = HttpPeer::start().await;
    peer.reply_always(Reply::Status(500));
    let id = world.endpoint(&peer).await;
    let phone = world.tell_the_desk().await;
    let mut told = world.pipeline.stream().subscribe();
    let start = world.now();
    for half_day in 0..11 {
        world.until(start + TimeDelta::hours(12 * half_day)).await;
        assert!(
            world.row(id).await.disabled.is_none() || half_day == 10,
            "at half day {half_day}"
        );
        world.tick(&phone).await;
        world.pipeline.dispatch().await.unwrap();
    }
    assert!(world.row(id).await.disabled.is_some(), "five days are enough");
    let said = std::iter::from_fn(|| told.try_recv().ok()).find(|live| live.event == "endpoint");
    assert_eq!(said.unwrap().body["id"], json!(id));
    // What comes now is a dead letter at once, and nobody is asked.
    let asked = peer.received().len();
    world.wait(3_600);
    world.tick(&phone).await;
    world.pipeline.dispatch().await.unwrap();
    let last = world.to(id).await.pop().unwrap();
    assert!(last.why.unwrap().contains("switched off") && last.state == DeliveryState::Failed);
    assert_eq!(peer.received().len(), asked);
    // It is back: everything whose life is not over follows, once.
    peer.reply_always(Reply::Status(204));
    world.switch_on(id, &peer).await;
    assert_eq!(world.row(id).await.health, Health::default());
    world.until(world.now() + TimeDelta::hours(11)).await;
    let dead = |rows: &[DeliveryRow]| rows.iter().filter(|row| row.state == DeliveryState::Failed).count() as u64;
    let before = dead(&world.to(id).await);
    let replays = world.pipeline.replay_endpoint(world.project, id, start).await.unwrap();
    assert_eq!((replays.queued + replays.over, replays.has_more), (before, false));
    assert!(replays.queued > 0 && replays.over > 0, "{replays:?}");
    world.pipeline.dispatch().await.unwrap();
    let rows = world.to(id).await;
    assert_eq!(dead(&rows), before, "no dead delivery is opened again");
    let followed = rows.iter().filter(|row| row.replay_of.is_some());
    assert_eq!(
        followed.filter(|row| row.state == DeliveryState::Accepted).count() as u64,
        replays.queued
    );
    let again = world.pipeline.replay_endpoint(world.project, id, start).await.unwrap();
    assert_eq!(again.queued, 0, "each is replayed once");
}

#[tokio::test]
async fn one_that_says_it_is_gone_is_switched_off_at_once() {
    let world = world().await;
    let peer = HttpPeer::start().await;
    let id = world.endpoint(&peer).await;
    let phone = world.tell_the_desk().await;
    peer.reply_next(Reply::Status(410));
    world.tick(&phone).await;
    world.pipeline.dispatch().await.unwrap();
    assert!(world.row(id).await.disabled.unwrap().why.contains("410"));
    let dead = world.to(id).await[0].clone();
    assert_eq!(dead.state, DeliveryState::Failed);
    assert_eq!(
        world.subject(phone.user_id).await.sent.len(),
        1,
        "and nobody's phone took over"
    );
    world.switch_on(id, &peer).await;
    let Replay::Queued(row) = world.pipeline.replay(world.project, dead.id).await.unwrap() else {
        panic!("it is not replayed")
    };
    assert_eq!(
        (row.replay_of, row.endpoint_id, row.attempts),
        (Some(dead.id), Some(id), 0)
    );
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(
        states(&world.to(id).await),
        [DeliveryState::Failed, DeliveryState::Accepted]
    );
    let received = peer.received();
    assert_eq!(
        received[0].header("webhook-id"),
        received[1].header("webhook-id"),
        "a receiver can tell"
    );
}

#[tokio::test]
async fn one_that_asks_to_slow_down_is_left_alone_so_long() {
    let world = world().await;
    let (busy, other) = (HttpPeer::start().await, HttpPeer::start().await);
    let (id, other_id) = (world.endpoint(&busy).await, world.endpoint(&other).await);
    let phone = world.tell_the_desk().await;
    busy.reply_next(Reply::Full(429, "retry-after: 600\r\n", String::new()));
    world.tick(&phone).await;
    world.pipeline.dispatch().await.unwrap();
    let until = world.row(id).await.held_until.unwrap();
    assert_eq!(until - world.now(), TimeDelta::seconds(600));
    world.wait(60);
    world.tick(&phone).await;
    world.until(until - TimeDelta::seconds(1)).await;
    assert_eq!(
        (busy.received().len(), other.received().len()),
        (1, 2),
        "the other one has both"
    );
    assert_eq!(states(&world.to(other_id).await), [DeliveryState::Accepted; 2]);
    let held = world.to(id).await[1].clone();
    assert_eq!(
        (held.attempts, held.state),
        (0, DeliveryState::Queued),
        "waiting is no attempt"
    );
    world.until(until + TimeDelta::minutes(2)).await;
    assert_eq!(states(&world.to(id).await), [DeliveryState::Accepted; 2]);
    assert_eq!(world.row(id).await.held_until, None);
}

#[tokio::test]
async fn a_secret_that_was_rotated_signs_on_for_a_day() {
    let world = world().await;
    let peer = HttpPeer::start().await;
    let id = world.endpoint(&peer).await;
    let phone = world.tell_the_desk().await;
    for (hours, signatures) in [(0, 1), (0, 2), (23, 2), (2, 1)] {
        if peer.received().len() == 1 {
            world
                .pipeline
                .rotate_endpoint(world.project, id)
                .await
                .unwrap()
                .unwrap();
        }
        world.wait(hours * 3_600 + 1);
        world.tick(&phone).await;
        world.pipeline.dispatch().await.unwrap();
        let last = peer.received().pop().unwrap();
        assert_eq!(
            last.header("webhook-signature").split(' ').count(),
            signatures,
            "after {hours} hours"
        );
    }
}

#[tokio::test]
async fn without_endpoints_the_tray_has_it_and_a_deleted_one_gets_nothing_more() {
    let world = world().await;
    let phone = world.tell_the_desk().await;
    world.tick(&phone).await;
    world.pipeline.dispatch().await.unwrap();
    let tray = world.deliveries().await.remove(0);
    assert_eq!((tray.channel, tray.state), (ChannelKind::Tray, DeliveryState::Accepted));
    let peer = HttpPeer::start().await;
    let endpoint = world.endpoint(&peer).await;
    world.wait(1);
    world.tick(&phone).await;
    assert!(world.pipeline.delete_endpoint(world.project, endpoint).await.unwrap());
    world.pipeline.dispatch().await.unwrap();
    let row = world.to(endpoint).await.remove(0);
    assert_eq!(
        (row.state, row.why.as_deref()),
        (DeliveryState::Failed, Some("the endpoint was deleted"))
    );
    assert!(peer.received().is_empty());
    world.wait(1);
    world.tick(&phone).await;
    assert_eq!(world.deliveries().await[0].channel, ChannelKind::Tray);
}

/// A message to a phone that failed for good.
async fn failed(world: &World) -> (DeviceRow, DeliveryRow) {
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    world.walk_in(&phone).await;
    let (field, description) = ("message.x".to_owned(), "bad".to_owned());
    world
        .server()
        .fail_next(&token(1), Fault::BadRequest { field, description });
    world.pipeline.dispatch().await.unwrap();
    let row = world.deliveries().await.remove(0);
    assert_eq!(row.state, DeliveryState::Failed);
    (phone, row)
}

async fn replay(world: &World, row: &DeliveryRow) -> Replay {
    world.pipeline.replay(world.project, row.id).await.unwrap()
}

#[tokio::test]
async fn a_dead_delivery_goes_out_once_more_as_another_one_and_a_repeat_of_the_wish_is_the_same() {
    let world = world_with_fcm().await;
    let (_, dead) = failed(&world).await;
    let first = replay(&world, &dead).await;
    let Replay::Queued(queued) = first else {
        panic!("{first:?}")
    };
    assert_eq!(replay(&world, &dead).await, Replay::Before(queued.clone()));
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted, DeliveryState::Failed]);
    assert_eq!(world.server().screen(&token(1)).len(), 1);
    assert_eq!(replay(&world, &queued).await, Replay::NotDead(DeliveryState::Accepted));
    let foreign = world.pipeline.replay(id(2), dead.id).await.unwrap();
    assert_eq!(
        (foreign, world.pipeline.replay(world.project, id(99)).await.unwrap()),
        (Replay::Unknown, Replay::Unknown)
    );
}

#[tokio::test]
async fn a_replay_asks_for_consent_again_and_never_outlives_its_message() {
    let world = world_with_fcm().await;
    let (phone, dead) = failed(&world).await;
    world.consent(phone.user_id, Purpose::Service, false).await;
    let Replay::Queued(queued) = replay(&world, &dead).await else {
        panic!("it is not replayed")
    };
    world.pipeline.dispatch().await.unwrap();
    let row = world.fresh.delivery(world.project, queued.id).await.unwrap().unwrap().0;
    assert_eq!(
        (row.state, row.why.as_deref()),
        (DeliveryState::Cancelled, Some("consent was withdrawn"))
    );
    assert!(world.server().screen(&token(1)).is_empty());
    let later = world_with_fcm().await;
    let (_, dead) = failed(&later).await;
    later.wait(3_600);
    assert_eq!(replay(&later, &dead).await, Replay::Over);
}

#[tokio::test]
async fn what_another_phone_shows_is_not_replayed_to_the_first_one() {
    let world = world_with_fcm().await;
    let (first, second) = (world.phone(1).await, world.phone(2).await);
    for phone in [&second, &first] {
        world.wait(1);
        world.pipeline.identify(phone, "ana", None).await.unwrap();
    }
    let first = world.fresh.device(world.project, first.id).await.unwrap().unwrap();
    world.publish_key().await;
    world.track(&first, vec![event("e1", world.now(), "key_used")]).await;
    world.server().unregister(&token(1));
    while world.pipeline.dispatch().await.unwrap() > 0 {}
    let rows = world.deliveries().await;
    let dead = rows.iter().find(|row| row.state == DeliveryState::Failed).unwrap();
    let shown = rows.iter().find(|row| row.state == DeliveryState::Accepted).unwrap();
    assert_eq!(replay(&world, dead).await, Replay::Elsewhere(shown.id));
    assert_eq!(world.deliveries().await.len(), 2);
}

#[tokio::test]
async fn no_project_has_endpoints_without_bound() {
    let world = world().await;
    for number in 0..=crate::base::limits::WEBHOOK_ENDPOINTS_MAX {
        let url = format!("https://example.com/{number}");
        let added = world
            .pipeline
            .add_endpoint(world.project, url, String::new())
            .await
            .unwrap();
        assert_eq!(added.is_some(), number < crate::base::limits::WEBHOOK_ENDPOINTS_MAX);
    }
    let shown: Value = json!(format!("{:?}", world.fresh.endpoints(world.project).await.unwrap()));
    assert!(!shown.as_str().unwrap().contains("whsec_"), "a secret shows in a log");
}

#[tokio::test]
async fn an_endpoint_that_takes_everything_in_and_never_answers_delays_no_other_of_its_business() {
    let world = world().await;
    let (hole, well) = (HttpPeer::start().await, HttpPeer::start().await);
    hole.reply_always(Reply::Hang);
    let hole_id = world.endpoint(&hole).await;
    let phone = world.tell_the_desk().await;
    // More than one tenant has places for: all of them are due before anything for the other one.
    let ticks = limits::SENDS_AT_ONCE_MAX / 2 + 10;
    let records = (0..ticks).map(|number| event(&format!("tick {number}"), world.now(), "tick"));
    world.track(&phone, records.collect()).await;
    let backlog = world.fresh.delivery_counts(world.project).await.unwrap()[&DeliveryState::Queued];
    assert!(backlog > limits::SENDS_AT_ONCE_MAX as u64 / 2, "{backlog}");
    let mut dispatcher = Dispatcher::new(&world.pipeline);
    while hole.received().is_empty() {
        // A turn that finds the database busy is followed by another.
        dispatcher.run(Some(Duration::from_millis(20))).await.ok();
    }
    let well_id = world.endpoint(&well).await;
    world.wait(1);
    world.tick(&phone).await;
    let mut turns = 0;
    while well.received().is_empty() {
        dispatcher.run(Some(Duration::from_millis(20))).await.ok();
        turns += 1;
        assert!(turns < 500, "it waits behind the one that does not answer");
    }
    assert!(
        world
            .to(hole_id)
            .await
            .iter()
            .all(|row| row.state != DeliveryState::Accepted)
    );
    drop(dispatcher);
    assert_eq!(world.to(well_id).await.len(), 1);
}
