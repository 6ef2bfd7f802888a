//! The signals joined, on turns made by hand.

use jiff::Timestamp;

use super::*;
use crate::{
    staleness::{EdgeKind, TurnText, unsure::Relation},
    turn::Role,
};

fn statement(sequence: Sequence, text: &str, vector: &[f32]) -> Arc<Statement> {
    let role = if sequence % 2 == 1 { Role::User } else { Role::Assistant };
    let said_at = Timestamp::UNIX_EPOCH;
    let turn = TurnText { sequence, role, speaker: "", said_at, text, vector: Some(vector) };
    Arc::new(Statement::of(&turn, None))
}

#[test]
fn a_turn_replaces_mentions_and_knows_its_version() {
    let signals = Signals::built_in().unwrap();
    let mut following = signals.follow();
    let (one, other) = ([1.0, 0.0], [0.0, 1.0]);
    let earlier = [
        statement(1, "Book me a table for two at 7 pm in Oakland.", &one),
        statement(2, "Please confirm: a table for 2 in Oakland at 7 pm.", &other),
    ];
    earlier.iter().for_each(|turn| following.pass(turn));
    let events = following.events(&statement(3, "No, make it 8 pm please.", &other), &earlier);
    let replaced = events.iter().any(|event| match event {
        Event::Edge(edge) => edge.earlier == 1 && edge.kind == EdgeKind::Supersedes,
        _ => false,
    });
    assert!(replaced, "{events:?}");
    // What is replaced, as an echo too, is not brought up again.
    let repeated = events.iter().any(|event| matches!(event, Event::Echo { .. }));
    assert_eq!(events.contains(&Event::Mentions { earlier: 2 }), !repeated, "{events:?}");
    assert_eq!(signals.version(), Signals::built_in().unwrap().version());
}

#[test]
fn a_confirmation_is_replaced_with_what_it_confirms() {
    let texts = [
        "Book me a table for two at 7 pm in Oakland.",
        "Please confirm: a table for 2 in Oakland at 7 pm.",
        "No, make it 8 pm please.",
    ];
    let mut all: Vec<Arc<Statement>> = Vec::new();
    for (sequence, text) in (1..).zip(texts) {
        let role = if sequence == 2 { Role::Assistant } else { Role::User };
        let said_at = Timestamp::UNIX_EPOCH;
        let turn = TurnText { sequence, role, speaker: "", said_at, text, vector: None };
        all.push(Arc::new(Statement::of(&turn, all.last().map(|last| &**last))));
    }
    let mut following = Signals::built_in().unwrap().follow();
    let (new, earlier) = all.split_last().unwrap();
    earlier.iter().for_each(|turn| following.pass(turn));
    let events = following.events(new, earlier);
    let of_first = |event: &&Event| matches!(event, Event::Edge(edge) if edge.earlier == 1);
    let replaced = events.iter().find(of_first).and_then(Event::edge).expect("replaced");
    let echo = events.iter().find_map(|event| match event {
        Event::Echo { parent, edge } => Some((*parent, edge.earlier, edge.confidence)),
        _ => None,
    });
    assert_eq!(echo, Some((1, 2, replaced.confidence)), "{events:?}");
}

#[test]
fn other_weights_are_another_version_and_damaged_ones_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let shipped = Signals::built_in().unwrap().version();
    let text = SignalWeights::built_in();
    for (file, of_part) in
        [("staleness.json", &text.replacements), ("contradiction.json", &text.contradictions)]
    {
        let folder = dir.path().join(file.replace('.', "-"));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join(file);
        // The same numbers in other bytes: still another file.
        std::fs::write(&path, format!("{}\n ", of_part.text)).unwrap();
        let read = SignalWeights::read(&folder).unwrap();
        assert_ne!(Signals::with(&read).unwrap().version(), shipped, "{file}");
        std::fs::write(&path, "{}").unwrap();
        let read = SignalWeights::read(&folder).unwrap();
        let error = Signals::with(&read).err().map(|error| error.to_string());
        let named = error.as_ref().is_some_and(|e| e.contains(&*path.to_string_lossy()));
        assert!(named, "{error:?}");
    }
}

/// Always of one opinion.
struct Opinion(Relation, &'static str);

impl PairJudge for Opinion {
    fn name(&self) -> &str {
        "opinion"
    }

    fn version(&self) -> &str {
        self.1
    }

    fn relation(&self, _: &str, _: &str) -> Option<Relation> {
        Some(self.0)
    }
}

#[test]
fn a_judge_of_pairs_is_part_of_the_version_and_moves_what_is_unsure_alone() {
    let weights = SignalWeights::built_in();
    let with = |opposed: f32, version: &'static str| {
        let relation = Relation { same: 1.0 - opposed, opposed };
        Signals::judged(&weights, Some(Arc::new(Opinion(relation, version)))).unwrap()
    };
    let plain = Signals::built_in().unwrap();
    let (agrees, denies) = (with(1.0, "0123456789abcdef"), with(0.0, "0123456789abcdee"));
    let versions = [plain.version(), agrees.version(), denies.version()];
    // The name shows the head of the hash, the version goes by all of it.
    assert!(versions[0] != versions[1] && versions[1] != versions[2], "{versions:?}");
    assert_eq!(agrees.version(), with(1.0, "0123456789abcdef").version());
    assert!(agrees.name().ends_with(", unsure pairs 1 opinion 0123456789ab"));
    assert!(!plain.name().contains("unsure"));
    let talks = [
        ["Book me a table for two at 7 pm in Oakland.", "Noted.", "No, make it 8 pm please."],
        ["I live in Berlin.", "A fine city.", "We moved to Lisbon last month."],
        ["I use Vim for everything.", "I see.", "These days I mostly open VS Code."],
        ["Add milk to my shopping list.", "Done.", "Add eggs to it too."],
        ["I weigh 80 kg.", "Well done.", "The scales showed 76 kg this morning."],
        ["I love spicy food.", "Me too.", "Hot dishes upset my stomach lately."],
    ];
    for talk in talks {
        let edges = |signals: &Arc<Signals>| -> HashMap<(EdgeKind, Sequence), f32> {
            let all: Vec<_> = (1..).zip(talk).map(|(n, text)| statement(n, text, &[1.0])).collect();
            let (new, earlier) = all.split_last().unwrap();
            let events = signals.follow().events(new, earlier);
            let edges = events.iter().filter_map(|event| match event {
                Event::Edge(edge) => Some(((edge.kind, edge.earlier), edge.confidence)),
                _ => None,
            });
            edges.collect()
        };
        let (before, up, down) = (edges(&plain), edges(&agrees), edges(&denies));
        for (edge, confidence) in before.iter().filter(|(edge, _)| edge.0 == EdgeKind::Supersedes) {
            let (up, down) = (up[edge], down[edge]);
            if unsure::UNSURE.contains(confidence) {
                assert!(down < 0.5 && up > 0.5, "{talk:?} {edge:?}: {down} {confidence} {up}");
            } else {
                assert!(down == *confidence && up == *confidence, "{talk:?} {edge:?}");
            }
        }
    }
}
