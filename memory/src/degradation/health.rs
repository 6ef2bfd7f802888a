//! The health of a conversation: evidence from its signals, added up, with what
//! is to be done about it.
//!
//! Four sums ([`Cusum`]) run over the conversation: one over what was said
//! (repeats, corrections, questions for what is known, contradictions, broken
//! instructions), one over what the application says of the answers, one over the
//! windows (stale and weakly related content, memory in the middle, pins without room),
//! these against the first windows of the same conversation, and one over what live
//! probes miss. An action begins when a sum reaches its threshold and ends when it
//! has fallen to a quarter of it, so that it does not flap. The sums are apart: a bad
//! answer that the user corrects and the application rates low is one event.
//!
//! Invariant: a function of the records in order; no fixed turn is looked at.

use std::collections::VecDeque;

use super::{cusum::Cusum, probe::ProbeRound, signal::TurnSignals, window::WindowSignals};
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
/// Quality from which on an outcome is no evidence; what is below counts by how far, 1
/// at the worst. Scales of judges differ, and only the lower half of one is surely bad.
const GOOD_QUALITY: f32 = 0.5;
/// A third of the rated answers may be bad without anything being wrong: people rate
/// above all when they are displeased.
const OUTCOME_ALLOWANCE: f64 = 0.35;
/// One bad answer adds 0.65, so that one calls for nothing: four in a row reach the
/// threshold, and two more that go on after it the level of a reset.
const OUTCOME_THRESHOLD: f64 = 2.0;
const OUTCOME_CAP: f64 = 4.0;
/// What a turn takes away. Ratings are sparse, so it is little beside one of them; but a
/// run of an application that rates no more is forgotten in a hundred turns.
const OUTCOME_FADE: f64 = 0.02;
/// Missed share of what was asked for that is no evidence: windows are small.
const PROBE_ALLOWANCE: f64 = 0.4;
/// About three rounds in which everything is missed; rounds are many turns apart.
const PROBE_THRESHOLD: f64 = 1.5;
const PROBE_CAP: f64 = 3.0;
/// Questions from which on a round counts in full: of few one more or less is chance.
const FULL_ROUND: usize = 4;
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
    outcomes: Cusum,
    windows: Cusum,
    probes: Cusum,
    said: Action,
    rated: Action,
    built: Action,
    recalled: Action,
    distractors: Usual,
    middle: Usual,
    reasons: VecDeque<HealthReason>,
    as_of: Sequence,
}

impl Default for HealthState {
    fn default() -> Self {
        Self {
            turns: Cusum::new(TURN_ALLOWANCE, TURN_THRESHOLD, TURN_CAP),
            outcomes: Cusum::new(OUTCOME_ALLOWANCE, OUTCOME_THRESHOLD, OUTCOME_CAP),
            windows: Cusum::new(WINDOW_ALLOWANCE, WINDOW_THRESHOLD, WINDOW_CAP),
            probes: Cusum::new(PROBE_ALLOWANCE, PROBE_THRESHOLD, PROBE_CAP),
            said: Action::None,
            rated: Action::None,
            built: Action::None,
            recalled: Action::None,
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
        self.outcomes.add(OUTCOME_ALLOWANCE - OUTCOME_FADE);
        self.rated = of_answers(self.rated, &self.outcomes);
        let named = signals.named();
        if named.iter().all(|(_, signal)| signal.value().is_none()) {
            self.forget_reasons();
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
        self.said = of_answers(self.said, &self.turns);
        self.forget_reasons();
    }

    /// Takes in what the application says of a turn that was taken in: its quality, 0
    /// (bad) to 1 (good); of several outcomes the mean.
    pub fn outcome(&mut self, turn: Sequence, quality: f32) {
        let evidence = ((GOOD_QUALITY - quality) / GOOD_QUALITY).clamp(0.0, 1.0);
        if f64::from(evidence) > OUTCOME_ALLOWANCE {
            self.note("outcome", turn, evidence, "the application rates the answer low");
        }
        self.outcomes.add(f64::from(evidence));
        self.rated = of_answers(self.rated, &self.outcomes);
        self.forget_reasons();
    }

    /// Takes the next round of live probes in. One in which nothing could be asked for
    /// says nothing.
    pub fn probes(&mut self, round: &ProbeRound) {
        let asked = round.probes.len();
        if asked == 0 {
            return;
        }
        let missed = round.probes.iter().filter(|probed| !probed.recalled).count();
        let evidence = missed as f32 / asked.max(FULL_ROUND) as f32;
        if f64::from(evidence) > PROBE_ALLOWANCE {
            let reason = "windows do not hold what was said";
            self.note("probe_recall", round.at, evidence, reason);
        }
        self.probes.add(f64::from(evidence));
        self.recalled = of_windows(self.recalled, &self.probes);
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
        self.built = of_windows(self.built, &self.windows);
        self.forget_reasons();
    }

    /// How it is after what was taken in.
    pub fn health(&self) -> Health {
        let of_answers = (1.0 + self.turns.level()) * (1.0 + self.outcomes.level());
        let of_windows = (1.0 + 0.5 * self.windows.level()) * (1.0 + 0.5 * self.probes.level());
        let actions = [self.said, self.rated, self.built, self.recalled];
        Health {
            score: (1.0 / (of_answers * of_windows)) as f32,
            action: actions.into_iter().max().unwrap_or_default(),
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
        let sums = [&self.turns, &self.outcomes, &self.windows, &self.probes];
        if sums.iter().all(|sum| sum.level() == 0.0) {
            self.reasons.clear();
        }
    }
}

/// What a sum over answers calls for, after what it called for before.
fn of_answers(before: Action, sum: &Cusum) -> Action {
    let goes_on = |action| before == action && sum.level() > LEAVE_LEVEL;
    if sum.level() >= RESET_LEVEL || goes_on(Action::Reset) {
        Action::Reset
    } else if sum.alarms() || goes_on(Action::Reanchor) {
        Action::Reanchor
    } else {
        Action::None
    }
}

/// What a sum over windows calls for, after what it called for before.
fn of_windows(before: Action, sum: &Cusum) -> Action {
    let goes_on = before == Action::Compact && sum.level() > LEAVE_LEVEL;
    if sum.alarms() || goes_on { Action::Compact } else { Action::None }
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
