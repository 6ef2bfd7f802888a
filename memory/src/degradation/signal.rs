//! What is stored of a turn: its signals, each measured or not.

use serde::{Deserialize, Serialize};

use crate::turn::{FactId, Role, Sequence};

/// Version of the detectors; a record of another one was drawn by other rules.
pub const SIGNALS_VERSION: u32 = 5;

/// Why a signal is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The user says that it was said before.
    SaysSoAgain,
    /// The user makes nearly the same request again.
    SameRequest,
    /// The user says that the answer is wrong.
    SaysWrong,
    /// The user sets something other in its place.
    SetsRight,
    /// The assistant asks for what the user has told.
    AsksForTold,
    /// The assistant asks for what is pinned.
    AsksForPinned,
    /// What the assistant says and a pin cannot both hold.
    AgainstPin,
    /// What the assistant says and what it said before cannot both hold.
    AgainstItself,
    /// Not in the language that was asked for.
    Language,
    /// Not in the form that was asked for.
    Format,
    /// Longer, or of another number of pieces, than was asked for.
    Length,
    /// With words that were forbidden.
    ForbiddenWords,
}

impl Reason {
    /// In words, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SaysSoAgain => "the user says that it was said before",
            Self::SameRequest => "nearly the same request again",
            Self::SaysWrong => "the user says that the answer is wrong",
            Self::SetsRight => "the user sets something right",
            Self::AsksForTold => "asks for what the user has told",
            Self::AsksForPinned => "asks for what is pinned",
            Self::AgainstPin => "contradicts a pin",
            Self::AgainstItself => "contradicts what the assistant said before",
            Self::Language => "not in the language of the instruction",
            Self::Format => "not in the format of the instruction",
            Self::Length => "not of the length of the instruction",
            Self::ForbiddenWords => "uses words that an instruction forbids",
        }
    }
}

/// What a finding stands on, beside the turn itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// The words of the turn alone.
    Turn,
    /// An earlier turn.
    Earlier(Sequence),
    /// A pin.
    Pin(FactId),
}

/// A signal that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How sure the detector is, 0 to 1: a fixed value for each rule, the model's
    /// probability where a model decides.
    pub confidence: f32,
    /// Why.
    pub reason: Reason,
    /// What it stands on.
    pub evidence: Evidence,
}

/// A signal of a turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Signal {
    /// It does not apply, or cannot be told.
    #[default]
    NotMeasurable,
    /// It was looked for and is not there.
    Absent,
    /// It is there.
    Present(Finding),
}

impl Signal {
    /// What was found, or that nothing was.
    pub fn measured(found: Option<Finding>) -> Self {
        found.map_or(Self::Absent, Self::Present)
    }

    /// What was found.
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Present(finding) => Some(finding),
            Self::NotMeasurable | Self::Absent => None,
        }
    }

    /// 1 where it is there, 0 where it is not, nothing where it cannot be told.
    pub fn value(&self) -> Option<f32> {
        match self {
            Self::NotMeasurable => None,
            Self::Absent => Some(0.0),
            Self::Present(_) => Some(1.0),
        }
    }
}

/// The record of one turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnSignals {
    /// [`SIGNALS_VERSION`] that drew it.
    pub version: u32,
    /// The turn.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// Tokens of the whole history up to the turn, by the default tokenizer.
    pub history_tokens: u64,
    /// Share of these in turns that were replaced or have expired by then, 0 to 1;
    /// absent without tokens.
    pub stale_share: Option<f32>,
    /// The user says again what was said.
    pub user_repeats: Signal,
    /// The user corrects the assistant.
    pub user_corrects: Signal,
    /// The assistant asks for what is known.
    pub assistant_reasks: Signal,
    /// The assistant contradicts a pin or itself.
    pub assistant_contradicts: Signal,
    /// The assistant does not do as an instruction says.
    pub instruction_broken: Signal,
}

impl TurnSignals {
    /// The signals that are findings or not, by name.
    pub fn named(&self) -> [(&'static str, &Signal); 5] {
        [
            ("user_repeats", &self.user_repeats),
            ("user_corrects", &self.user_corrects),
            ("assistant_reasks", &self.assistant_reasks),
            ("assistant_contradicts", &self.assistant_contradicts),
            ("instruction_broken", &self.instruction_broken),
        ]
    }

    /// Takes out what stands on turns that were erased; whether that was anything. What
    /// the words of the turn alone show stays, without its cause; what two turns showed
    /// together cannot be told any more.
    pub fn strike(&mut self, is_erased: &dyn Fn(Sequence) -> bool) -> bool {
        let mut changed = false;
        for signal in [
            &mut self.user_repeats,
            &mut self.user_corrects,
            &mut self.assistant_reasks,
            &mut self.assistant_contradicts,
            &mut self.instruction_broken,
        ] {
            let Signal::Present(finding) = &*signal else { continue };
            let stands = match finding.evidence {
                Evidence::Earlier(earlier) => !is_erased(earlier),
                Evidence::Turn | Evidence::Pin(_) => true,
            };
            if stands {
                continue;
            }
            *signal = match finding.reason {
                Reason::SaysWrong => {
                    Signal::Present(Finding { evidence: Evidence::Turn, ..finding.clone() })
                }
                _ => Signal::NotMeasurable,
            };
            changed = true;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(reason: Reason, evidence: Evidence) -> Signal {
        Signal::Present(Finding { confidence: 0.8, reason, evidence })
    }

    #[test]
    fn no_signal_names_an_erased_turn() {
        let pin = Evidence::Pin(FactId::new("f").unwrap());
        let signals = TurnSignals {
            version: SIGNALS_VERSION,
            sequence: 9,
            role: Role::User,
            history_tokens: 10,
            stale_share: None,
            user_repeats: finding(Reason::SameRequest, Evidence::Earlier(5)),
            user_corrects: finding(Reason::SaysWrong, Evidence::Earlier(8)),
            assistant_reasks: finding(Reason::AsksForTold, Evidence::Earlier(3)),
            assistant_contradicts: finding(Reason::AgainstPin, pin.clone()),
            instruction_broken: Signal::Absent,
        };
        let struck_by = |erased: &[Sequence]| {
            let mut struck = signals.clone();
            let changed = struck.strike(&|sequence| erased.contains(&sequence));
            assert_eq!(changed, struck != signals, "{erased:?}");
            struck
        };
        assert_eq!(struck_by(&[1, 4, 9]), signals);
        let struck = struck_by(&[5, 8]);
        assert_eq!(struck.user_repeats, Signal::NotMeasurable);
        assert_eq!(struck.user_corrects, finding(Reason::SaysWrong, Evidence::Turn));
        assert_eq!(struck.assistant_reasks, signals.assistant_reasks);
        assert_eq!(struck_by(&[3]).assistant_reasks, Signal::NotMeasurable);
        assert_eq!(struck_by(&[3]).assistant_contradicts, finding(Reason::AgainstPin, pin));
    }
}
