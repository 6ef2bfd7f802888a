//! How long acknowledged turns wait until searches find them, measured while the load
//! runs: one of the clients' turns a second is followed until the server says that its
//! conversation is indexed so far. What is not so far when the load ends is counted as
//! waiting, with its age as the least that it can be.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use throughline_proto::v1::GetConversationRequest;
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    client::{Api, explain},
    metrics::{
        Figures,
        bootstrap::{Estimate, percentile},
    },
};

/// Between two turns that are followed.
const EVERY: Duration = Duration::from_secs(1);
/// A turn is asked after again when it is older by this share. So the time is at most
/// this much too long, and old turns cost the server little.
const LOOK_AGAIN: f64 = 0.05;
/// Shortest pause between two looks.
const MIN_POLL: Duration = Duration::from_millis(5);

/// What became of a turn by the end of the load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sample {
    /// Searchable this long after it was acknowledged.
    Searchable(Duration),
    /// Not yet, and it is so old.
    Waiting(Duration),
}

/// Picks turns out of what the clients append, and follows them.
pub(super) struct Sampler {
    api: Api,
    until: Instant,
    due: Mutex<Instant>,
    followed: Mutex<JoinSet<anyhow::Result<Sample>>>,
}

impl Sampler {
    /// Follows turns from now to the end of the load.
    pub(super) fn new(api: Api, until: Instant) -> Self {
        let (due, followed) = (Mutex::new(Instant::now()), Mutex::default());
        Self { api, until, due, followed }
    }

    /// A client's turn is durable; it is followed if one is due.
    pub(super) fn acknowledged(&self, conversation: &str, sequence: u64) {
        let now = Instant::now();
        if self.is_due(now) {
            let (api, until) = (self.api.clone(), self.until);
            let work = follow(api, conversation.to_owned(), sequence, now, until);
            self.followed.lock().unwrap_or_else(PoisonError::into_inner).spawn(work);
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now >= *due && now < self.until;
        if is_due {
            *due = now + EVERY;
        }
        is_due
    }

    /// What became of them, once the load has ended.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn finish(&self) -> anyhow::Result<Vec<Sample>> {
        let mut followed = {
            let mut all = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *all)
        };
        let mut samples = Vec::new();
        while let Some(sample) = followed.join_next().await {
            samples.push(sample.context("a followed turn")??);
        }
        Ok(samples)
    }
}

/// Asks until the turn is searchable, and once more when the time is over.
async fn follow(
    api: Api,
    name: String,
    sequence: u64,
    acknowledged: Instant,
    until: Instant,
) -> anyhow::Result<Sample> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let request = GetConversationRequest { name: name.clone(), min_revision: 0 };
        let indexed = match api.conversations.clone().get_conversation(request).await {
            Ok(reply) => reply.into_inner().conversation.map_or(0, |held| held.indexed_sequence),
            // Refused under load: nothing is known, and it is asked again.
            Err(status) if status.code() == Code::ResourceExhausted => 0,
            Err(status) => return Err(explain("GetConversation", &status)),
        };
        let age = acknowledged.elapsed();
        if indexed >= sequence {
            return Ok(Sample::Searchable(age));
        }
        if left.is_zero() {
            return Ok(Sample::Waiting(age));
        }
        tokio::time::sleep(age.mul_f64(LOOK_AGAIN).max(MIN_POLL).min(left)).await;
    }
}

/// The figures of the turns that were followed.
pub(super) fn figures(samples: &[Sample]) -> Figures {
    let (mut lags, mut waiting) = (Vec::new(), Vec::new());
    for sample in samples {
        match sample {
            Sample::Searchable(lag) => lags.push(lag.as_secs_f64()),
            Sample::Waiting(age) => waiting.push(age.as_secs_f64()),
        }
    }
    let mut named = vec![
        ("searchable_samples", lags.len() as f64, samples.len()),
        ("unsearchable_samples", waiting.len() as f64, samples.len()),
    ];
    if !lags.is_empty() {
        named.push(("searchable_lag_p50_s", percentile(&mut lags, 0.5), lags.len()));
        named.push(("searchable_lag_max_s", percentile(&mut lags, 1.0), lags.len()));
    }
    if !waiting.is_empty() {
        named.push(("unsearchable_oldest_s", percentile(&mut waiting, 1.0), waiting.len()));
    }
    let exact = |(name, value, n): (&str, f64, usize)| (name.to_owned(), Estimate::exact(value, n));
    named.into_iter().map(exact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::{Double, Held};

    #[test]
    fn lags_are_of_what_became_searchable() {
        let seconds = Duration::from_secs;
        let samples = [
            Sample::Searchable(seconds(1)),
            Sample::Waiting(seconds(9)),
            Sample::Searchable(seconds(3)),
            Sample::Waiting(seconds(4)),
            Sample::Searchable(seconds(2)),
        ];
        let found = figures(&samples);
        for (name, expected, n) in [
            ("searchable_samples", 3.0, 5),
            ("unsearchable_samples", 2.0, 5),
            ("searchable_lag_p50_s", 2.0, 3),
            ("searchable_lag_max_s", 3.0, 3),
            ("unsearchable_oldest_s", 9.0, 2),
        ] {
            assert_eq!((found[name].value, found[name].n), (expected, n), "{name}");
        }
        let none = figures(&samples[1..2]);
        assert!(!none.contains_key("searchable_lag_p50_s"));
        assert!(!figures(&samples[..1]).contains_key("unsearchable_oldest_s"));
    }

    #[tokio::test]
    async fn a_turn_is_followed_until_it_is_indexed_or_the_load_ends() {
        let double = Double::default();
        let held = |indexed_sequence| {
            let mut held = Held::default();
            held.head.indexed_sequence = indexed_sequence;
            held
        };
        for (name, indexed) in [("slow", 6), ("never", 2)] {
            double.held.lock().unwrap().insert(name.to_owned(), held(indexed));
        }
        let api = Api::connect(&double.serve().await, None).await.unwrap();
        let begin = Instant::now();
        let slow = tokio::spawn(follow(
            api.clone(),
            "slow".to_owned(),
            7,
            begin,
            begin + Duration::from_secs(600),
        ));
        let waited = Duration::from_millis(40);
        let ended = follow(api, "never".to_owned(), 7, begin, begin + waited).await.unwrap();
        let Sample::Waiting(age) = ended else { panic!("{ended:?}") };
        assert!(age >= waited && !slow.is_finished());
        double.held.lock().unwrap().insert("slow".to_owned(), held(7));
        let sample = slow.await.unwrap().unwrap();
        let Sample::Searchable(lag) = sample else { panic!("{sample:?}") };
        assert!(lag >= waited);
    }

    #[tokio::test]
    async fn one_turn_a_second_is_followed() {
        let double = Double::default();
        double.held.lock().unwrap().insert("c".to_owned(), Held::default());
        let api = Api::connect(&double.serve().await, None).await.unwrap();
        let until = Instant::now() + Duration::from_secs(100);
        let sampler = Sampler::new(api, until);
        let first = Instant::now();
        for (now, expected) in [
            (first, true),
            (first, false),
            (first + EVERY / 2, false),
            (first + EVERY, true),
            (first + EVERY, false),
            (until, false),
        ] {
            assert_eq!(sampler.is_due(now), expected, "{:?} after the first", now - first);
        }
        assert!(sampler.finish().await.unwrap().is_empty());
        let sampler = Sampler::new(sampler.api.clone(), until);
        sampler.acknowledged("c", 0);
        sampler.acknowledged("c", 0);
        let samples = sampler.finish().await.unwrap();
        assert!(matches!(samples[..], [Sample::Searchable(_)]), "{samples:?}");
    }
}
