//! Searching items: an exact scan below a namespace, filtered by fields, scored
//! by cosine and BM25 over all that passed. Bounded by how many items and bytes a
//! search looks at; what it leaves out it names.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    super::{Engine, EngineError, SearchOutcome, SearchRequest, Shortfall, records::decode},
    list::item_of,
};
use crate::{
    embed::Vector,
    items::{
        Asked, Condition, Corpus, Item, ItemHit, ItemRecord, ItemVectors, NamespacePrefix, Words,
        cosine, texts, total,
    },
    store::{Direction, StoreError, keys},
    turn::TenantId,
    usage::Usage,
};

/// Bytes of values that a search reads.
const MAX_BYTES: usize = 64 << 20;

/// A search of items.
#[derive(Clone, Debug, Default)]
pub struct ItemSearch {
    /// Below which namespaces.
    pub below: Vec<NamespacePrefix>,
    /// For what; all by the time of their last change if empty.
    pub query: String,
    /// All of these must hold.
    pub filter: Vec<Condition>,
    /// Only what a query can find.
    pub indexed_only: bool,
    /// Rank of the first hit wanted, from 0.
    pub offset: usize,
    /// So many hits.
    pub limit: usize,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct ItemSearchOutcome {
    /// Best first.
    pub hits: Vec<ItemHit>,
    /// There are more behind them.
    pub more: bool,
    /// What was missing.
    pub shortfalls: Vec<Shortfall>,
}

/// An item that passed the filter.
struct Candidate {
    /// Its key in the store.
    key: Vec<u8>,
    updated_at: Timestamp,
    /// Words of its texts; absent where nothing is indexed.
    words: Option<Words>,
    cosine: Option<f32>,
}

/// What a scan came to.
#[derive(Default)]
struct Scanned {
    candidates: Vec<Candidate>,
    looked_at: u64,
    bytes: usize,
    left_out: bool,
}

/// A candidate in its place.
struct Ranked {
    key: Vec<u8>,
    updated_at: Timestamp,
    score: Option<f32>,
    components: Vec<(&'static str, f32)>,
}

impl Engine {
    /// Finds items.
    ///
    /// # Errors
    /// `Store`. An embedder that does not answer becomes a shortfall.
    pub async fn search_items(
        self: &Arc<Self>,
        tenant: &TenantId,
        search: ItemSearch,
    ) -> Result<ItemSearchOutcome, EngineError> {
        let mut shortfalls = Vec::new();
        let query = self.clip_query(&search.query).to_owned();
        let vector = if query.trim().is_empty() {
            None
        } else {
            let embedded_tokens = u64::from(self.counter.count(&query));
            self.meter.add(tenant, None, &Usage { embedded_tokens, ..Usage::default() });
            match self.embed.query(tenant, &query).await {
                Ok(vector) => Some(vector),
                Err(error) => {
                    shortfalls.push(Shortfall::EmbeddingUnavailable(error.to_string()));
                    None
                }
            }
        };
        let (engine, tenant) = (Arc::clone(self), tenant.clone());
        // Reading and analysing thousands of values takes a while.
        let work = tokio::task::spawn_blocking(move || {
            engine.search_exactly(&tenant, &search, &query, vector.as_ref(), shortfalls)
        });
        work.await.map_err(|_| EngineError::Closed)?
    }

    /// Adds items to what a search of turns found.
    pub(in crate::engine) async fn items_beside(
        self: &Arc<Self>,
        tenant: &TenantId,
        request: SearchRequest,
        outcome: &mut SearchOutcome,
    ) -> Result<(), EngineError> {
        let search = ItemSearch {
            below: request.items_below,
            query: request.query,
            indexed_only: true,
            limit: request.limit,
            ..ItemSearch::default()
        };
        let found = self.search_items(tenant, search).await?;
        outcome.items = found.hits;
        let new = found.shortfalls.into_iter().filter(|new| !outcome.shortfalls.contains(new));
        let new: Vec<Shortfall> = new.collect();
        outcome.shortfalls.extend(new);
        Ok(())
    }

    fn search_exactly(
        &self,
        tenant: &TenantId,
        search: &ItemSearch,
        query: &str,
        vector: Option<&Vector>,
        mut shortfalls: Vec<Shortfall>,
    ) -> Result<ItemSearchOutcome, EngineError> {
        let asked = !query.trim().is_empty();
        let mut words = Asked::new(query);
        let mut scanned = Scanned::default();
        for below in apart(&search.below) {
            self.scan_items(
                tenant,
                below,
                &search.filter,
                asked.then_some(&mut words),
                &mut scanned,
            )?;
        }
        if let Some(vector) = vector {
            let waiting = self.measure_items(tenant, search, vector, &mut scanned.candidates)?;
            if waiting > 0 {
                shortfalls.push(Shortfall::ItemsNotIndexed(waiting));
            }
        }
        if scanned.left_out {
            shortfalls.push(Shortfall::ItemsLeftOut(scanned.looked_at));
        }
        let mut ranked = rank(scanned.candidates, &words);
        if search.indexed_only {
            ranked.retain(|ranked| ranked.score.is_some());
        }
        let mut outcome = ItemSearchOutcome { shortfalls, ..ItemSearchOutcome::default() };
        let mut ranked = ranked.into_iter().skip(search.offset);
        for Ranked { key, score, components, .. } in ranked.by_ref() {
            if outcome.hits.len() == search.limit {
                outcome.more = true;
                break;
            }
            // One that was deleted since the scan is left out.
            let Some(item) = self.found_item(tenant, &key)? else { continue };
            outcome.hits.push(ItemHit { item, score, components });
        }
        Ok(outcome)
    }

    fn found_item(&self, tenant: &TenantId, key: &[u8]) -> Result<Option<Item>, StoreError> {
        self.store.get(key)?.map(|bytes| item_of(tenant, key, &bytes)).transpose()
    }

    /// Takes in the items below a namespace that pass the filter. Only with a
    /// query their words are read.
    fn scan_items(
        &self,
        tenant: &TenantId,
        below: &NamespacePrefix,
        filter: &[Condition],
        mut asked: Option<&mut Asked<'_>>,
        scanned: &mut Scanned,
    ) -> Result<(), StoreError> {
        let (start, end) = keys::prefix_range(&keys::items_below(tenant, below.labels()));
        self.store.scan(&start, &end, Direction::Forward, &mut |key, bytes| {
            let full = scanned.looked_at >= self.limits.items_per_search
                || scanned.bytes + bytes.len() > MAX_BYTES;
            if full {
                scanned.left_out = true;
                return Ok(ControlFlow::Break(()));
            }
            scanned.looked_at += 1;
            scanned.bytes += bytes.len();
            scanned.candidates.extend(candidate(key, &bytes, filter, asked.as_deref_mut())?);
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Notes the cosine of every candidate's best passage. Returns how many have
    /// no vectors of the model in use.
    fn measure_items(
        &self,
        tenant: &TenantId,
        search: &ItemSearch,
        query: &Vector,
        candidates: &mut [Candidate],
    ) -> Result<u64, EngineError> {
        let named = keys::item_name_at(tenant);
        let places: HashMap<Vec<u8>, usize> = candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| candidate.words.is_some())
            .filter_map(|(at, candidate)| Some((candidate.key.get(named..)?.to_vec(), at)))
            .collect();
        let (version, width) = (self.embed.version(), query.len() * size_of::<f32>());
        for below in apart(&search.below) {
            let below = keys::item_vectors_below(tenant, below.labels());
            let (start, end) = keys::prefix_range(&below);
            self.store.scan(&start, &end, Direction::Forward, &mut |key, bytes| {
                let at = key.get(named..).and_then(|name| places.get(name));
                let Some(candidate) = at.and_then(|at| candidates.get_mut(*at)) else {
                    return Ok(ControlFlow::Continue(()));
                };
                let stored = decode::<ItemVectors>(key, &bytes)?;
                if stored.embedding == version {
                    let passages = stored.vectors.chunks_exact(width.max(1));
                    let best = passages.map(|passage| cosine(query, passage));
                    candidate.cosine = best.reduce(f32::max);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let waits =
            |candidate: &&Candidate| candidate.words.is_some() && candidate.cosine.is_none();
        Ok(candidates.iter().filter(waits).count() as u64)
    }
}

/// The item of a record, if it passes the filter.
fn candidate(
    key: &[u8],
    bytes: &[u8],
    filter: &[Condition],
    asked: Option<&mut Asked<'_>>,
) -> Result<Option<Candidate>, StoreError> {
    let record: ItemRecord = decode(key, bytes)?;
    let mut words = None;
    if asked.is_some() || !filter.is_empty() {
        let value: Value = serde_json::from_str(&record.value_json).map_err(|error| {
            let key = super::super::records::hex(key);
            StoreError::Corrupt { key, detail: format!("value: {error}") }
        })?;
        if !filter.iter().all(|condition| condition.holds(&value)) {
            return Ok(None);
        }
        if let Some(asked) = asked {
            let texts = texts(&value, &record.indexed);
            words = (!texts.is_empty()).then(|| asked.words(&texts));
        }
    }
    Ok(Some(Candidate { key: key.to_vec(), updated_at: record.updated_at, words, cosine: None }))
}

/// The best first; what has no score behind, the newest first.
fn rank(candidates: Vec<Candidate>, asked: &Asked<'_>) -> Vec<Ranked> {
    let mut corpus = Corpus::default();
    candidates.iter().filter_map(|found| found.words.as_ref()).for_each(|words| corpus.add(words));
    let ranked = candidates.into_iter().map(|Candidate { key, updated_at, words, cosine }| {
        let Some(words) = words else {
            return Ranked { key, updated_at, score: None, components: Vec::new() };
        };
        let (bm25, share) = corpus.score(asked, &words);
        let mut components = vec![("bm25", bm25)];
        components.extend(cosine.map(|cosine| ("cosine", cosine)));
        Ranked { key, updated_at, score: Some(total(cosine, share)), components }
    });
    let mut ranked: Vec<Ranked> = ranked.collect();
    let score = |ranked: &Ranked| ranked.score.unwrap_or(f32::NEG_INFINITY);
    ranked.sort_by(|a, b| {
        let better = score(b).total_cmp(&score(a));
        better.then_with(|| b.updated_at.cmp(&a.updated_at)).then_with(|| a.key.cmp(&b.key))
    });
    ranked
}

/// Prefixes of which none lies below another: what they share is looked at once.
fn apart(prefixes: &[NamespacePrefix]) -> impl Iterator<Item = &NamespacePrefix> {
    prefixes
        .iter()
        .enumerate()
        .filter(|(at, prefix)| {
            !prefixes.iter().enumerate().any(|(other_at, other)| {
                let below = prefix.labels().starts_with(other.labels());
                let same = prefix.labels().len() == other.labels().len();
                other_at != *at && below && (!same || other_at < *at)
            })
        })
        .map(|(_, prefix)| prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prefixes_share_is_looked_at_once() {
        let prefix = |text: &str| {
            let labels = text.split('/').filter(|label| !label.is_empty()).map(str::to_owned);
            NamespacePrefix::new(labels.collect()).unwrap()
        };
        let check = |prefixes: &[&str], expected: &[&str]| {
            let prefixes: Vec<_> = prefixes.iter().map(|text| prefix(text)).collect();
            let kept: Vec<String> = apart(&prefixes).map(|kept| kept.labels().join("/")).collect();
            assert_eq!(kept, expected);
        };
        check(&["a/b", "a", "ab"], &["a", "ab"]);
        check(&["a", "a"], &["a"]);
        check(&["a", ""], &[""]);
        check(&[], &[]);
    }
}
