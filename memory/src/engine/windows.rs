//! Windows built before: given again when nothing changed, and the base that
//! keeps the next window's prefix unchanged. In memory only: after a restart
//! the first window of a conversation starts a new prefix.

use std::sync::Arc;

use super::{ContextOutcome, ContextRequest, Shortfall, search::Scope};
use crate::{
    context::{Carried, PrefixPiece},
    turn::{ConversationId, Sequence, TenantId},
};

/// Windows kept, by conversation and options; about 16 KiB each.
const CACHED_WINDOWS: u64 = 4_096;

/// What the next window builds on.
#[derive(Clone)]
pub(super) struct WindowState {
    /// First sequence of the recent section.
    pub(super) recent_from: Option<Sequence>,
    /// Excerpts that are carried on.
    pub(super) carried: Option<Carried>,
    /// What it began with.
    pub(super) prefix: Vec<PrefixPiece>,
}

/// A series of windows: one conversation, one set of options, asked either for
/// its turns or for outside queries. A query from outside must not move the
/// prefix of the chat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Series {
    tenant: TenantId,
    conversation: ConversationId,
    options: [u8; 16],
}

/// Identifies a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WindowKey {
    series: Series,
    query: String,
    turn: Option<Sequence>,
    revision: u64,
    indexed: Sequence,
    /// Version of the summaries.
    folded: u64,
    /// Version of the user's pins in other conversations.
    pins_of_user: u64,
    user_history: bool,
    /// Pins are restated: behind what a prefix cache keeps, so the same series.
    reanchors: bool,
}

impl WindowKey {
    pub(super) fn new(
        own: &Scope,
        request: &ContextRequest,
        turn: Option<Sequence>,
        indexed: Sequence,
        folded: u64,
        pins_of_user: u64,
        reanchors: bool,
    ) -> Self {
        let options = format!(
            "{:?}",
            (
                request.budget,
                &request.tokenizer,
                request.recent_share,
                (request.pinned_share, request.summary_share),
                request.include_user_history,
                request.overhead,
                request.min_score,
                (request.superseded, request.as_of),
                turn.is_some(),
            )
        );
        Self {
            series: Series {
                tenant: own.branch.tenant.clone(),
                conversation: own.branch.conversation.clone(),
                options: crate::store::keys::digest(options.as_bytes()),
            },
            query: if turn.is_some() { String::new() } else { request.query.clone() },
            turn,
            revision: own.head.revision,
            indexed,
            folded,
            pins_of_user,
            user_history: request.include_user_history,
            reanchors,
        }
    }

    /// Pins are restated near the query.
    pub(super) fn reanchors(&self) -> bool {
        self.reanchors
    }

    /// Every turn up to here was searchable.
    pub(super) fn indexed(&self) -> Sequence {
        self.indexed
    }
}

/// A window that was built.
struct Known {
    key: WindowKey,
    /// The whole, where it may be given again: not when something was down, and
    /// not with turns of other conversations, whose revisions the key leaves out.
    outcome: Option<ContextOutcome>,
    state: WindowState,
}

/// The newest window of each series.
pub(super) struct Windows {
    recent: moka::sync::Cache<Series, Arc<Known>>,
}

impl Default for Windows {
    fn default() -> Self {
        Self { recent: moka::sync::Cache::new(CACHED_WINDOWS) }
    }
}

impl Windows {
    /// The identical window, if it is the newest of its series.
    pub(super) fn same(&self, key: &WindowKey) -> Option<ContextOutcome> {
        let known = self.recent.get(&key.series).filter(|known| known.key == *key)?;
        let mut outcome = known.outcome.clone()?;
        outcome.unchanged_prefix_tokens = outcome.window.total_tokens;
        outcome.assembly_micros = 0;
        Some(outcome)
    }

    /// What the window of the same series before this one was.
    pub(super) fn previous(&self, key: &WindowKey) -> Option<WindowState> {
        let known = self.recent.get(&key.series)?;
        Some(known.state.clone())
    }

    pub(super) fn remember(&self, key: WindowKey, outcome: &ContextOutcome) {
        let down = |shortfall: &Shortfall| {
            matches!(
                shortfall,
                Shortfall::IndexUnavailable(_)
                    | Shortfall::EmbeddingUnavailable(_)
                    | Shortfall::RerankerUnavailable(_)
            )
        };
        let whole = !key.user_history && !outcome.shortfalls.iter().any(down);
        let known = Known {
            outcome: whole.then(|| outcome.clone()),
            state: WindowState {
                recent_from: outcome.window.recent_from,
                carried: outcome.window.carried.clone(),
                prefix: outcome.window.prefix.clone(),
            },
            key,
        };
        self.recent.insert(known.key.series.clone(), Arc::new(known));
    }

    /// Drops the windows of a conversation.
    pub(super) fn forget(&self, tenant: &TenantId, id: &ConversationId) {
        self.drop_where(|series| series.tenant == *tenant && series.conversation == *id);
    }

    /// Drops the windows of a tenant: those of forks may hold what was erased.
    pub(super) fn invalidate(&self, tenant: &TenantId) {
        self.drop_where(|series| series.tenant == *tenant);
    }

    fn drop_where(&self, doomed: impl Fn(&Series) -> bool) {
        for (series, _) in &self.recent {
            if doomed(&series) {
                self.recent.invalidate(&*series);
            }
        }
    }
}
