//! Who said it, by a counterfactual: is what the sentence claims of one speaker
//! better supported when two speakers are exchanged?
//!
//! Both readings are weighed by the same numbers, so that all that does not
//! depend on the speaker cancels out: the row of the exchanged sentence is the
//! negative of the row of the sentence as written.

use super::{
    claims::{by_role, claims},
    reading::{Mention, Reading},
    support::{Support, WIDTH},
};

/// Speakers that a speaker is compared with at most: those who say most of it.
const RIVALS: usize = 6;

/// One exchange of speakers.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// The mention that it would change.
    pub(super) mention: Mention,
    /// Support as written less support with the speakers exchanged.
    pub(super) row: [f32; WIDTH],
    /// The rival's turn that covers what is claimed best.
    pub(super) turn: Option<usize>,
}

/// All exchanges that a sentence allows, in order of mention.
pub(super) fn exchanges(reading: &Reading<'_>) -> Vec<Exchange> {
    let document = reading.document;
    if document.speakers.len() < 2 {
        return Vec::new();
    }
    let mentions = by_role(&reading.tokens, &reading.mentions, &document.speakers);
    let claims = claims(reading.text, &reading.tokens, &mentions);
    let supports: Vec<Support> = claims.iter().map(|claim| Support::of(reading, claim)).collect();
    let all = |speaker: usize| -> f32 { supports.iter().map(|s| s.all(speaker)).sum() };
    let mut out = Vec::new();
    let mut seen = Vec::new();
    for claim in &claims {
        for agent in claim.agents.iter().copied() {
            if seen.contains(&agent) {
                continue;
            }
            seen.push(agent);
            let others = (0..document.speakers.len()).filter(|other| *other != agent);
            let mut rivals: Vec<(f32, usize)> = others.map(|other| (all(other), other)).collect();
            rivals.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            for (_, rival) in rivals.into_iter().take(RIVALS) {
                let mut row = [0.0; WIDTH];
                for (claim, support) in claims.iter().zip(&supports) {
                    let is = |speaker| f32::from(u8::from(claim.agents.contains(&speaker)));
                    let sign = is(agent) - is(rival);
                    if sign != 0.0 {
                        support.add(agent, rival, sign, &mut row);
                    }
                }
                let best = supports.iter().filter_map(|support| support.turn(rival));
                let turn = best.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, turn)| turn);
                out.push(Exchange { mention: claim.mention, row, turn });
            }
        }
    }
    out
}
