//! What is absent reads as what is plain, and only what differs takes room.

use super::{Plain, Rare};

impl Plain for u64 {
    fn plain() -> &'static Self {
        &0
    }
}

#[test]
fn it_reads_and_is_stored_like_the_value_itself() {
    let (mut absent, there) = (Rare::default(), Rare::from(7_u64));
    assert_eq!((*absent, *there), (0, 7));
    assert!(absent != there && absent == Rare::from(0));
    assert_eq!(
        serde_json::to_string(&[absent.clone(), there.clone()]).unwrap(),
        "[0,7]"
    );
    assert_eq!(
        serde_json::from_str::<[Rare<u64>; 2]>("[0,7]").unwrap(),
        [absent.clone(), there.clone()]
    );
    *absent += 7;
    assert_eq!(absent, there);
}

#[test]
fn only_what_differs_takes_room() {
    assert_eq!(size_of::<Rare<[u8; 100]>>(), size_of::<usize>());
    assert!(Rare::from(0_u64).0.is_none() && serde_json::from_str::<Rare<u64>>("0").unwrap().0.is_none());
}
