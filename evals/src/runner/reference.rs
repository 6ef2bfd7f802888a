//! Rankings that need no server: the READMEs' BM25 and plain recency.

use crate::{
    bm25_reference::{Bm25, Variant},
    dataset::{Conversation, Question, Scoring, Speaker},
    metrics::{question::Ranked, ranking::groups},
};

/// Ranks the turns and sessions of a conversation for questions about it.
pub(crate) struct Reference {
    turns: Bm25,
    sessions: Option<Bm25>,
    sessions_by_user: Option<Bm25>,
    session_of: Vec<usize>,
    /// Session indexes in the order of the data set's own list, in which they
    /// are indexed: it breaks ties.
    listed: Vec<usize>,
}

impl Reference {
    /// Indexes every turn; and every session, where sessions are scored.
    pub(crate) fn new(conversation: &Conversation, scoring: Scoring) -> Self {
        let variant = if scoring.every_word { Variant::EveryWord } else { Variant::Defined };
        let documents = conversation.turns().map(|turn| turn.message.document());
        let turns = Bm25::new(documents, variant);
        let sessions = &conversation.sessions;
        let mut listed: Vec<usize> = (0..sessions.len()).collect();
        listed.sort_by_key(|&at| sessions.get(at).map(|dated| dated.listed));
        let whole = |wanted: fn(Speaker) -> bool| {
            let documents = listed.iter().filter_map(|&at| sessions.get(at)).map(|dated| {
                let messages = dated.session.messages.iter().filter(|m| wanted(m.role));
                messages.map(|m| m.text.as_str()).collect::<Vec<_>>().join(" ")
            });
            Bm25::new(documents, variant)
        };
        let all = (scoring.sessions || scoring.link).then(|| whole(|_| true));
        let by_user = scoring.sessions.then(|| whole(|role| role == Speaker::User));
        Self {
            turns,
            sessions: all,
            sessions_by_user: by_user,
            session_of: conversation.session_of(),
            listed,
        }
    }

    /// Answers a question.
    pub(crate) fn rank(&self, question: &Question) -> Ranked {
        let turns = self.turns.rank(&question.text);
        let rank = |sessions: &Bm25| -> Vec<usize> {
            let places = sessions.rank(&question.text).into_iter();
            places.filter_map(|place| self.listed.get(place).copied()).collect()
        };
        let sessions = match &self.sessions {
            Some(sessions) => rank(sessions),
            None => groups(&turns, &self.session_of),
        };
        let sessions_by_user = self.sessions_by_user.as_ref().map(rank);
        Ranked { turns, sessions, sessions_by_user, exchanges: None }
    }
}

/// The newest turn first, whatever is asked.
pub(crate) fn recency(conversation: &Conversation) -> Ranked {
    let turns: Vec<usize> = (0..conversation.len()).rev().collect();
    let sessions = (0..conversation.sessions.len()).rev().collect();
    Ranked { turns, sessions, sessions_by_user: None, exchanges: None }
}
