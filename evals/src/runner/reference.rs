//! Rankings that need no server: the READMEs' BM25 and plain recency.

use crate::{
    bm25_reference::Bm25,
    dataset::{Conversation, Question, Scoring, Speaker},
    metrics::{question::Ranked, ranking::groups},
};

/// Ranks the turns and sessions of a conversation for questions about it.
pub(super) struct Reference {
    turns: Bm25,
    sessions: Option<Bm25>,
    sessions_by_user: Option<Bm25>,
    session_of: Vec<usize>,
}

impl Reference {
    /// Indexes every turn; and every session, where sessions are scored.
    pub(super) fn new(conversation: &Conversation, scoring: Scoring) -> Self {
        let turns = Bm25::new(conversation.turns().map(|turn| turn.message.document()));
        let whole = |wanted: fn(Speaker) -> bool| {
            Bm25::new(conversation.sessions.iter().map(|dated| {
                let messages = dated.session.messages.iter().filter(|m| wanted(m.role));
                messages.map(|m| m.text.as_str()).collect::<Vec<_>>().join(" ")
            }))
        };
        Self {
            turns,
            sessions: (scoring.sessions || scoring.link).then(|| whole(|_| true)),
            sessions_by_user: scoring.sessions.then(|| whole(|role| role == Speaker::User)),
            session_of: conversation.session_of(),
        }
    }

    /// Answers a question.
    pub(super) fn rank(&self, question: &Question) -> Ranked {
        let turns = self.turns.rank(&question.text);
        let sessions = match &self.sessions {
            Some(sessions) => sessions.rank(&question.text),
            None => groups(&turns, &self.session_of),
        };
        let sessions_by_user = self.sessions_by_user.as_ref().map(|s| s.rank(&question.text));
        Ranked { turns, sessions, sessions_by_user }
    }
}

/// The newest turn first, whatever is asked.
pub(super) fn recency(conversation: &Conversation) -> Ranked {
    let turns: Vec<usize> = (0..conversation.len()).rev().collect();
    let sessions = (0..conversation.sessions.len()).rev().collect();
    Ranked { turns, sessions, sessions_by_user: None }
}
