//! A change is told once, however it moves, and another one is told again.

use super::*;
use crate::{degradation::cohort::Change, engine::CohortChange};

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn newest(since: i64, alarm: i64, conversations: u64) -> NewestChange {
    let id = |n: i64| ConversationId::new(&format!("c{n}")).unwrap();
    let change = Change { alarm_at: 9, since: 7, mean_before: 0.8, mean_since: 0.6 };
    NewestChange {
        change: CohortChange {
            change,
            since: id(since),
            since_time: time(since),
            alarm: id(alarm),
        },
        alarm_time: time(alarm),
        conversations,
    }
}

fn of_version() -> Option<Rated> {
    Some(Rated { model: "m".to_owned(), prompt_version: "2".to_owned() })
}

#[test]
fn a_change_is_told_once() {
    let look = |before: &[Told], found: NewestChange| {
        let (told, is_new) = merged(before, &[(0, None, found)], time(0));
        (told, is_new[0])
    };
    let (told, is_new) = look(&[], newest(100, 150, 60));
    assert!(is_new && told.len() == 1 && told[0].conversations == 60, "{told:?}");
    // The same, with more behind it; it seems to begin later, before the alarm.
    let (told, is_new) = look(&told, newest(120, 160, 90));
    assert!(!is_new && told[0].alarm_time == time(160), "{told:?}");
    // Its conversations were rated again meanwhile.
    let (told, is_new) = look(&told, newest(400, 450, 95));
    assert!(!is_new, "{told:?}");
    // Another one: less goes by it than went by the one before.
    let (told, is_new) = look(&told, newest(900, 950, 40));
    assert!(is_new && told.len() == 1, "{told:?}");
    // It is not found for once, and found again.
    let (told, is_new) = merged(&told, &[], time(0));
    assert!(is_new.is_empty() && told[0].conversations == 0, "{told:?}");
    let (_, is_new) = look(&told, newest(900, 960, 50));
    assert!(!is_new);
    // What is long past is forgotten.
    let (told, _) = merged(&told, &[], time(1_000));
    assert_eq!(told, []);
}

#[test]
fn versions_and_metrics_are_told_apart() {
    let found = [
        (0, None, newest(100, 150, 60)),
        (0, of_version(), newest(100, 150, 30)),
        (1, None, newest(90, 140, 70)),
    ];
    let (told, is_new) = merged(&[], &found, time(0));
    assert_eq!(is_new, [true; 3]);
    let mut totals = DriftTotals::default();
    count(&mut totals, &told);
    let expected = DriftTotals { conversations: [60, 70], versions: [1, 0] };
    assert_eq!(totals, expected);
    let (told, is_new) = merged(&told, &found[1..2], time(0));
    assert_eq!(is_new, [false]);
    let mut totals = DriftTotals::default();
    count(&mut totals, &told);
    assert_eq!(totals, DriftTotals { conversations: [0, 0], versions: [1, 0] });
    let shown = drift(&TenantId::new("t").unwrap(), found[1].clone()).unwrap();
    assert_eq!((shown.metric, &*shown.model, &*shown.prompt_version), ("quality", "m", "2"));
}

#[test]
fn days_are_whole() {
    let now = time(40 * SECONDS_PER_DAY + 5);
    assert_eq!(first_moment(now), time(12 * SECONDS_PER_DAY));
    assert_eq!(first_moment(Timestamp::MIN), Timestamp::MIN);
}
