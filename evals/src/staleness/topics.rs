//! `tiage` and `qmsum`: where a new topic begins, from the segments that the
//! server gives. TIAGE marks every utterance of a chat; QMSum's cuts are where
//! the topic span changes that a turn lies in (turns outside all spans are a
//! class of their own).
//!
//! The score of a turn is the confidence of the segment that begins with it,
//! 0 where none begins: the server shows the cuts that it decided on, no more.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::{
    args::{StalenessArgs, StalenessSet},
    case::{Case, limited},
    findings::Findings,
    metrics::{
        Item, Measure, Pool,
        cuts::{cuts_of, even, pk, segments, window_diff},
    },
    play::{Played, play},
};
use crate::{
    dataset::{DataError, Message, Speaker, read},
    metrics::Samples,
};

/// A score of a turn that no segment begins with.
const NO_CUT: f64 = 0.0;
/// Anything above it is a cut.
const CUT: f64 = 0.01;

/// For each turn whether a topic begins with it.
type Cuts = Vec<bool>;

#[derive(Deserialize)]
struct Meeting {
    id: String,
    meeting_transcripts: Vec<RawTurn>,
    topic_list: Vec<RawTopic>,
}

#[derive(Deserialize)]
struct RawTurn {
    speaker: String,
    content: String,
}

#[derive(Deserialize)]
struct RawTopic {
    relevant_text_span: Vec<(String, String)>,
}

fn read(args: &StalenessArgs) -> Result<Vec<Case<Cuts>>, DataError> {
    let path = read::find_file(&args.folder(), args.split())?;
    let cases = match args.dataset {
        StalenessSet::Tiage => {
            let chats: Vec<BTreeMap<String, Vec<(String, String)>>> = read::items(&path)?;
            chats.into_iter().flatten().map(|(id, chat)| chat_case(&id, chat)).collect()
        }
        _ => read::items(&path)?.into_iter().map(meeting_case).collect(),
    };
    Ok(limited(cases, args))
}

/// Two who speak in turn, as in a chat: the first is the user.
fn chat_case(id: &str, chat: Vec<(String, String)>) -> Case<Cuts> {
    let cuts = chat.iter().map(|(_, label)| label == "1").collect();
    let messages = chat.into_iter().enumerate().map(|(at, (text, _))| {
        Message::chat(if at % 2 == 0 { Speaker::User } else { Speaker::Assistant }, text)
    });
    Case::new(id, messages.collect(), cuts)
}

fn meeting_case(meeting: Meeting) -> Case<Cuts> {
    let mut classes: Vec<Option<usize>> = vec![None; meeting.meeting_transcripts.len()];
    for (topic, raw) in meeting.topic_list.iter().enumerate() {
        for (first, last) in &raw.relevant_text_span {
            let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else {
                continue;
            };
            let span = classes.iter_mut().take(last.saturating_add(1)).skip(first);
            span.for_each(|class| *class = Some(topic));
        }
    }
    let message = |turn: RawTurn| Message {
        name: turn.speaker,
        ..Message::chat(Speaker::User, turn.content)
    };
    let messages = meeting.meeting_transcripts.into_iter().map(message).collect();
    Case::new(&meeting.id, messages, cuts_of(&classes))
}

/// Runs it through the server.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let ask = async |played: Played<'_, Cuts>| Ok(played.state().await?.topics);
    let out = play(args, &cases, "conversations", ask).await?;
    let mut findings = Findings { asked: out.asked, ..Findings::default() };
    let mut pool = Pool::default();
    for (case, topics) in cases.iter().zip(&out.answers) {
        let mut scores = vec![NO_CUT; case.conversation.len()];
        for topic in topics.iter().filter(|topic| topic.first > 0) {
            if let Some(score) = scores.get_mut(topic.first) {
                *score = topic.confidence;
            }
        }
        add(&mut findings.samples, &mut pool, case, &scores);
        let places = |cuts: Vec<bool>| -> Vec<usize> {
            cuts.iter().enumerate().filter(|(_, cut)| **cut).map(|(at, _)| at).collect()
        };
        findings.n += 1;
        findings.line(json!({
            "conversation": case.conversation.id,
            "cuts": places(case.label.clone()),
            "found": places(scores.iter().map(|score| *score > CUT).collect()),
            "scores": topics.iter().map(|t| (t.first, t.confidence)).collect::<Vec<_>>(),
        }))?;
    }
    findings.pools = vec![(pool, named())];
    Ok(findings)
}

fn named() -> Vec<(&'static str, Measure)> {
    vec![
        ("f1_shift", Measure::F1(CUT)),
        ("precision_shift", Measure::Precision(CUT)),
        ("recall_shift", Measure::Recall(CUT)),
        ("cuts_ratio", Measure::Ratio(CUT)),
        ("auroc", Measure::Auroc),
    ]
}

/// The figures of the scores of one conversation.
fn add(samples: &mut Samples, pool: &mut Pool, case: &Case<Cuts>, scores: &[f64]) {
    let id = &case.conversation.id;
    for (&score, &cut) in scores.iter().zip(&case.label).skip(1) {
        pool.add(id, "all", Item::new(score, cut));
    }
    let found: Vec<bool> = scores.iter().map(|score| *score > CUT).collect();
    let (reference, hypothesis) = (segments(&case.label), segments(&found));
    for (name, value) in
        [("pk", pk(&reference, &hypothesis)), ("windowdiff", window_diff(&reference, &hypothesis))]
    {
        if let Some(value) = value {
            samples.add(name, id, "all", value);
        }
    }
}

/// A cut at every turn; no cut; and as many cuts as there are, evenly spaced.
///
/// # Errors
/// The data cannot be read.
pub(crate) fn reference(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let mut findings = Findings { n: cases.len(), ..Findings::default() };
    let mut pool = Pool::default();
    for case in &cases {
        let always = vec![1.0; case.conversation.len()];
        add(&mut Samples::default(), &mut pool, case, &always);
        let reference = segments(&case.label);
        let count = reference.last().map_or(1, |last| last + 1);
        let turns = reference.len();
        for (name, hypothesis) in [("no_cut", vec![0; turns]), ("even", even(turns, count))] {
            let id = &case.conversation.id;
            if let Some(value) = pk(&reference, &hypothesis) {
                findings.samples.add(&format!("pk_{name}"), id, "all", value);
            }
            if let Some(value) = window_diff(&reference, &hypothesis) {
                findings.samples.add(&format!("windowdiff_{name}"), id, "all", value);
            }
        }
    }
    findings.pools = vec![(pool, vec![("f1_shift", Measure::F1(CUT))])];
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_begins_where_the_class_changes() {
        let span = |first: usize, last: usize| RawTopic {
            relevant_text_span: vec![(first.to_string(), last.to_string())],
        };
        let turn = || RawTurn { speaker: "A".into(), content: "x".into() };
        let meeting = Meeting {
            id: "m".into(),
            meeting_transcripts: (0..6).map(|_| turn()).collect(),
            topic_list: vec![span(0, 1), span(3, 9)],
        };
        // Topic, topic, outside, topic to the end of the meeting.
        assert_eq!(meeting_case(meeting).label, [false, false, true, true, false, false]);
    }

    #[test]
    fn a_chat_is_marked_utterance_by_utterance() {
        let chat = [("hi", "-1"), ("yo", "0"), ("I ski", "1")];
        let chat = chat.map(|(text, label)| (text.to_owned(), label.to_owned())).to_vec();
        let case = chat_case("1", chat);
        assert_eq!(case.label, [false, false, true]);
        let speakers: Vec<_> = case.conversation.turns().map(|t| t.message.role).collect();
        assert_eq!(speakers, [Speaker::User, Speaker::Assistant, Speaker::User]);
    }
}
