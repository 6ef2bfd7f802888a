//! Which pins a question from outside brings into its window: those whose turns are
//! nearest to it by the embedding.
//!
//! A rule with a condition, or a liking, matters where the question bears on it, however
//! sure others are; one that others displace comes back for such a question. The order of a
//! search does not do: it looks for turns that answer a question, and a rule answers none.
//! What is meant for every answer resembles no question and comes next, before what only is
//! sure. Not in a chat: there pins stand at the beginning of every window, which a
//! provider's cache keeps.

use super::pins::StandingPins;
use crate::{context::Pin, turn::Sequence};

/// Pins that a question may bring: few, since what is for every answer shares the room.
const BROUGHT: usize = 3;

/// The live pins, and of those that are displaced what the question brings, most useful
/// first: the caller's, what it brings, what is meant for every answer, the others.
/// `cosine` is that of a turn of the conversation with the question, where it is known.
pub(super) fn first(standing: &StandingPins, cosine: impl Fn(Sequence) -> Option<f32>) -> Vec<Pin> {
    let ahead = standing.live.iter().take_while(|pin| !pin.fact.origin.is_detector()).count();
    let (ahead, others) = standing.live.split_at(ahead);
    let all: Vec<&Pin> = others.iter().chain(&*standing.displaced).collect();
    let mut brought: Vec<(f32, usize)> = all
        .iter()
        .enumerate()
        .filter(|(_, pin)| pin.conversation.is_none())
        .filter_map(|(at, pin)| Some((cosine(pin.fact.source?)?, at)))
        .collect();
    brought.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    brought.truncate(BROUGHT);
    let is_brought = |at: &usize| brought.iter().any(|(_, brought)| brought == at);
    let rest = others.iter().enumerate().filter(|(at, _)| !is_brought(at)).map(|(_, pin)| pin);
    let brought = brought.iter().filter_map(|(_, at)| all.get(*at).copied());
    ahead.iter().chain(brought).chain(rest).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{Origin, retirement::testing},
        turn::Role,
    };

    fn pin(id: &str, source: Sequence, probability: f32) -> Pin {
        let mut fact = testing::fact(id);
        fact.source = Some(source);
        fact.origin = Origin::Detector { version: 1, probability };
        Pin {
            fact,
            authority: Role::User,
            conversation: None,
            whole_turn: false,
            said_at: None,
            mark: None,
            line: None,
        }
    }

    /// The nearer the earlier it stands.
    fn nearness(near: &[Sequence]) -> impl Fn(Sequence) -> Option<f32> {
        |turn| Some(1.0 / (near.iter().position(|near| *near == turn)? + 1) as f32)
    }

    #[test]
    fn what_a_question_finds_comes_before_what_is_surer() {
        let mut of_caller = pin("caller", 1, 0.0);
        of_caller.fact.origin = Origin::Caller;
        let mut rule = pin("rule", 2, 0.9);
        rule.fact.for_every_answer = true;
        let live = vec![of_caller, rule, pin("sure", 3, 0.9), pin("less", 4, 0.8)];
        let displaced = vec![pin("other", 5, 0.5), pin("found", 6, 0.4)];
        let standing = StandingPins { live: live.into(), displaced: displaced.into() };
        let ids = |near: &[Sequence]| -> Vec<String> {
            let pins = first(&standing, nearness(near));
            pins.iter().map(|pin| pin.fact.id.to_string()).collect()
        };
        assert_eq!(ids(&[]), ["caller", "rule", "sure", "less"]);
        assert_eq!(ids(&[9, 6, 4]), ["caller", "found", "less", "rule", "sure"]);
        assert_eq!(ids(&[1, 2]), ["caller", "rule", "sure", "less"], "they come first anyway");
    }

    #[test]
    fn a_question_brings_a_few_and_none_of_other_conversations() {
        let live: Vec<Pin> = (1..=4).map(|at| pin(&format!("l{at}"), at, 0.9)).collect();
        let mut displaced: Vec<Pin> = (5..=16).map(|at| pin(&format!("d{at}"), at, 0.5)).collect();
        displaced[0].conversation = crate::turn::ConversationId::new("other").ok();
        let standing = StandingPins { live: live.into(), displaced: displaced.into() };
        let near: Vec<Sequence> = (5..=16).collect();
        let found = first(&standing, nearness(&near));
        assert_eq!(found.len(), 4 + BROUGHT);
        assert!(found[..BROUGHT].iter().map(|pin| pin.fact.source).eq((6..9).map(Some)));
    }
}
