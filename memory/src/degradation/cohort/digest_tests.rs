//! A digest says what the readings say, or says that it cannot tell.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn rated(model: &str, prompt_version: &str) -> Rated {
    Rated { model: model.to_owned(), prompt_version: prompt_version.to_owned() }
}

fn reading(turn: u64, value: f64, at: Option<i64>, of: &[(&str, &str)]) -> Reading {
    Reading {
        turn,
        value,
        history: Some(10 * turn),
        distance: turn.checked_sub(3),
        at: at.map(time),
        rated: of.iter().map(|(model, version)| rated(model, version)).collect(),
    }
}

#[test]
fn sums_do_not_depend_on_their_order() {
    let values = [0.1, 0.7, 1.0, 0.0, 1.0 / 3.0, f64::NAN];
    let (mut one, mut other) = (Sum::default(), Sum::default());
    values.iter().for_each(|value| one.add(*value));
    values.iter().rev().for_each(|value| other.add(*value));
    assert_eq!(one, other);
    let mean = one.mean().unwrap();
    assert!((mean - (0.1 + 0.7 + 1.0 + 1.0 / 3.0) / 5.0).abs() < 1e-9, "{mean}");
    let (mut ones, mut zeros) = (Sum::default(), Sum::default());
    (0..7).for_each(|_| ones.add(1.0));
    (0..7).for_each(|_| zeros.add(0.0));
    assert_eq!((ones.mean(), zeros.mean(), Sum::default().mean()), (Some(1.0), Some(0.0), None));
}

#[test]
fn a_time_within_a_cell_is_left_to_the_readings() {
    let readings = [
        reading(2, 1.0, Some(100), &[("a", "1")]),
        reading(4, 0.0, Some(200), &[("a", "1")]),
        reading(6, 0.5, Some(SECONDS_PER_DAY + 5), &[("b", "1")]),
    ];
    let digest = Digest::of(&readings);
    let between = |from: Option<i64>, until: Option<i64>| {
        let choice = Choice { from: from.map(time), until: until.map(time), ..Choice::default() };
        let taken = digest.take(choice);
        let exact = Taken::of(&readings, choice);
        assert!(taken.as_ref().is_none_or(|taken| *taken == exact), "{from:?} {until:?}");
        taken.map(|taken| (taken.spread.all.mean(), taken.newest))
    };
    let last = Some(time(SECONDS_PER_DAY + 5));
    assert_eq!(between(None, None), Some((Some(0.5), last)));
    assert_eq!(between(Some(100), Some(201)), Some((Some(0.5), Some(time(200)))));
    assert_eq!(between(Some(201), None), Some((Some(0.5), last)));
    assert_eq!(between(Some(300), Some(400)), Some((None, None)));
    assert_eq!(between(Some(150), None), None);
    assert_eq!(between(None, Some(200)), None);
    assert_eq!(between(Some(120), Some(180)), None, "both ends within one cell");
    // Of what is not chosen the time does not matter.
    let of_b = Choice { model: "b", from: Some(time(150)), ..Choice::default() };
    assert_eq!(digest.take(of_b), Some(Taken::of(&readings, of_b)));
}

#[test]
fn a_digest_names_whom_it_rates_of_late() {
    let readings = [
        reading(2, 1.0, Some(100), &[("a", "1")]),
        reading(4, 0.0, Some(3 * SECONDS_PER_DAY), &[("b", "1"), ("b", "2")]),
        reading(6, 0.5, None, &[("c", "1")]),
    ];
    let digest = Digest::of(&readings);
    let since = |second| digest.rated_since(time(second)).cloned().collect::<Vec<_>>();
    // What has no time is of the time of its conversation.
    let timeless = rated("c", "1");
    let all = [rated("a", "1"), rated("b", "1"), rated("b", "2"), timeless.clone()];
    assert_eq!(since(0), all);
    assert_eq!(since(101), all[1..]);
    assert_eq!(since(3 * SECONDS_PER_DAY + 1), [timeless]);
}

#[test]
fn a_long_conversation_has_coarser_cells_and_many_raters_none() {
    let daily: Vec<_> = (0..500)
        .map(|n| reading(n, 1.0, Some(n as i64 * SECONDS_PER_DAY), &[("a", "1")]))
        .collect();
    let digest = Digest::of(&daily);
    let cells = digest.cells.as_ref().map(Vec::len);
    assert!(cells.is_some_and(|cells| (8..=MAX_CELLS).contains(&cells)), "{cells:?}");
    assert_eq!(digest.take(Choice::default()), Some(Taken::of(&daily, Choice::default())));
    let versions: Vec<String> = (0..=MAX_CELLS).map(|n| n.to_string()).collect();
    let many: Vec<_> = versions
        .iter()
        .map(|version| reading(2, 1.0, Some(7), &[("a", version.as_str())]))
        .collect();
    assert_eq!(Digest::of(&many).take(Choice::default()), None);
    assert_eq!(Digest::of(&[]).take(Choice::default()), Some(Taken::default()));
}

#[test]
fn a_digest_says_what_the_readings_say() {
    const MODELS: [&str; 3] = ["", "a", "b"];
    const VERSIONS: [&str; 3] = ["", "1", "2"];
    let mut told = 0;
    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let is_timed = rng.random_bool(0.6);
        let readings: Vec<Reading> = (0..rng.random_range(0..60))
            .map(|_| {
                let mut of: Vec<_> = (0..rng.random_range(0..3))
                    .map(|_| (MODELS[rng.random_range(0..3)], VERSIONS[rng.random_range(0..3)]))
                    .collect();
                of.sort_unstable();
                of.dedup();
                let at = rng.random_range(0..9 * SECONDS_PER_DAY);
                let turn = rng.random_range(1..5_000);
                reading(turn, rng.random::<f64>(), is_timed.then_some(at), &of)
            })
            .collect();
        let digest = Digest::of(&readings);
        // As it is stored.
        let bytes = postcard::to_extend(&digest, Vec::new()).unwrap();
        let digest: Digest = postcard::from_bytes(&bytes).unwrap();
        for _ in 0..30 {
            let mut edge = || {
                let at = time(rng.random_range(0..10) * SECONDS_PER_DAY);
                rng.random_bool(0.5).then_some(at)
            };
            let (from, until) = (edge(), edge());
            let (model, prompt_version) =
                (MODELS[rng.random_range(0..3)], VERSIONS[rng.random_range(0..3)]);
            let choice = Choice { model, prompt_version, from, until };
            // Whole days are never within a cell of a day.
            let taken = digest.take(choice).unwrap_or_else(|| panic!("seed {seed}: {choice:?}"));
            assert_eq!(taken, Taken::of(&readings, choice), "seed {seed}: {choice:?}");
            told += u64::from(taken.spread.all.mean().is_some());
        }
    }
    assert!(told > 1_000, "{told}");
}
