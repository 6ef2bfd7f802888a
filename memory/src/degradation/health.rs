//! The health of a conversation: evidence from its signals, added up, with what
//! is to be done about it.
//!
//! Two sums ([`Cusum`]) run over the conversation: one over what was said
//! (repeats, corrections, questions for what is known, contradictions, broken
//! instructions), one over the windows (stale and weakly related content, memory in
//! the middle, pins without room), the latter against the first windows of the same
//! conversation. An action begins when a sum reaches its threshold and ends when it
//! has fallen to a quarter of it, so that it does not flap.
//!
//! Invariant: a function of the records in order; no fixed turn is looked at.

use std::collections::VecDeque;

use super::{cusum::Cusum, signal::TurnSignals, window::WindowSignals};
use crate::turn::Sequence;

/// Reasons that are kept, the newest.
const MAX_REASONS: usize = 16;
/// Evidence a turn may have without anything being wrong: about one correction in
/// seven turns.
const TURN_ALLOWANCE: f64 = 0.12;
/// About three findings close to each other.
const TURN_THRESHOLD: f64 = 2.0;
/// Findings that go on after an alarm: re-anchoring did not help.
const TURN_CAP: f64 = 4.0;
const RESET_LEVEL: f64 = 1.8;
/// The same for windows, in parts that are bad.
const WINDOW_ALLOWANCE: f64 = 0.3;
const WINDOW_THRESHOLD: f64 = 3.0;
const WINDOW_CAP: f64 = 6.0;
/// An action ends when its sum has fallen to this share of the threshold.
const LEAVE_LEVEL: f64 = 0.25;
/// Windows that say what is usual in a conversation.
const REFERENCE_WINDOWS: u32 = 8;
/// Stale share of a window that counts as one whole piece of evidence, and a rise
/// of the other shares that does.
const STALE_UNIT: f32 = 0.2;
const RISE_UNIT: f32 = 0.3;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing.
    #[default]
    None,
    /// Leave out and fold what the windows carry for nothing.
    Compact,
    /// Restate the pins near the last user turn.
    Reanchor,
    /// Go on in a fresh session with a hand-over window.
    Reset,
}

/// Something that counted against the health.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthReason {
    /// Name of the signal.
    pub signal: &'static str,
    /// The turn, or the newest turn of the window.
    pub turn: Sequence,
    /// Evidence that it added, 1 for a sure finding.
    pub weight: f32,
    /// In words.
    pub reason: &'static str,
}

/// How a conversation is.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// 1 without evidence, 0.5 when what was said alone is at its threshold.
    pub score: f32,
    /// What is to be done.
    pub action: Action,
    /// What counted, oldest first, since there was no evidence.
    pub reasons: Vec<HealthReason>,
    /// Newest turn that was looked at; 0 for none.
    pub as_of: Sequence,
}

/// The mean of the first windows.
#[derive(Clone, Copy, Debug, Default)]
struct Usual {
    sum: f32,
    count: u32,
}

impl Usual {
    /// How far a value is above what is usual; nothing while that is learnt.
    fn rise(&mut self, value: Option<f32>) -> f32 {
        let Some(value) = value else { return 0.0 };
        if self.count < REFERENCE_WINDOWS {
            self.sum += value;
            self.count += 1;
            return 0.0;
        }
        (value - self.sum / self.count as f32).max(0.0)
    }
}

/// Follows a conversation, record by record.
#[derive(Clone, Debug)]
pub struct HealthState {
    turns: Cusum,
    windows: Cusum,
    said: Action,
    built: Action,
    distractors: Usual,
    middle: Usual,
    reasons: VecDeque<HealthReason>,
    as_of: Sequence,
}

impl Default for HealthState {
    fn default() -> Self {
        Self {
            turns: Cusum::new(TURN_ALLOWANCE, TURN_THRESHOLD, TURN_CAP),
            windows: Cusum::new(WINDOW_ALLOWANCE, WINDOW_THRESHOLD, WINDOW_CAP),
            said: Action::None,
            built: Action::None,
            distractors: Usual::default(),
            middle: Usual::default(),
            reasons: VecDeque::new(),
            as_of: 0,
        }
    }
}

impl HealthState {
    /// Takes the signals of the next turn in. A turn of which nothing can be
    /// measured says nothing.
    pub fn turn(&mut self, signals: &TurnSignals) {
        self.as_of = self.as_of.max(signals.sequence);
        let named = signals.named();
        if named.iter().all(|(_, signal)| signal.value().is_none()) {
            return;
        }
        // What a user says again and what a user sets right are read from the same words:
        // both are no more evidence than the surer of them.
        let (mut of_user, mut of_assistant) = (0.0_f32, 0.0_f32);
        for (name, signal) in named {
            let Some(finding) = signal.finding() else { continue };
            let weight = weight(name) * finding.confidence;
            match name {
                "user_repeats" | "user_corrects" => of_user = of_user.max(weight),
                _ => of_assistant += weight,
            }
            self.note(name, signals.sequence, weight, finding.reason.as_str());
        }
        self.turns.add(f64::from(of_user + of_assistant));
        self.said = match self.said {
            _ if self.turns.level() >= RESET_LEVEL => Action::Reset,
            Action::Reset if self.turns.level() > LEAVE_LEVEL => Action::Reset,
            _ if self.turns.alarms() => Action::Reanchor,
            Action::Reanchor if self.turns.level() > LEAVE_LEVEL => Action::Reanchor,
            _ => Action::None,
        };
        self.forget_reasons();
    }

    /// Takes the next window in. One for a question from outside says nothing
    /// about the conversation.
    pub fn window(&mut self, window: &WindowSignals) {
        if !window.in_chat {
            return;
        }
        let parts = [
            (
                "window_stale_share",
                window.stale_share.unwrap_or(0.0) / STALE_UNIT,
                "the window holds what was replaced or has expired",
            ),
            ("pin_coverage", 1.0 - window.pin_coverage.unwrap_or(1.0), "pins found no room"),
            (
                "distractor_density",
                self.distractors.rise(window.distractor_density) / RISE_UNIT,
                "more of the window is weakly related than at first",
            ),
            (
                "middle_share",
                self.middle.rise(window.middle_share) / RISE_UNIT,
                "more of the memory stands in the middle than at first",
            ),
        ];
        let mut evidence = 0.0;
        for (name, part, reason) in parts {
            let part = part.clamp(0.0, 1.0);
            evidence += f64::from(part);
            if f64::from(part) > WINDOW_ALLOWANCE {
                self.note(name, window.at, part, reason);
            }
        }
        self.windows.add(evidence);
        self.built = match self.built {
            _ if self.windows.alarms() => Action::Compact,
            Action::Compact if self.windows.level() > LEAVE_LEVEL => Action::Compact,
            _ => Action::None,
        };
        self.forget_reasons();
    }

    /// How it is after what was taken in.
    pub fn health(&self) -> Health {
        let (said, built) = (self.turns.level(), self.windows.level());
        Health {
            score: (1.0 / ((1.0 + said) * (1.0 + 0.5 * built))) as f32,
            action: self.said.max(self.built),
            reasons: self.reasons.iter().cloned().collect(),
            as_of: self.as_of,
        }
    }

    fn note(&mut self, signal: &'static str, turn: Sequence, weight: f32, reason: &'static str) {
        if self.reasons.len() == MAX_REASONS {
            self.reasons.pop_front();
        }
        self.reasons.push_back(HealthReason { signal, turn, weight, reason });
    }

    /// What is forgiven is no reason any more.
    fn forget_reasons(&mut self) {
        if self.turns.level() == 0.0 && self.windows.level() == 0.0 {
            self.reasons.clear();
        }
    }
}

/// How much a sure finding of a signal counts.
fn weight(signal: &str) -> f32 {
    match signal {
        "user_corrects" | "assistant_reasks" => 0.8,
        _ => 1.0,
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
