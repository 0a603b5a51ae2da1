//! Equal values are one, and what nobody has any more is let go.

use super::{Pool, SWEPT_FROM};
use std::sync::Arc;

#[test]
fn equal_values_are_one() {
    let pool = Pool::new();
    let (one, same, other) = (
        pool.share("a".to_owned()),
        pool.share("a".to_owned()),
        pool.share("b".to_owned()),
    );
    assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
}

#[test]
fn what_nobody_has_any_more_is_let_go() {
    let pool = Pool::new();
    let kept = pool.share(0);
    let long_gone = 100 * SWEPT_FROM;
    for number in 0..long_gone {
        pool.share(number);
    }
    assert!(pool.0.lock().unwrap().values.len() <= SWEPT_FROM);
    assert!(Arc::ptr_eq(&kept, &pool.share(0)), "somebody has it still");
    let all: Vec<_> = (0..long_gone).map(|number| pool.share(number)).collect();
    assert!(
        all.iter()
            .enumerate()
            .all(|(number, value)| Arc::ptr_eq(value, &pool.share(number)))
    );
}
