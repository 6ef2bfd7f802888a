//! By what a checkpoint knows the questions of a data set.

use std::collections::{BTreeSet, HashMap};

use crate::{
    dataset::{Conversation, Dataset, Placed, Question},
    degradation::{Run, rival::Rival},
    runner::ingest::identify,
};

/// By what the checkpoint knows a question: all that was said before, and what is
/// asked.
pub(super) struct Keys<'a> {
    /// By the conversation's id, a hash of what is said.
    talks: HashMap<String, String>,
    traced: &'a BTreeSet<String>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(dataset: &Dataset, traced: &'a BTreeSet<String>) -> Self {
        let talk = |conversation: &Conversation| {
            let turns: Vec<Placed<'_>> = conversation.turns().collect();
            (conversation.id.clone(), identify(&conversation.id, &turns))
        };
        Self { talks: dataset.conversations.iter().map(talk).collect(), traced }
    }

    pub(super) fn own(
        &self,
        run: &Run<'_>,
        conversation: &Conversation,
        question: &Question,
    ) -> String {
        let traced = self.traced.contains(&question.id).to_string();
        run.checkpoint.key(&["question", &traced, &self.made_of(conversation, question)])
    }

    pub(super) fn of_rival(
        &self,
        run: &Run<'_>,
        rival: &Rival,
        conversation: &Conversation,
        question: &Question,
    ) -> String {
        let about = rival.about.to_string();
        run.checkpoint.key(&["rival", &about, &self.made_of(conversation, question)])
    }

    fn made_of(&self, conversation: &Conversation, question: &Question) -> String {
        let talk = self.talks.get(&conversation.id).map(String::as_str).unwrap_or_default();
        format!("{talk} {} {:?} {:?}", question.id, question.text, question.evidence)
    }
}
