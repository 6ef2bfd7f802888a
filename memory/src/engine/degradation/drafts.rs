//! Drafts of extracts: few are made at a time, and the last of a conversation is given
//! again while its source is the same. Kept in memory alone.
//!
//! Invariants: a thread that drafts counts until it has ended, whether anybody waits for
//! it or not; nothing that was made of a turn before it was erased is kept behind the
//! erasure ([`Drafts::invalidate`]).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use crate::{
    index::Branch,
    summary::{Draft, FoldSource, Summarize, SummarizeError},
    turn::{ConversationId, TenantId},
};

/// Drafts that are made at a time.
const AT_A_TIME: usize = 2;
/// How long one may be waited for; it is a fraction of a second where nothing else is
/// embedded.
const WAIT: Duration = Duration::from_secs(5);
/// Drafts that are kept, each with its source of about 16 KiB.
const KEPT: u64 = 64;

type Key = (TenantId, ConversationId);

/// A draft with what it was made of.
struct Made {
    branch: Branch,
    source: FoldSource,
    draft: Draft,
}

/// See the module.
pub(in crate::engine) struct Drafts {
    places: Arc<Semaphore>,
    recent: moka::sync::Cache<Key, Arc<Made>>,
    /// Grows with every invalidation: what was read before it is not kept.
    changes: AtomicU64,
}

impl Default for Drafts {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_A_TIME)),
            recent: moka::sync::Cache::new(KEPT),
            changes: AtomicU64::new(0),
        }
    }
}

impl Drafts {
    /// To be asked before the source of a draft is read.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// The draft of a source that was read when there were `since` changes; nothing
    /// where it cannot be made, or not in time: then a later call may find it.
    pub(super) async fn of(
        self: &Arc<Self>,
        summarizer: Arc<dyn Summarize>,
        branch: &Branch,
        source: FoldSource,
        since: u64,
    ) -> Option<Draft> {
        if let Some(known) = self.known(&source) {
            return Some(known);
        }
        let making = self.make(summarizer, branch.clone(), source, since);
        match tokio::time::timeout(WAIT, making).await {
            Ok(Ok(draft)) => Some(draft),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a hand-over has no extract");
                None
            }
            Err(_) => {
                tracing::warn!("a hand-over has no extract: it took too long");
                None
            }
        }
    }

    /// Drops what was made of turns that `owner` stores.
    pub(in crate::engine) fn invalidate(&self, tenant: &TenantId, owner: &ConversationId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        for (key, made) in &self.recent {
            let branch = &made.branch;
            let is_of = branch.tenant == *tenant
                && branch.segments.iter().any(|segment| segment.conversation == *owner);
            if is_of {
                self.recent.invalidate(&*key);
            }
        }
    }

    fn known(&self, source: &FoldSource) -> Option<Draft> {
        let made = self.recent.get(&key(source))?;
        (made.source == *source).then(|| made.draft.clone())
    }

    async fn make(
        self: &Arc<Self>,
        summarizer: Arc<dyn Summarize>,
        branch: Branch,
        source: FoldSource,
        since: u64,
    ) -> Result<Draft, SummarizeError> {
        let failed = |error: &dyn std::fmt::Display| SummarizeError(error.to_string());
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|error| failed(&error))?;
        // Others may have waited for the same.
        if let Some(known) = self.known(&source) {
            return Ok(known);
        }
        let drafts = Arc::clone(self);
        // A task of its own: its thread goes on when nobody waits any more.
        let work = tokio::spawn(async move {
            let draft = summarizer.extract(&source).await;
            drop(place);
            if let Ok(draft) = &draft {
                drafts.keep(branch, source, draft.clone(), since);
            }
            draft
        });
        work.await.map_err(|error| failed(&error))?
    }

    fn keep(&self, branch: Branch, source: FoldSource, draft: Draft, since: u64) {
        let key = key(&source);
        self.recent.insert(key.clone(), Arc::new(Made { branch, source, draft }));
        // Erased while it was made, it may quote what is gone.
        if self.changes() != since {
            self.recent.invalidate(&key);
        }
    }
}

fn key(source: &FoldSource) -> Key {
    (source.tenant.clone(), source.conversation.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::{
        index::Segment,
        summary::{SourceTurn, SummarySentence},
        turn::{Role, Sequence},
    };

    /// Drafts when it is let, and counts what it began.
    struct Held {
        begun: AtomicUsize,
        let_go: Semaphore,
    }

    #[async_trait::async_trait]
    impl Summarize for Held {
        fn model(&self) -> String {
            "held".to_owned()
        }

        async fn summarize(&self, source: &FoldSource) -> Result<Draft, SummarizeError> {
            self.extract(source).await
        }

        async fn extract(&self, source: &FoldSource) -> Result<Draft, SummarizeError> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.let_go.acquire().await.unwrap().forget();
            let sentence = |turn: &SourceTurn| SummarySentence {
                text: turn.text.clone(),
                sources: vec![turn.sequence],
                faithfulness: 1.0,
                verbatim: true,
            };
            let sentences = source.turns.iter().map(sentence).collect();
            Ok(Draft {
                sentences,
                rejected: Vec::new(),
                model: self.model(),
                prompt_version: 1,
                judged_by: None,
                unfinished: false,
            })
        }
    }

    fn branch(name: &str) -> Branch {
        let conversation = ConversationId::new(name).unwrap();
        let segment = Segment { conversation: conversation.clone(), from: 1, until: Sequence::MAX };
        Branch { tenant: TenantId::new("t").unwrap(), conversation, segments: vec![segment] }
    }

    fn source(branch: &Branch, text: &str) -> FoldSource {
        let turn = SourceTurn {
            sequence: 1,
            role: Role::User,
            speaker: String::new(),
            said_at: jiff::Timestamp::UNIX_EPOCH,
            text: text.to_owned(),
        };
        FoldSource {
            tenant: branch.tenant.clone(),
            conversation: branch.conversation.clone(),
            erasures: 0,
            turns: vec![turn],
            below: Vec::new(),
            pinned: Vec::new(),
            max_tokens: 90,
        }
    }

    fn held() -> (Arc<Held>, Arc<Drafts>) {
        let held = Held { begun: AtomicUsize::new(0), let_go: Semaphore::new(0) };
        (Arc::new(held), Arc::default())
    }

    #[tokio::test(start_paused = true)]
    async fn threads_count_until_they_end_and_what_came_late_is_found() {
        let (held, drafts) = held();
        let branches = ["a", "b", "c"].map(branch);
        let draft = async |at: usize| {
            let branch = &branches[at];
            drafts.of(held.clone(), branch, source(branch, "harbour"), 0).await
        };
        assert_eq!(draft(0).await, None, "it took too long");
        assert_eq!(draft(1).await, None);
        assert_eq!(draft(2).await, None);
        assert_eq!(held.begun.load(Ordering::SeqCst), 2, "the third had no place");
        held.let_go.add_permits(2);
        while drafts.places.available_permits() < 2 {
            tokio::task::yield_now().await;
        }
        assert!(draft(0).await.is_some() && draft(1).await.is_some());
        assert_eq!(held.begun.load(Ordering::SeqCst), 2, "they were found");
        held.let_go.add_permits(1);
        assert!(draft(2).await.is_some());
        assert_eq!(held.begun.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_draft_is_given_again_for_its_own_source_until_something_is_erased() {
        let (held, drafts) = held();
        let (own, other) = (branch("c"), branch("d"));
        held.let_go.add_permits(9);
        let begun = async |text: &str, since: u64| {
            let draft = drafts.of(held.clone(), &own, source(&own, text), since).await;
            assert_eq!(draft.unwrap().sentences[0].text, text);
            held.begun.load(Ordering::SeqCst)
        };
        assert_eq!(begun("harbour", 0).await, 1);
        assert_eq!(begun("harbour", 0).await, 1);
        assert_eq!(begun("lighthouse", 0).await, 2);
        drafts.invalidate(&own.tenant, &other.conversation);
        assert_eq!(begun("lighthouse", 1).await, 2, "of another conversation");
        drafts.invalidate(&own.tenant, &own.conversation);
        assert_eq!(begun("lighthouse", 1).await, 3);
        // Read before the erasure, it was not kept.
        assert_eq!(begun("lighthouse", 2).await, 4);
        assert_eq!(begun("lighthouse", 2).await, 4);
    }
}
