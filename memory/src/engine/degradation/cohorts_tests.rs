//! Conversations stand in the order of their outcomes, however they are gathered.

use super::*;

#[test]
fn a_change_is_looked_for_in_the_order_of_time() {
    let time = |second: i64| Timestamp::from_second(second).unwrap();
    let id = |n: i64| ConversationId::new(&format!("c{n}")).unwrap();
    let mut gathering = Gathering::default();
    let mut take_in = |n: i64, second: i64, value: f64| {
        let mut spread = Spread::default();
        spread.all.add(value);
        gathering.take_in((time(second), &id(n)), CohortMetric::Quality, &spread);
    };
    // The oldest conversations are those that became worse last.
    (0..50).for_each(|n| take_in(n, 10_000 + n, 0.2));
    (50..500).for_each(|n| take_in(n, n, 0.8));
    let cohort = gathering.shown();
    let change = cohort.change.unwrap();
    assert_eq!((change.since, change.since_time), (id(0), time(10_000)));
    assert!((change.change.mean_before - 0.8).abs() < 1e-9, "{:?}", change.change);
    assert!(cohort.change_measurable);
}
