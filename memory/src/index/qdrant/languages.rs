//! The language that a conversation's words are analysed in. The server is not
//! asked: the first turns are read from the store, once, and the answer is
//! remembered.

use std::{collections::BTreeSet, sync::Arc};

use moka::sync::Cache;

use crate::{
    index::{
        Branch, IndexError, IndexedTurn, Segment, TurnSource,
        analyse::{Language, LanguageSample},
    },
    store::StoreError,
    turn::{ConversationId, Sequence, TenantId},
};

/// Conversations whose language is remembered.
const MAX_REMEMBERED: u64 = 100_000;
/// Turns that are read to find a language.
const TURNS_READ: Sequence = 32;
/// Conversations that one search reads for; the others are taken for English
/// until something is written to them.
const MAX_READ_PER_SEARCH: usize = 8;

/// What is known of the languages of conversations.
pub(super) struct Languages {
    source: Arc<dyn TurnSource>,
    known: Cache<(TenantId, ConversationId), Language>,
}

impl Languages {
    pub(super) fn new(source: Arc<dyn TurnSource>) -> Self {
        Self { source, known: Cache::new(MAX_REMEMBERED) }
    }

    /// The language of a conversation that is written to: of its turns before
    /// and up to these.
    pub(super) async fn of_conversation(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        turns: &[IndexedTurn],
    ) -> Result<Language, IndexError> {
        let key = (tenant.clone(), owner.clone());
        if let Some(language) = self.known.get(&key) {
            return Ok(language);
        }
        let mut sample = LanguageSample::default();
        let first = turns.iter().map(|turn| turn.sequence).min().unwrap_or(1);
        let before = Segment {
            conversation: owner.clone(),
            from: first.saturating_sub(TURNS_READ).max(1),
            until: first,
        };
        for turn in self.read(tenant, owner, vec![before]).await? {
            sample.add(turn.sequence, &turn.text);
        }
        for turn in turns {
            sample.add(turn.sequence, &turn.text);
        }
        Ok(self.remember(key, &sample))
    }

    /// The languages to analyse a query in: those of the branches and, for
    /// turns analysed before theirs was known, English.
    pub(super) async fn of_query(
        &self,
        branches: &[&Branch],
        text: &str,
    ) -> Result<Vec<Language>, IndexError> {
        let mut languages = BTreeSet::from([Language::ENGLISH]);
        languages.extend(Language::detect(text));
        let mut read = 0;
        for branch in branches {
            for segment in &branch.segments {
                let key = (branch.tenant.clone(), segment.conversation.clone());
                if let Some(language) = self.known.get(&key) {
                    languages.insert(language);
                } else if read < MAX_READ_PER_SEARCH {
                    read += 1;
                    let until = segment.until.min(segment.from.saturating_add(TURNS_READ));
                    let head = Segment { until, ..segment.clone() };
                    let mut sample = LanguageSample::default();
                    for turn in self.read(&branch.tenant, &key.1, vec![head]).await? {
                        sample.add(turn.sequence, &turn.text);
                    }
                    languages.insert(self.remember(key, &sample));
                }
            }
        }
        Ok(languages.into_iter().collect())
    }

    /// Remembers a language once there was enough text to be sure.
    fn remember(&self, key: (TenantId, ConversationId), sample: &LanguageSample) -> Language {
        if let Some(language) = sample.detected() {
            self.known.insert(key, language);
        }
        sample.language()
    }

    async fn read(
        &self,
        tenant: &TenantId,
        conversation: &ConversationId,
        segments: Vec<Segment>,
    ) -> Result<Vec<IndexedTurn>, IndexError> {
        let (source, tenant) = (self.source.clone(), tenant.clone());
        let branch = Branch { tenant, conversation: conversation.clone(), segments };
        let reading = tokio::task::spawn_blocking(move || source.load(&branch));
        Ok(reading.await.map_err(|_| StoreError::Closed)??)
    }
}
