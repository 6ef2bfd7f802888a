//! Windows built before: given again when nothing changed, and the base that
//! keeps the next window's prefix unchanged. In memory only: after a restart
//! the first window of a conversation starts a new prefix.

use std::sync::Arc;

use super::{
    ContextOutcome, ContextRequest, Shortfall, ShownEdge, scopes::Scope, validate::part_bytes,
};
use crate::{
    context::{Carried, Item, Message, PrefixPiece, TurnCost},
    turn::{ConversationId, Part, Sequence, TenantId},
};

/// Bytes of the windows kept, by conversation and options; about 16 KiB each at
/// usual budgets.
const CACHED_BYTES: u64 = 64 << 20;
/// A window of more bytes is not given again as a whole: a request may ask for
/// millions of tokens, and the next window needs only how this one began.
const MAX_WHOLE_BYTES: usize = 256 << 10;
/// What is known of a window without its texts.
const KNOWN_BYTES: usize = 1_024;

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

    /// Version of the user's pins in other conversations.
    pub(super) fn pins_of_user(&self) -> u64 {
        self.pins_of_user
    }

    /// Every turn up to here was searchable.
    pub(super) fn indexed(&self) -> Sequence {
        self.indexed
    }
}

/// A window that was built.
struct Known {
    /// About how many it takes.
    bytes: usize,
    key: WindowKey,
    /// The whole, where it may be given again: not when something was down, not
    /// with turns of other conversations, whose revisions the key leaves out, and
    /// not when it is large.
    outcome: Option<ContextOutcome>,
    state: WindowState,
}

/// The newest window of each series.
pub(super) struct Windows {
    recent: moka::sync::Cache<Series, Arc<Known>>,
}

impl Default for Windows {
    fn default() -> Self {
        let weight =
            |_: &Series, known: &Arc<Known>| u32::try_from(known.bytes).unwrap_or(u32::MAX);
        let recent =
            moka::sync::Cache::builder().weigher(weight).max_capacity(CACHED_BYTES).build();
        Self { recent }
    }
}

/// About how many bytes a window takes.
fn bytes_of(outcome: &ContextOutcome) -> usize {
    let message = |message: &Message| {
        let parts: usize =
            message.parts.iter().map(|part| part_bytes(part) + size_of::<Part>()).sum();
        size_of::<Message>() + message.content.len() + message.speaker.len() + parts
    };
    let item = |item: &Item| {
        size_of::<Item>() + item.reason.len() + size_of_val(item.components.as_slice())
    };
    let edge = |(_, edge): &(usize, ShownEdge)| {
        let words = edge.earlier_value.len() + edge.later_value.len() + edge.reason.len();
        size_of::<ShownEdge>() + words
    };
    let window = &outcome.window;
    window.messages.iter().map(message).sum::<usize>()
        + window.items.iter().map(item).sum::<usize>()
        + outcome.edges.iter().map(edge).sum::<usize>()
        + outcome.search_query.len()
}

impl WindowState {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        let carried = self.carried.iter().flat_map(Carried::turns).count();
        KNOWN_BYTES + size_of_val(self.prefix.as_slice()) + carried * size_of::<TurnCost>()
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
        let bytes = bytes_of(outcome);
        let whole =
            !key.user_history && !outcome.shortfalls.iter().any(down) && bytes <= MAX_WHOLE_BYTES;
        let state = WindowState {
            recent_from: outcome.window.recent_from,
            carried: outcome.window.carried.clone(),
            prefix: outcome.window.prefix.clone(),
        };
        let known = Known {
            bytes: state.bytes() + key.query.len() + if whole { bytes } else { 0 },
            outcome: whole.then(|| outcome.clone()),
            state,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{context::Window, turn::Role};

    fn key(conversation: usize) -> WindowKey {
        WindowKey {
            series: Series {
                tenant: TenantId::new("t").unwrap(),
                conversation: ConversationId::new(&format!("c{conversation}")).unwrap(),
                options: [0; 16],
            },
            query: String::new(),
            turn: Some(1),
            revision: 1,
            indexed: 1,
            folded: 0,
            pins_of_user: 0,
            user_history: false,
            reanchors: false,
        }
    }

    fn outcome(bytes: usize) -> ContextOutcome {
        let message = Message {
            role: Role::User,
            content: "x".repeat(bytes),
            parts: Vec::new(),
            speaker: String::new(),
        };
        ContextOutcome {
            window: Arc::new(Window {
                messages: vec![message],
                items: Vec::new(),
                total_tokens: 9,
                overhead_tokens: 9,
                recent_from: Some(7),
                carried: None,
                yielded: Vec::new(),
                prefix: vec![PrefixPiece { hash: 1, tokens: 9 }],
            }),
            full_history_tokens: 9,
            unchanged_prefix_tokens: 0,
            revision: 1,
            shortfalls: Vec::new(),
            edges: Vec::new(),
            superseded_dropped: 0,
            search_query: String::new(),
            best_scores: None,
            assembly_micros: 1,
        }
    }

    #[test]
    fn of_a_large_window_only_what_the_next_needs_is_kept() {
        let windows = Windows::default();
        windows.remember(key(1), &outcome(1_000));
        assert!(windows.same(&key(1)).is_some());
        windows.remember(key(2), &outcome(MAX_WHOLE_BYTES));
        assert!(windows.same(&key(2)).is_none());
        let state = windows.previous(&key(2)).expect("kept");
        assert_eq!((state.recent_from, state.prefix.len()), (Some(7), 1));
    }

    #[test]
    fn windows_together_are_bounded_in_bytes() {
        let windows = Windows::default();
        let large = outcome(MAX_WHOLE_BYTES - 2_000);
        let fit = CACHED_BYTES as usize / MAX_WHOLE_BYTES;
        (0..2 * fit).for_each(|conversation| windows.remember(key(conversation), &large));
        windows.recent.run_pending_tasks();
        assert!(windows.recent.weighted_size() <= CACHED_BYTES);
        assert!(windows.recent.entry_count() > fit as u64 / 2, "and not emptied");
    }
}
