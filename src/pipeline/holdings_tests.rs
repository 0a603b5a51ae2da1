//! What is known of a device is never older than the last change of it.
#![allow(clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::world::{id, noon};
use super::*;
use proptest::prelude::*;

fn holding(device: u8, user: u8) -> Holding {
    Holding {
        project_id: id(1),
        device_id: id(100 + u128::from(device)),
        user_id: id(200 + u128::from(user)),
        since: Some(noon()),
    }
}

fn hash(token: u8) -> TokenHash {
    [token; 32]
}

fn ask(holdings: &Holdings, token: u8) -> Changes {
    match holdings.look(&hash(token), noon()) {
        Looked::Ask(changes) => changes,
        Looked::Known(holding) => panic!("{holding:?} is known"),
    }
}

fn knows(holdings: &Holdings, token: u8) -> bool {
    matches!(holdings.look(&hash(token), noon()), Looked::Known(_))
}

fn filled(count: u8) -> Holdings {
    let holdings = Holdings::new(TimeDelta::seconds(60), 1_000);
    for device in 0..count {
        let begun = ask(&holdings, device);
        holdings.keep(begun, hash(device), holding(device, device % 3), noon());
    }
    holdings
}

#[test]
fn what_was_read_before_a_change_is_not_kept_after_it() {
    let holdings = filled(1);
    // Somebody begins to look the second device up and reads its row...
    let begun = ask(&holdings, 9);
    // ...then it changes hands...
    holdings.forget(holding(9, 0).device_id);
    // ...and the row that was read comes too late.
    holdings.keep(begun, hash(9), holding(9, 0), noon());
    assert!(!knows(&holdings, 9));
    assert!(knows(&holdings, 0), "the others stay known");
    let begun = ask(&holdings, 9);
    holdings.keep(begun, hash(9), holding(9, 1), noon());
    assert_eq!(holdings.look(&hash(9), noon()), Looked::Known(holding(9, 1)));
}

#[test]
fn a_new_token_ends_the_old_one_and_erasing_ends_all_of_a_user() {
    let holdings = filled(9);
    holdings.forget(holding(4, 1).device_id);
    assert!(!knows(&holdings, 4));
    holdings.forget_user(id(2), holding(0, 2).user_id);
    assert!(knows(&holdings, 2), "a user of another project is another user");
    holdings.forget_user(id(1), holding(0, 2).user_id);
    let left: Vec<u8> = (0..9).filter(|token| knows(&holdings, *token)).collect();
    assert_eq!(left, [0, 1, 3, 6, 7]);
    holdings.forget_all();
    assert!((0..9).all(|token| !knows(&holdings, token)));
}

#[test]
fn an_entry_is_believed_for_its_time_and_no_longer() {
    let holdings = filled(1);
    let after = |seconds| holdings.look(&hash(0), noon() + TimeDelta::seconds(seconds));
    assert!(matches!(after(59), Looked::Known(_)));
    assert!(matches!(after(60), Looked::Ask(_)));
    assert!(matches!(after(-60), Looked::Ask(_)), "a clock that was set back");
}

#[test]
fn memory_is_bounded_and_who_is_heard_from_stays() {
    let holdings = Holdings::new(TimeDelta::seconds(60), 20);
    for device in 0..200 {
        let begun = ask(&holdings, device);
        holdings.keep(begun, hash(device), holding(device, 0), noon());
        assert!(knows(&holdings, 0), "heard from between all the others");
        let known = holdings.read();
        assert!(known.young.by_token.len() + known.old.by_token.len() <= 20);
        assert_eq!(known.young.by_token.len(), known.young.by_device.len());
        assert_eq!(known.old.by_token.len(), known.old.by_device.len());
    }
    assert!(!knows(&holdings, 50));
}

#[derive(Debug, Clone)]
enum Op {
    Begin(u8),
    Finish(usize),
    NewToken(u8),
    Owner(u8, u8),
    Erase(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..5_u8).prop_map(Op::Begin),
        (0..8_usize).prop_map(Op::Finish),
        (0..5_u8).prop_map(Op::NewToken),
        (0..5_u8, 0..3_u8).prop_map(|(device, user)| Op::Owner(device, user)),
        (0..3_u8).prop_map(Op::Erase),
    ]
}

proptest! {
    /// Look-ups and changes in any order: what is known is what the store holds now, always.
    #[test]
    fn what_is_known_is_what_is_stored(ops in proptest::collection::vec(op(), 1..80)) {
        let holdings = Holdings::new(TimeDelta::seconds(60), 6);
        // Device -> token and owner.
        let mut stored: HashMap<u8, (u8, u8)> = (0..5).map(|device| (device, (device, 0))).collect();
        let mut tokens = 5_u8;
        let mut under_way = Vec::new();
        for op in ops {
            match op {
                Op::Begin(device) => {
                    if let Some((token, user)) = stored.get(&device).copied()
                        && let Looked::Ask(begun) = holdings.look(&hash(token), noon())
                    {
                        under_way.push((begun, token, holding(device, user)));
                    }
                }
                Op::Finish(index) if index < under_way.len() => {
                    let (begun, token, read) = under_way.remove(index);
                    holdings.keep(begun, hash(token), read, noon());
                }
                Op::Finish(_) => {}
                Op::NewToken(device) => {
                    if let Some(row) = stored.get_mut(&device) {
                        row.0 = tokens;
                        tokens += 1;
                        holdings.forget(holding(device, 0).device_id);
                    }
                }
                Op::Owner(device, user) => {
                    if let Some(row) = stored.get_mut(&device) {
                        row.1 = user;
                        holdings.forget(holding(device, 0).device_id);
                    }
                }
                Op::Erase(user) => {
                    stored.retain(|_, row| row.1 != user);
                    holdings.forget_user(id(1), holding(0, user).user_id);
                }
            }
            for token in 0..tokens {
                if let Looked::Known(known) = holdings.look(&hash(token), noon()) {
                    let row = stored.iter().find(|(_, row)| row.0 == token);
                    let (device, (_, user)) = row.expect("a token that ended is not known");
                    prop_assert_eq!(known, holding(*device, *user));
                }
            }
        }
    }
}
