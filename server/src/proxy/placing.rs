//! Finds the place of a request: the conversation or the branch that it goes on, and
//! stores what of it is new.
//!
//! Branches are found again by their names ([`super::naming`]): nothing beside the
//! conversations is stored.
//!
//! Invariants: one request at a time is placed in a conversation; what is stored is
//! stored before the model is asked; a request that cannot be read or stand so stores
//! nothing. Where storing itself fails midway, what stands is whole messages in their
//! order, and the same request goes on behind them.

use std::{collections::HashSet, sync::Arc};

use throughline_memory::{
    engine::{Engine, EngineError, ListTurns, NewConversation},
    turn::{ConversationId, Part, Sequence, TenantId},
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    branch::{Branch, Branches},
    error::ProxyError,
    naming::{answered_again, edited},
    options::Options,
    recognise::{Left, Mark, Recognised, begins_with, habit, recognise},
    request::Request,
};

/// How often a request is placed anew when another writer was faster.
const ATTEMPTS: usize = 4;
/// The engine's limit on forks of forks. Beyond it a branch is begun anew.
pub(super) const FORK_DEPTH: &str = "fork_depth";
/// Branches that are followed beyond one for each message.
const MAX_SPARE: usize = 64;
/// Other answers to one turn that are looked through.
const MAX_ANSWERS: u32 = 64;
/// Turns that are searched for the call of a tool's result.
const CALLS_WITHIN: usize = 100;
/// Two conversations wait for each other with this probability at most: 1 in 256.
const STRIPES: usize = 256;

/// What requests of all tenants share.
pub(super) struct Places {
    pub(super) branches: Branches,
    locks: Vec<Arc<Mutex<()>>>,
}

impl Default for Places {
    fn default() -> Self {
        let locks = (0..STRIPES).map(|_| Arc::default()).collect();
        Self { branches: Branches::default(), locks }
    }
}

impl Places {
    /// The right to place something in a conversation and its branches.
    pub(super) async fn lock(
        &self,
        tenant: &TenantId,
        root: &ConversationId,
    ) -> OwnedMutexGuard<()> {
        let hash = blake3::hash(format!("{tenant}/{root}").as_bytes());
        let stripe = usize::from(hash.as_bytes()[0]) % STRIPES;
        Arc::clone(&self.locks[stripe]).lock_owned().await
    }
}

/// Where a request stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The conversation that the caller named.
    pub(super) root: ConversationId,
    /// The conversation or branch that goes on.
    pub(super) conversation: ConversationId,
    /// Sequence of each message; 0 for what is not stored as such.
    pub(super) places: Vec<Sequence>,
    /// Sequence of the user's newest message.
    pub(super) user: Sequence,
    /// The newest turn when the answer is asked for: it comes right behind.
    pub(super) last: Sequence,
    /// An answer stands behind it already, which the model must not see.
    pub(super) is_answered: bool,
}

/// Places one request.
pub(super) struct Placing<'a> {
    pub(super) engine: &'a Engine,
    pub(super) places: &'a Places,
    pub(super) tenant: &'a TenantId,
    pub(super) request: &'a Request,
    pub(super) options: &'a Options,
    /// Create a conversation that does not exist.
    pub(super) create: bool,
}

/// Where the new messages go, before they are stored.
pub(super) struct Found {
    pub(super) branch: ConversationId,
    pub(super) known: usize,
    pub(super) places: Vec<Sequence>,
    pub(super) last: Sequence,
    is_answered: bool,
}

impl Found {
    /// A place that waits for an answer.
    fn open(branch: ConversationId, known: usize, places: Vec<Sequence>, last: Sequence) -> Self {
        Self { branch, known, places, last, is_answered: false }
    }
}

impl Placing<'_> {
    /// Finds the place and stores what is new. Meanwhile the question is embedded, for
    /// which nobody else waits.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`] for an order that cannot be, [`ProxyError::Contended`],
    /// those of the engine.
    pub(super) async fn place(&self, root: &ConversationId) -> Result<Place, ProxyError> {
        let ahead = async {
            self.embed_ahead().await;
            Ok::<_, ProxyError>(())
        };
        // The first begins first: the second looks through the conversation.
        let ((), place) = tokio::try_join!(ahead, self.place_locked(root))?;
        Ok(place)
    }

    async fn place_locked(&self, root: &ConversationId) -> Result<Place, ProxyError> {
        for _ in 0..ATTEMPTS {
            let _lock = self.places.lock(self.tenant, root).await;
            let found = match self.find(root).await {
                // Another writer created it, or a branch of it, meanwhile.
                Err(ProxyError::Contended) => continue,
                found => found?,
            };
            match self.store(&found).await {
                Ok((places, last)) => {
                    let user = places.get(self.request.user).copied().unwrap_or_default();
                    let Found { branch: conversation, is_answered, .. } = found;
                    let root = root.clone();
                    return Ok(Place { root, conversation, places, user, last, is_answered });
                }
                // A writer that did not come through the proxy was faster.
                Err(
                    EngineError::SequenceMismatch { .. }
                    | EngineError::AlreadyExists { kind: "client turn id", .. },
                ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ProxyError::Contended)
    }

    pub(super) async fn read(&self, id: &ConversationId) -> Result<Option<Branch>, EngineError> {
        self.places.branches.read(self.engine, self.tenant, id).await
    }

    /// Follows the branches to where the request goes on.
    async fn find(&self, root: &ConversationId) -> Result<Found, ProxyError> {
        let mut branch = match self.read(root).await? {
            Some(branch) => branch,
            None => return self.begin(root).await,
        };
        let said = &self.request.said;
        // For all of them: there may be as many as messages.
        let mut left = Left::default();
        // Each branch has a message more of the request than the one before.
        for _ in 0..=said.len() + MAX_SPARE {
            let habit = self.options.habit.unwrap_or_else(|| habit(&branch.marks));
            let recognised = recognise(&branch.marks, said, habit, self.options.retry, &mut left);
            let (known, at, places, again) = match recognised {
                Recognised::GoesOn { known, places } => {
                    self.check(&branch, known).await?;
                    let last = branch.last();
                    return Ok(Found::open(branch.id, known, places, last));
                }
                Recognised::AnswerAgain { at, places } if self.options.retry => {
                    // Whether the answer will be another one is not known yet.
                    let open = Found::open(branch.id, said.len(), places, at);
                    return Ok(Found { is_answered: true, ..open });
                }
                Recognised::Parts { known, at, places } => (known, at, places, false),
                Recognised::AnswerAgain { at, places } => (said.len(), at, places, true),
            };
            if let Some(next) = self.known_branch(&branch, known, at).await? {
                branch = next;
                continue;
            }
            let made = match again {
                true => self.unanswered(&branch.id, at).await,
                false => self.part(&branch, known, at).await.map(|id| (id, at)),
            };
            return match made {
                Ok((id, last)) => Ok(Found::open(id, known, places, last)),
                Err(ProxyError::Engine(EngineError::LimitReached {
                    limit: FORK_DEPTH, ..
                })) => {
                    let id = self.begin_anew(root, &branch, at).await?;
                    Ok(Found::open(id, 0, Vec::new(), 0))
                }
                Err(error) => Err(error),
            };
        }
        Err(EngineError::LimitReached {
            limit: "branch_depth",
            max: (said.len() + MAX_SPARE) as u64,
            detail: format!("conversations/{root} has so many branches of branches"),
            retry: false,
        }
        .into())
    }

    /// A new branch behind `at` that goes on with the message `known`.
    async fn part(
        &self,
        branch: &Branch,
        known: usize,
        at: Sequence,
    ) -> Result<ConversationId, ProxyError> {
        self.check(branch, known).await?;
        let print = self.request.said.get(known).map(|said| said.print);
        let id = edited(&branch.id, at, &print.unwrap_or_default());
        self.fork(&branch.id, at, &id).await?;
        Ok(id)
    }

    /// A conversation that does not exist.
    async fn begin(&self, root: &ConversationId) -> Result<Found, ProxyError> {
        if !self.create {
            let (kind, id) = ("conversation", root.to_string());
            return Err(EngineError::NotFound { kind, id }.into());
        }
        self.request.check_sizes(0, self.engine.limits())?;
        self.request.check_order(0, &HashSet::new())?;
        let new = NewConversation {
            id: Some(root.clone()),
            user_id: self.options.user_id.clone(),
            ..NewConversation::default()
        };
        match self.engine.create_conversation(self.tenant, new).await {
            Ok(_) => {}
            // Another request was faster; what it stores is not known to this one yet.
            Err(EngineError::AlreadyExists { kind: "conversation", .. }) => {
                return Err(ProxyError::Contended);
            }
            Err(error) => return Err(error.into()),
        }
        let (known, places, last) = Default::default();
        Ok(Found::open(root.clone(), known, places, last))
    }

    /// The branch of `branch` behind `at` that goes on with the message `known`, or in
    /// which what stands there was begun anew.
    async fn known_branch(
        &self,
        branch: &Branch,
        known: usize,
        at: Sequence,
    ) -> Result<Option<Branch>, ProxyError> {
        let anew = self.known_anew(branch, at).await?;
        let said = self.request.said.get(known);
        let (None, Some(said)) = (&anew, said) else { return Ok(anew) };
        if let Some(found) = self.read(&edited(&branch.id, at, &said.print)).await? {
            return Ok(Some(found));
        }
        let answered = usize::try_from(at).unwrap_or(usize::MAX);
        for number in 0..MAX_ANSWERS {
            let id = answered_again(&branch.id, at, number);
            let Some(found) = self.read(&id).await? else { break };
            let rest = found.marks.get(answered..).unwrap_or_default();
            if begins_with(rest, said) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A branch for another answer to turn `at`, and its newest turn: one whose answer
    /// never came, or a new one.
    async fn unanswered(
        &self,
        parent: &ConversationId,
        at: Sequence,
    ) -> Result<(ConversationId, Sequence), ProxyError> {
        let answered = usize::try_from(at).unwrap_or(usize::MAX);
        for number in 0..MAX_ANSWERS {
            let id = answered_again(parent, at, number);
            let Some(found) = self.read(&id).await? else {
                self.fork(parent, at, &id).await?;
                return Ok((id, at));
            };
            // A copy that was broken off is not whole.
            let mut rest = found.marks.iter().skip(answered);
            if found.last() >= at && rest.all(Mark::is_cut_off) {
                return Ok((id, found.last()));
            }
        }
        Err(EngineError::LimitReached {
            limit: "answers_per_turn",
            max: u64::from(MAX_ANSWERS),
            detail: format!("conversations/{parent}/turns/{at} has so many other answers"),
            retry: false,
        }
        .into())
    }

    async fn fork(
        &self,
        parent: &ConversationId,
        at: Sequence,
        id: &ConversationId,
    ) -> Result<(), EngineError> {
        fork(self.engine, self.tenant, parent, at, id).await
    }

    async fn check(&self, branch: &Branch, known: usize) -> Result<(), ProxyError> {
        let mut stored = HashSet::new();
        if self.request.calls_elsewhere(known) {
            let which =
                ListTurns { from: 0, descending: true, limit: CALLS_WITHIN, max_bytes: usize::MAX };
            let page = self.engine.list_turns(self.tenant, &branch.id, which).await?;
            for part in page.turns.iter().flat_map(|turn| &turn.parts) {
                if let Part::ToolCall { call_id, .. } = part {
                    stored.insert(call_id.clone());
                }
            }
        }
        self.request.check_sizes(known, self.engine.limits())?;
        self.request.check_order(known, &stored)
    }
}

/// Forks; a branch that exists already is the same one.
pub(super) async fn fork(
    engine: &Engine,
    tenant: &TenantId,
    parent: &ConversationId,
    at: Sequence,
    id: &ConversationId,
) -> Result<(), EngineError> {
    let new = NewConversation {
        id: Some(id.clone()),
        request_id: id.to_string(),
        ..NewConversation::default()
    };
    engine.fork_conversation(tenant, parent, at, new).await.map(|_| ())
}
