//! Stores what of a request is new, in the place that was found for it.

use throughline_memory::{
    engine::{EngineError, Limits},
    turn::{NewTurn, Role, Sequence},
};

use super::{
    branch::{HISTORY, truth},
    naming::turn_id,
    placing::{Found, Placing},
    said::Said,
};
use crate::wire::{Violations, encode_metadata};

/// Bytes of the turns of one append.
const MAX_APPEND_BYTES: usize = 4 << 20;

impl Placing<'_> {
    /// The window will be for the user's newest message. What follows it came when that
    /// was embedded long ago.
    pub(super) async fn embed_ahead(&self) {
        let said = &self.request.said;
        if let Some(said) = said.last().filter(|_| self.request.user + 1 == said.len()) {
            self.engine.embed_ahead(self.tenant, said.speaker(), said.parts()).await;
        }
    }

    /// Stores the messages that are new. Gives the sequences of all, and the newest.
    pub(super) async fn store(
        &self,
        found: &Found,
    ) -> Result<(Vec<Sequence>, Sequence), EngineError> {
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
