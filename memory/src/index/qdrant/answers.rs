//! From the server's groups to the matches of branches. What the server says
//! is not believed: a hit that no branch reads is left out.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant::{PointGroup, ScoredPoint};

use super::{
    filters::{CONVERSATION, SEQUENCE},
    points::{END, START},
};
use crate::{
    index::{Branch, Match},
    turn::Sequence,
};

/// The turns that the server found, by who stores them.
#[derive(Default)]
pub(super) struct Found(HashMap<String, BTreeMap<Sequence, Match>>);

impl Found {
    /// Takes in the best turns by words.
    pub(super) fn add_words(&mut self, groups: Vec<PointGroup>) {
        for hit in best_hits(&groups) {
            if let Some(found) = self.entry(hit) {
                found.bm25 = hit.score.max(0.0);
            }
        }
    }

    /// Takes in the best turns by meaning.
    pub(super) fn add_meaning(&mut self, groups: Vec<PointGroup>) {
        for hit in best_hits(&groups) {
            let range = offset(hit, START).zip(offset(hit, END));
            if let Some(found) = self.entry(hit) {
                found.dense = Some(hit.score.clamp(-1.0, 1.0));
                found.passage = range;
            }
        }
    }

    /// Those that a branch reads.
    pub(super) fn of(&self, branch: &Branch) -> BTreeMap<Sequence, Match> {
        let mut matches = BTreeMap::new();
        for segment in &branch.segments {
            if segment.from > segment.until {
                continue;
            }
            let stored = self.0.get(segment.conversation.as_str()).into_iter();
            let range = stored.flat_map(|turns| turns.range(segment.from..=segment.until));
            matches.extend(range.map(|(sequence, found)| (*sequence, found.plain())));
        }
        matches
    }

    fn entry(&mut self, hit: &ScoredPoint) -> Option<&mut Match> {
        let owner = hit.payload.get(CONVERSATION)?.as_str()?;
        let sequence = hit.payload.get(SEQUENCE)?.as_integer()?;
        let sequence = Sequence::try_from(sequence).ok()?;
        let turns = self.0.entry(owner.to_owned()).or_default();
        Some(turns.entry(sequence).or_insert(Match::none(sequence)))
    }
}

fn best_hits(groups: &[PointGroup]) -> impl Iterator<Item = &ScoredPoint> {
    groups.iter().filter_map(|group| group.hits.first())
}

fn offset(hit: &ScoredPoint, field: &str) -> Option<u32> {
    hit.payload.get(field)?.as_integer().and_then(|value| u32::try_from(value).ok())
}
