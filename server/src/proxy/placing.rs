//! Finds the place of a request: the conversation or the branch that it goes on, and
//! stores what of it is new.
//!
//! Branches are found again by their names ([`super::naming`]): nothing beside the
//! conversations is stored.
//!
//! Invariants: one request at a time is placed in a conversation; what is stored is
//! stored before the model is asked; a request that is refused stores nothing.

use std::{collections::HashSet, sync::Arc};

use throughline_memory::{
    engine::{Engine, EngineError, Limits, ListTurns, NewConversation},
    turn::{ConversationId, NewTurn, Part, Role, Sequence, TenantId},
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    branch::{Branch, Branches, HISTORY, truth},
    error::ProxyError,
    naming::{answered_again, edited, turn_id},
    options::Options,
    recognise::{Mark, Recognised, begins_with, habit, recognise},
    request::Request,
    said::Said,
};
use crate::wire::{Violations, encode_metadata};

/// How often a request is placed anew when another writer was faster.
const ATTEMPTS: usize = 4;
/// Branches of branches that are followed.
const MAX_DEPTH: usize = 64;
/// Other answers to one turn that are looked through.
const MAX_ANSWERS: u32 = 64;
/// Bytes of the turns of one append.
const MAX_APPEND_BYTES: usize = 4 << 20;
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
struct Found {
    branch: ConversationId,
    known: usize,
    places: Vec<Sequence>,
    last: Sequence,
    is_answered: bool,
}

impl Found {
    /// A place that waits for an answer.
    fn open(branch: ConversationId, known: usize, places: Vec<Sequence>, last: Sequence) -> Self {
        Self { branch, known, places, last, is_answered: false }
    }
}

impl Placing<'_> {
    /// Finds the place and stores what is new.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`] for an order that cannot be, [`ProxyError::Contended`],
    /// those of the engine.
    pub(super) async fn place(&self, root: &ConversationId) -> Result<Place, ProxyError> {
        for _ in 0..ATTEMPTS {
            let _lock = self.places.lock(self.tenant, root).await;
            let found = match self.find(root).await {
                // Another writer created it, or a branch of it, meanwhile.
                Err(ProxyError::Contended) => continue,
                found => found?,
            };
            let ahead = async {
                self.embed_ahead(&found).await;
                Ok(())
            };
            match tokio::try_join!(self.store(&found), ahead) {
                Ok(((places, last), ())) => {
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

    async fn read(&self, id: &ConversationId) -> Result<Option<Branch>, EngineError> {
        self.places.branches.read(self.engine, self.tenant, id).await
    }

    /// Follows the branches to where the request goes on.
    async fn find(&self, root: &ConversationId) -> Result<Found, ProxyError> {
        let mut branch = match self.read(root).await? {
            Some(branch) => branch,
            None => return self.begin(root).await,
        };
        for _ in 0..MAX_DEPTH {
            let said = &self.request.said;
            let habit = self.options.habit.unwrap_or_else(|| habit(&branch.marks));
            match recognise(&branch.marks, said, habit, self.options.retry) {
                Recognised::GoesOn { known, places } => {
                    self.check(&branch, known).await?;
                    let last = branch.last();
                    return Ok(Found::open(branch.id, known, places, last));
                }
                Recognised::Parts { known, at, places } => {
                    match self.known_branch(&branch, known, at).await? {
                        Some(next) => branch = next,
                        None => {
                            self.check(&branch, known).await?;
                            let print = said.get(known).map(|said| said.print);
                            let id = edited(&branch.id, at, &print.unwrap_or_default());
                            self.fork(&branch.id, at, &id).await?;
                            return Ok(Found::open(id, known, places, at));
                        }
                    }
                }
                Recognised::AnswerAgain { at, places } => {
                    let known = said.len();
                    if self.options.retry {
                        // Whether the answer will be another one is not known yet.
                        let open = Found::open(branch.id, known, places, at);
                        return Ok(Found { is_answered: true, ..open });
                    }
                    let id = self.unanswered(&branch.id, at).await?;
                    let last = self.read(&id).await?.map_or(at, |branch| branch.last());
                    return Ok(Found::open(id, known, places, last));
                }
            }
        }
        Err(EngineError::LimitReached {
            limit: "branch_depth",
            max: MAX_DEPTH as u64,
            detail: format!("conversations/{root} has so many branches of branches"),
            retry: false,
        }
        .into())
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

    /// The branch of `branch` behind `at` that goes on with the message `known`.
    async fn known_branch(
        &self,
        branch: &Branch,
        known: usize,
        at: Sequence,
    ) -> Result<Option<Branch>, ProxyError> {
        let Some(said) = self.request.said.get(known) else { return Ok(None) };
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

    /// A branch for another answer to turn `at`: one whose answer never came, or a new
    /// one.
    async fn unanswered(
        &self,
        parent: &ConversationId,
        at: Sequence,
    ) -> Result<ConversationId, ProxyError> {
        let answered = usize::try_from(at).unwrap_or(usize::MAX);
        for number in 0..MAX_ANSWERS {
            let id = answered_again(parent, at, number);
            let Some(found) = self.read(&id).await? else {
                self.fork(parent, at, &id).await?;
                return Ok(id);
            };
            let mut rest = found.marks.iter().skip(answered);
            if rest.all(Mark::is_cut_off) {
                return Ok(id);
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

    /// The window will be for the user's newest message.
    async fn embed_ahead(&self, found: &Found) {
        let newest = self.request.said.get(self.request.user);
        if let Some(said) = newest.filter(|_| found.known <= self.request.user) {
            self.engine.embed_ahead(self.tenant, said.speaker(), said.parts()).await;
        }
    }

    /// Stores the messages that are new. Gives the sequences of all, and the newest.
    async fn store(&self, found: &Found) -> Result<(Vec<Sequence>, Sequence), EngineError> {
        let said = &self.request.said;
        let mut places = found.places.clone();
        places.resize(said.len(), 0);
        let mut last = found.last;
        let has_history = said.iter().any(|said| said.role == Role::Assistant);
        let new: Vec<(usize, &Said)> =
            // An assistant that said nothing that is stored leaves no turn.
            said.iter().enumerate().skip(found.known).filter(|(_, said)| !said.is_empty()).collect();
        for batch in batches(&new, self.engine.limits()) {
            let turns: Result<Vec<NewTurn>, EngineError> = (last + 1..)
                .zip(batch)
                .map(|(sequence, (at, said))| {
                    let is_user = *at == self.request.user;
                    self.turn(said, sequence, is_user.then_some(has_history))
                })
                .collect();
            let appended =
                self.engine.append_turns(self.tenant, &found.branch, turns?, Some(last)).await?;
            for ((at, _), turn) in batch.iter().zip(&appended.turns) {
                if let Some(place) = places.get_mut(*at) {
                    *place = turn.sequence;
                }
                last = turn.sequence;
            }
        }
        Ok((places, last))
    }

    fn turn(
        &self,
        said: &Said,
        sequence: Sequence,
        has_history: Option<bool>,
    ) -> Result<NewTurn, EngineError> {
        let metadata = has_history.map(|has_history| prost_types::Struct {
            fields: [(HISTORY.to_owned(), truth(has_history))].into(),
        });
        let mut violations = Violations::new();
        let limits = self.engine.limits();
        let encoded = encode_metadata(metadata.as_ref(), "turn", limits, &mut violations);
        Ok(NewTurn {
            role: said.role,
            speaker: said.speaker().to_owned(),
            parts: said.parts().to_vec(),
            said_at: None,
            client_turn_id: Some(turn_id(sequence, &said.print)),
            metadata: violations.finish(Some(encoded))?,
        })
    }
}

/// Turns in appends that are not too large, in order.
fn batches<'a, 'b>(new: &'a [(usize, &'b Said)], limits: &Limits) -> Vec<&'a [(usize, &'b Said)]> {
    let most = usize::try_from(limits.turns_per_append).unwrap_or(usize::MAX);
    let (mut batches, mut rest) = (Vec::new(), new);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(most).take_while(|(_, said)| {
            bytes += said.bytes();
            bytes <= MAX_APPEND_BYTES
        });
        // One always goes: its own limit is checked before.
        let (batch, after) = rest.split_at(fits.count().max(1).min(rest.len()));
        batches.push(batch);
        rest = after;
    }
    batches
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
