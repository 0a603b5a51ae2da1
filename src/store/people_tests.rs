//! People, their devices and facts: who owns what when, what is newest, and that erased means gone.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::change::{FactOutcome, InboxInput, Row};
use super::sample::{after, change, device, id, ids, noon, open, project, registration, stay};
use super::{PageAsk, Registration};
use crate::engine::delivery::ChannelKind;
use crate::engine::fact::FactRef;
use crate::engine::subject::{Profile, Purpose};
use uuid::Uuid;

#[tokio::test]
async fn a_device_registers_with_a_user_and_a_subject_and_again_with_a_new_token() {
    let store = open().await;
    let first = store.register_device(&registration(1)).await.unwrap();
    assert!(first.created);
    assert_eq!(first.device, device(1));
    let subject = store.load_subjects(project(), &[id(1)]).await.unwrap().remove(0);
    assert!(subject.has_consent(Purpose::Service) && subject.devices.contains_key(&id(1)));
    assert_eq!(
        store.user(project(), id(1)).await.unwrap().unwrap().profile,
        Profile::default()
    );
    let mut news = registration(2);
    news.device.installation_id = device(1).installation_id;
    news.device.push = None;
    news.device.app_version = Some("2.0".into());
    let again = store.register_device(&news).await.unwrap();
    assert!(!again.created);
    assert_eq!((again.device.id, again.device.user_id), (id(1), id(1)));
    assert_eq!(again.device.app_version.as_deref(), Some("2.0"));
    assert_eq!(again.device.push, device(1).push, "what was not said is still true");
    assert!(
        store
            .device_by_token_hash(&device(1).token_hash)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        store
            .device_by_token_hash(&device(2).token_hash)
            .await
            .unwrap()
            .unwrap(),
        again.device
    );
    assert_eq!(store.consents_of(project(), id(1)).await.unwrap().len(), 4);
    assert_eq!(store.users(project(), &PageAsk::first(10)).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn two_first_registrations_of_one_installation_make_one_device() {
    let store = open().await;
    let racers: Vec<Registration> = (1..=6)
        .map(|number| {
            let mut racer = registration(number);
            racer.device.installation_id = "the same phone".into();
            racer.device.push = None;
            racer
        })
        .collect();
    let all = futures_util::future::join_all(racers.iter().map(|racer| store.register_device(racer))).await;
    let made = all
        .into_iter()
        .map(Result::unwrap)
        .filter(|registered| registered.created)
        .count();
    assert_eq!(made, 1);
    assert_eq!(store.users(project(), &PageAsk::first(10)).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_push_address_moves_to_the_device_that_has_it_now() {
    let store = open().await;
    for number in 1..=3 {
        store.register_device(&registration(number)).await.unwrap();
    }
    let mut news = change(2);
    let mut row = device(2);
    row.push = Some((ChannelKind::Tray, "address 1".into()));
    row.token_hash = vec![99; 32];
    news.rows = vec![Row::Device(row.clone())];
    store.commit(vec![news]).await.unwrap();
    let push = async |number| store.device(project(), id(number)).await.unwrap().unwrap().push;
    assert_eq!(push(1).await, None);
    assert_eq!(push(2).await, row.push);
    assert!(push(3).await.is_some());
    assert!(
        store.device_by_token_hash(&[99; 32]).await.unwrap().is_none(),
        "a step changes no token"
    );
    let forget = |address: Option<&str>| {
        let mut gone = change(2);
        gone.rows = vec![Row::ForgetAddress {
            device_id: id(2),
            address: address.map(str::to_owned),
        }];
        gone
    };
    store.commit(vec![forget(Some("address 2"))]).await.unwrap();
    assert_eq!(push(2).await, row.push, "the dead address was another one");
    store.commit(vec![forget(None)]).await.unwrap();
    assert_eq!(push(2).await, None);
}

#[tokio::test]
async fn a_device_remembers_whose_it_was() {
    let store = open().await;
    store.register_device(&registration(1)).await.unwrap();
    store.register_device(&registration(2)).await.unwrap();
    assert_eq!(
        store.identify(project(), id(1), id(2), after(100)).await.unwrap(),
        Some(id(1))
    );
    assert_eq!(store.identify(project(), id(9), id(2), after(100)).await.unwrap(), None);
    let owner = async |seconds| store.owner_at(project(), id(1), after(seconds)).await.unwrap();
    assert_eq!(owner(-1).await, None);
    assert_eq!(owner(99).await, Some(id(1)));
    assert_eq!(owner(100).await, Some(id(2)));
    let mut back = change(1);
    back.rows = vec![Row::Owner {
        device_id: id(1),
        user_id: id(1),
        at: after(200),
    }];
    store.commit(vec![back]).await.unwrap();
    assert_eq!((owner(199).await, owner(200).await), (Some(id(2)), Some(id(1))));
    assert_eq!(store.devices_of(project(), id(2)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_names_one_user() {
    let store = open().await;
    let (made, new) = store.user_or_new(project(), "guest-1", id(1), noon()).await.unwrap();
    assert!(new);
    let (same, new) = store.user_or_new(project(), "guest-1", id(2), noon()).await.unwrap();
    assert_eq!((same, new), (made.clone(), false));
    assert_eq!(store.user_by_ref(project(), "guest-1").await.unwrap(), Some(made));
    assert_eq!(store.user_by_ref(id(2), "guest-1").await.unwrap(), None);
    let profile = Profile {
        user_ref: Some("guest-1".into()),
        locale: Some("fr".into()),
        ..Profile::default()
    };
    let mut news = change(1);
    news.rows = vec![Row::User {
        user_id: id(1),
        profile: profile.clone(),
        at: after(1),
    }];
    store.commit(vec![news]).await.unwrap();
    let row = store.user(project(), id(1)).await.unwrap().unwrap();
    assert_eq!(
        (row.profile, row.created_at, row.updated_at),
        (profile.clone(), noon(), after(1))
    );
    let mut foreign = change(1);
    foreign.project_id = id(2);
    foreign.rows = vec![Row::User {
        user_id: id(1),
        profile: Profile::default(),
        at: after(2),
    }];
    store.commit(vec![foreign]).await.unwrap();
    assert_eq!(
        store.user(project(), id(1)).await.unwrap().unwrap().profile,
        profile,
        "another project's commit"
    );
}

#[tokio::test]
async fn a_fact_counts_its_versions_and_tells_present_and_former_subjects() {
    let store = open().await;
    let (outcome, entries) = store
        .put_fact(stay("s1", 2, &["anna", "ben"]), &mut ids(1))
        .await
        .unwrap();
    assert_eq!((outcome, entries.len()), (FactOutcome::Stored, 2));
    let anna = store.user_by_ref(project(), "anna").await.unwrap().unwrap().id;
    let ben = store.user_by_ref(project(), "ben").await.unwrap().unwrap().id;
    let (outcome, none) = store.put_fact(stay("s1", 2, &["anna"]), &mut ids(2)).await.unwrap();
    assert_eq!((outcome, none.len()), (FactOutcome::Repeated, 0));
    let (outcome, none) = store.put_fact(stay("s1", 1, &["anna"]), &mut ids(3)).await.unwrap();
    assert_eq!((outcome, none.len()), (FactOutcome::Outdated { stored_seq: 2 }, 0));
    let mut by_id = stay("s1", 3, &[]);
    // A user by id; one of them is nobody.
    by_id.fact.subjects = vec![anna, id(77)];
    let (outcome, told) = store.put_fact(by_id, &mut ids(4)).await.unwrap();
    assert_eq!(outcome, FactOutcome::Stored);
    let gone = InboxInput::FactGone {
        fact: FactRef {
            kind: "stay".into(),
            key: "s1".into(),
        },
    };
    let InboxInput::Fact { fact } = &told[0].input else {
        unreachable!("the first entry brings the fact")
    };
    assert_eq!((told[0].user_id, fact.subjects.clone()), (anna, vec![anna]));
    assert_eq!((told[1].user_id, &told[1].input), (ben, &gone));
    assert_eq!(
        store.facts_of(project(), anna).await.unwrap(),
        std::slice::from_ref(fact)
    );
    assert!(store.facts_of(project(), ben).await.unwrap().is_empty());
    assert_eq!(store.fact(project(), &fact.id).await.unwrap().unwrap(), *fact);
    let pending = store.inbox_pending(10).await.unwrap();
    assert_eq!(pending.len(), 4);
    let oldest: std::collections::BTreeSet<Uuid> = pending[..2].iter().map(|entry| entry.id).collect();
    assert_eq!(oldest, entries.iter().map(|entry| entry.id).collect());
    let mut done = change(1);
    done.inbox_done = Some(pending[0].id);
    store.commit(vec![done]).await.unwrap();
    assert_eq!(store.inbox_pending(10).await.unwrap(), pending[1..]);
}
