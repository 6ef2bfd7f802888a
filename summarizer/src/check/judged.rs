//! A verdict of the check beside that of a judge of entailment
//! ([`crate::entailment`]): what of the turns it is shown, when it is asked, and what its
//! answer changes.
//!
//! The rule: log odds are averaged (a logarithmic opinion pool, with equal weights), each
//! measured from where it would change the verdict: the check's from its threshold, the
//! judge's from even odds. Averaged and not summed, since both read the same words: their
//! errors are not independent. So a judge that is undecided changes no verdict. It can
//! reject what the check took; it can make good what the check doubted, but neither what
//! a hard check found missing nor what the check found unlikely: small models say Yes too
//! readily.

use super::{Checked, Verdict};
use crate::source::SourceTurn;

/// Log odds of a judge that count at most: its certainty is not calibrated, and beyond
/// 50 to 1 it is a matter of style.
const MOST: f32 = 4.0;
/// Probability of the check below which a judge makes nothing good.
const UNLIKELY: f32 = 0.2;
/// Bytes of a piece that a judge is shown at most.
const PIECE_BYTES: usize = 1_600;

impl Verdict {
    /// Whether a judge's answer could change it: nothing of a hard kind is missing, and it
    /// is not unlikely.
    pub fn is_open(&self) -> bool {
        // What was rejected in spite of its probability was rejected by a hard check.
        let probable = self.probability >= self.threshold;
        let hard = self.reasons.iter().any(|reason| reason.kind.is_hard());
        !hard && probable == self.supported && self.probability >= UNLIKELY
    }

    /// The verdict with the answer of a judge, the probability `entailed`, 0 to 1, weighed
    /// in. One that is not open stays what it is.
    #[must_use]
    pub fn judged(self, entailed: f32) -> Self {
        if !self.is_open() {
            return self;
        }
        let change = log_odds(self.threshold);
        let own = log_odds(self.probability) - change;
        let judge = log_odds(entailed).clamp(-MOST, MOST);
        let probability = 1.0 / (1.0 + (-(change + (own + judge) / 2.0)).exp());
        // By the sum, since the probability is rounded.
        let supported = own + judge >= 0.0;
        Self { probability, supported, entailed: Some(entailed), ..self }
    }
}

/// Log odds of a probability; of 0 and 1 very great ones, but finite.
fn log_odds(probability: f32) -> f32 {
    let inside = probability.clamp(1e-6, 1.0 - 1e-6);
    (inside / (1.0 - inside)).ln()
}

impl Checked {
    /// What supports a sentence best, by its verdict: pieces of turns in the order in which
    /// they were said, each led by its speaker.
    pub fn premise(&self, verdict: &Verdict) -> Vec<String> {
        let mut places = verdict.evidence.clone();
        places.sort_unstable();
        let pieces = places.into_iter().filter_map(|place| self.document.pieces.get(place));
        let led = pieces.filter_map(|piece| {
            let text = piece.text.get(..piece.text.floor_char_boundary(PIECE_BYTES))?;
            Some(format!("{}{text}", self.leads.get(piece.turn)?))
        });
        led.collect()
    }
}

/// What stands before a turn's text: who speaks.
pub(super) fn leads(turns: &[SourceTurn]) -> Vec<String> {
    turns.iter().map(|turn| turn.led("")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Reason, ReasonKind};

    const THRESHOLD: f32 = 0.4;

    fn verdict(probability: f32, reasons: &[ReasonKind]) -> Verdict {
        let reason = |kind: &ReasonKind| Reason { kind: *kind, words: "x".into(), sequence: None };
        let hard = reasons.iter().any(|kind| kind.is_hard());
        Verdict {
            probability,
            supported: probability >= THRESHOLD && !hard,
            reasons: reasons.iter().map(reason).collect(),
            sources: vec![1],
            evidence: vec![0],
            threshold: THRESHOLD,
            entailed: None,
        }
    }

    #[test]
    fn a_judge_can_reject_and_make_good() {
        for (own, entailed, supported) in [
            (0.9, 0.99, true),
            (0.9, 0.02, false),
            (0.6, 0.2, false),
            (0.6, 0.45, true),
            (0.3, 0.9, true),
            (0.3, 0.5, false),
            (0.3, 0.1, false),
        ] {
            let judged = verdict(own, &[ReasonKind::Words]).judged(entailed);
            assert_eq!(judged.supported, supported, "{own} {entailed}: {judged:?}");
            assert_eq!(judged.probability >= THRESHOLD, supported, "{judged:?}");
            assert_eq!(judged.entailed, Some(entailed));
            assert_eq!(judged.sources, [1]);
        }
    }

    #[test]
    fn an_undecided_judge_changes_no_verdict() {
        for percent in 20..100 {
            let before = verdict(percent as f32 / 100.0, &[]);
            let supported = before.supported;
            assert_eq!(before.judged(0.5).supported, supported, "{percent}");
        }
    }

    #[test]
    fn what_is_missing_or_unlikely_is_not_made_good() {
        for kind in [ReasonKind::Number, ReasonKind::Name, ReasonKind::Identifier] {
            let before = verdict(0.95, &[kind]);
            assert!(!before.is_open());
            assert_eq!(before.clone().judged(1.0), before, "{kind:?}");
        }
        let unlikely = verdict(0.19, &[]);
        assert_eq!(unlikely.clone().judged(1.0), unlikely);
        // Rejected in spite of its probability, whatever for.
        let rejected = Verdict { supported: false, ..verdict(0.9, &[]) };
        assert_eq!(rejected.clone().judged(1.0), rejected);
    }

    #[test]
    fn the_surer_the_judge_the_likelier_and_never_without_bound() {
        let at = |entailed| verdict(0.7, &[]).judged(entailed).probability;
        let all: Vec<f32> = [0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0].map(at).into();
        assert!(all.is_sorted() && all[0] > 0.0 && *all.last().unwrap() < 1.0, "{all:?}");
        assert_eq!(at(0.999), at(1.0), "certainty is a matter of style");
        // What the check is very sure of, no judge alone overrules.
        assert!(verdict(0.99, &[]).judged(0.0).supported);
    }
}
