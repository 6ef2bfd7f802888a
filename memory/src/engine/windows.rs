//! Windows built before: given again when nothing changed, and the base that
//! keeps the next window's prefix unchanged. In memory only: after a restart
//! the first window of a conversation starts a new prefix.

use std::sync::Arc;

use super::{ContextOutcome, ContextRequest, search::Scope};
use crate::{
    context::{Carried, PrefixPiece},
    turn::{ConversationId, Sequence, TenantId},
};

/// Windows kept, by conversation and options; about 16 KiB each.
const CACHED_WINDOWS: u64 = 4_096;

/// What the next window builds on.
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
}

impl WindowKey {
    pub(super) fn new(
        own: &Scope,
        request: &ContextRequest,
        turn: Option<Sequence>,
        indexed: Sequence,
    ) -> Self {
        let options = format!(
            "{:?}",
            (
                request.budget,
                &request.tokenizer,
                request.recent_share,
                request.pinned_share,
                request.include_user_history,
                request.overhead,
                request.min_score,
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
        }
    }
}

/// The newest window of each series.
pub(super) struct Windows {
    recent: moka::sync::Cache<Series, Arc<(WindowKey, ContextOutcome)>>,
}

impl Default for Windows {
    fn default() -> Self {
        Self { recent: moka::sync::Cache::new(CACHED_WINDOWS) }
    }
}

impl Windows {
    /// The identical window, if it is the newest of its series.
    pub(super) fn same(&self, key: &WindowKey) -> Option<ContextOutcome> {
        let known = self.recent.get(&key.series)?;
        (known.0 == *key).then(|| {
            let mut outcome = known.1.clone();
            outcome.unchanged_prefix_tokens = outcome.window.total_tokens;
            outcome.assembly_micros = 0;
            outcome
        })
    }

    /// What the window of the same series before this one was.
    pub(super) fn previous(&self, key: &WindowKey) -> Option<WindowState> {
        let known = self.recent.get(&key.series)?;
        let window = &known.1.window;
        Some(WindowState {
            recent_from: window.recent_from,
            carried: window.carried.clone(),
            prefix: window.prefix.clone(),
        })
    }

    pub(super) fn remember(&self, key: WindowKey, outcome: &ContextOutcome) {
        self.recent.insert(key.series.clone(), Arc::new((key, outcome.clone())));
    }

    /// Drops the windows of a tenant: one that shows other conversations of the
    /// user may hold what was erased anywhere.
    pub(super) fn invalidate(&self, tenant: &TenantId) {
        for (series, _) in &self.recent {
            if series.tenant == *tenant {
                self.recent.invalidate(&*series);
            }
        }
    }
}
