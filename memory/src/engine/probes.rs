//! After a folding the service asks itself: does what stands in every window,
//! pins and summary, still tell what was found in the folded turns? What it does
//! not tell becomes a pin again.
//!
//! Asked are the detected facts of the range that hold and are displaced: those
//! that are live, or the caller's, stand in the window themselves. Invariant: it
//! only ever adds; at most as many come back as may be live, the most useful.

use super::{
    Engine, EngineError, PinnedFact, commit::Publish, fact_records::put_fact, scopes::Scope,
    window::CHAT_SUMMARY_SHARE,
};
use crate::{
    context::WindowOptions,
    facts::{Fact, detect},
    store::Batch,
    turn::{ConversationId, Sequence, TenantId},
};

/// Tokens of the window that is asked: a small effective window, of which the
/// pins and the summary have the shares that a chat gives them.
const PROBED_BUDGET: u32 = 2_000;

/// What a folding left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Probed {
    /// Facts that were asked for.
    pub(super) asked: usize,
    /// Those that the window did not tell, and that are pins again.
    pub(super) restored: usize,
}

impl Engine {
    /// Asks for the facts of the turns of a range.
    ///
    /// # Errors
    /// `Store`.
    pub(super) async fn probe_folded(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        (from, until): (Sequence, Sequence),
    ) -> Result<Probed, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let writer = cell.write().await;
        let scope = self.scope(tenant, id)?;
        let all = self.standing_facts(&cell, &scope.head, Sequence::MAX)?;
        let is_asked = |pinned: &&PinnedFact| {
            let here = pinned.fact.source.is_some_and(|source| (from..=until).contains(&source));
            here && pinned.standing.displaced && pinned.fact.restored_at.is_none()
        };
        let asked: Vec<&Fact> = all.iter().filter(is_asked).map(|pinned| &pinned.fact).collect();
        if asked.is_empty() {
            return Ok(Probed::default());
        }
        let told = self.standing_units(&scope)?;
        let lost =
            asked.iter().filter(|fact| !told.iter().any(|unit| detect::tells(unit, &fact.text)));
        let mut batch = Batch::new();
        let mut probed = Probed { asked: asked.len(), restored: 0 };
        for fact in lost {
            let restored = Fact { restored_at: Some(scope.head.last_sequence), ..(*fact).clone() };
            put_fact(&mut batch, &cell, &restored)?;
            probed.restored += 1;
        }
        if probed.restored > 0 {
            self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
            self.windows.forget(tenant, id);
            self.may_lack_lines(tenant, id);
        }
        tracing::debug!(%id, from, until, probed.asked, probed.restored, "probed what was folded");
        Ok(probed)
    }

    /// The units of the pins and of the summary in a window of which nothing else
    /// is wanted.
    fn standing_units(&self, scope: &Scope) -> Result<Vec<String>, EngineError> {
        let options = WindowOptions {
            summary_share: CHAT_SUMMARY_SHARE,
            ..WindowOptions::new(PROBED_BUDGET, self.counter.clone())
        };
        let window = match self.standing_window(scope, &options) {
            Ok(window) => window,
            // Required pins that do not fit leave nothing else to be told by.
            Err(EngineError::Assemble(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // Within a unit no line begins with a bracket.
        let units = window.messages.iter().flat_map(|message| message.content.split("\n["));
        Ok(units.map(str::to_owned).collect())
    }
}
