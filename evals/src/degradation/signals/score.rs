//! From labels and what the server found to precision, recall and misses.
//!
//! What is not measurable counts as not found: a positive that cannot be measured is
//! missed. A label that was left open counts nowhere.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use throughline_proto::v1::TurnSignal;

use super::labels::{KINDS, Kind, Labelled};
use crate::metrics::{
    Figures, Samples,
    bootstrap::{Bootstrap, Estimate, ratio},
    ranking::truth,
};

/// A labelled turn and what the server measured of it.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// The label.
    pub(super) labelled: Labelled,
    /// The measured signals.
    pub(super) told: Vec<TurnSignal>,
}

impl Judged {
    /// What was measured of a kind; nothing where it is not measurable.
    fn signal(&self, kind: Kind) -> Option<&TurnSignal> {
        self.told.iter().find(|signal| signal.kind() == kind.on_the_wire())
    }

    fn is_found(&self, kind: Kind) -> bool {
        self.signal(kind).is_some_and(|signal| signal.present)
    }

    /// What the bootstrap draws together.
    fn cluster(&self) -> String {
        let one = &self.labelled;
        format!("{}/{}/{}", one.dataset.folder(), one.split, one.conversation)
    }
}

/// For each kind: `_precision` over the turns that were found, `_recall` over the
/// labelled ones, `_f1`, `_false_alarms` (share of the turns that are labelled as
/// without it) and `_measured` (share of all). What has no turns is left out.
pub(super) fn figures<'a>(
    judged: impl Iterator<Item = &'a Judged> + Clone,
    bootstrap: Bootstrap,
) -> Figures {
    let mut samples = Samples::default();
    let mut figures = Figures::new();
    for kind in KINDS {
        let name = |figure: &str| format!("{}_{figure}", kind.name());
        // Twice the hits, and the labelled and the found turns, by conversation.
        let mut sides: BTreeMap<String, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        let mut turns = 0;
        for one in judged.clone() {
            let Some(labelled) = one.labelled.labels.of(kind) else { continue };
            let (found, cluster) = (one.is_found(kind), one.cluster());
            let mut add = |figure: &str, yes: bool| {
                samples.add(&name(figure), &cluster, "", truth(yes));
            };
            add("measured", one.signal(kind).is_some());
            add(if labelled { "recall" } else { "false_alarms" }, found);
            if found {
                add("precision", labelled);
            }
            let (hits, all) = sides.entry(cluster).or_default();
            hits.push(2.0 * truth(labelled && found));
            all.push(truth(labelled) + truth(found));
            turns += 1;
        }
        let sides: Vec<(Vec<f64>, Vec<f64>)> = sides.into_values().collect();
        if let Some(f1) = ratio(&sides, bootstrap) {
            figures.insert(name("f1"), Estimate { n: turns, ..f1 });
        }
    }
    figures.extend(samples.figures(bootstrap, |_| true));
    figures
}

/// The figures of each data set, of each stratum, and of each half of the labels.
pub(super) fn breakdown(judged: &[Judged], bootstrap: Bootstrap) -> BTreeMap<String, Figures> {
    let mut groups: BTreeMap<String, Vec<&Judged>> = BTreeMap::new();
    for one in judged {
        let labelled = &one.labelled;
        let groups_of = [
            ("set", labelled.dataset.folder()),
            ("stratum", labelled.stratum.as_str()),
            ("half", labelled.half().name()),
        ];
        for (what, group) in groups_of {
            groups.entry(format!("{what} {group}")).or_default().push(one);
        }
    }
    let of = |(group, members): (String, Vec<&Judged>)| {
        (group, figures(members.iter().copied(), bootstrap))
    };
    groups.into_iter().map(of).collect()
}

/// Where label and server differ, by ids: words of the turns stand nowhere.
pub(super) fn misses(judged: &[Judged]) -> Vec<Value> {
    let mut misses = Vec::new();
    for kind in KINDS {
        for one in judged {
            let found = one.is_found(kind);
            let Some(labelled) = one.labelled.labels.of(kind).filter(|&said| said != found) else {
                continue;
            };
            let signal = one.signal(kind);
            misses.push(json!({
                "id": one.labelled.id,
                "signal": kind.name(),
                "error": if labelled { "missed" } else { "false_alarm" },
                "stratum": one.labelled.stratum,
                "measured": signal.is_some(),
                "confidence": signal.map_or(0.0, |signal| f64::from(signal.confidence)),
                "reason": signal.map(|signal| signal.reason.as_str()).unwrap_or_default(),
            }));
        }
    }
    misses
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A turn with its labels (repeats, corrects), and what was found.
    fn judged(
        id: &str,
        stratum: &str,
        labels: (Option<bool>, Option<bool>),
        told: &[(Kind, bool)],
    ) -> Judged {
        let labelled = serde_json::from_value(json!({
            "id": id, "dataset": "cri", "split": "s", "conversation": id, "turn": 2,
            "sha256": "2cf24dba", "stratum": stratum, "note": "",
            "labels": { "user_repeats": labels.0, "user_corrects": labels.1 },
        }));
        let signal = |&(kind, present): &(Kind, bool)| TurnSignal {
            kind: kind.on_the_wire().into(),
            present,
            ..TurnSignal::default()
        };
        Judged { labelled: labelled.unwrap(), told: told.iter().map(signal).collect() }
    }

    fn some() -> Vec<Judged> {
        let (yes, no) = (Some(true), Some(false));
        let repeats = Kind::UserRepeats;
        vec![
            judged("hit", "said", (yes, no), &[(repeats, true)]),
            judged("hit2", "said", (yes, no), &[(repeats, true), (Kind::UserCorrects, true)]),
            judged("missed", "said", (yes, no), &[(repeats, false)]),
            judged("unmeasured", "said", (yes, no), &[]),
            judged("alarm", "random", (no, no), &[(repeats, true)]),
            judged("quiet", "random", (no, no), &[(repeats, false)]),
            judged("quiet2", "random", (no, None), &[(repeats, false)]),
            judged("open", "random", (None, yes), &[(repeats, true)]),
        ]
    }

    fn of(figures: &Figures, name: &str) -> Option<(f64, usize)> {
        figures.get(name).map(|figure| (figure.value, figure.n))
    }

    #[test]
    fn hits_misses_and_alarms_are_counted() {
        let all = some();
        let got = figures(all.iter(), Bootstrap::new(1));
        // Three were found where the label is not open, of them two rightly.
        let precision = of(&got, "user_repeats_precision").unwrap();
        assert!((precision.0 - 2.0 / 3.0).abs() < 1e-9 && precision.1 == 3, "{precision:?}");
        assert_eq!(of(&got, "user_repeats_recall"), Some((0.5, 4)));
        let false_alarms = of(&got, "user_repeats_false_alarms").unwrap();
        assert!((false_alarms.0 - 1.0 / 3.0).abs() < 1e-9 && false_alarms.1 == 3);
        let f1 = of(&got, "user_repeats_f1").unwrap();
        assert!((f1.0 - 4.0 / 7.0).abs() < 1e-9 && f1.1 == 7, "{f1:?}");
        assert_eq!(of(&got, "user_repeats_measured"), Some((6.0 / 7.0, 7)));
        assert_eq!(of(&got, "user_corrects_recall"), Some((0.0, 1)));
        assert_eq!(of(&got, "user_corrects_precision"), Some((0.0, 1)));
    }

    #[test]
    fn groups_without_positives_have_alarms_alone() {
        let rows = breakdown(&some(), Bootstrap::new(1));
        let groups = ["half a", "half b", "set cri", "stratum random", "stratum said"];
        assert_eq!(rows.keys().collect::<Vec<_>>(), groups);
        let random = &rows["stratum random"];
        assert_eq!(of(random, "user_repeats_recall"), None);
        assert_eq!(of(random, "user_repeats_precision"), Some((0.0, 1)));
        assert_eq!(of(&rows["stratum said"], "user_repeats_recall"), Some((0.5, 4)));
    }

    #[test]
    fn misses_are_named() {
        let misses = misses(&some());
        let named: Vec<_> = misses
            .iter()
            .map(|miss| [&miss["id"], &miss["signal"], &miss["error"]].map(|v| v.as_str().unwrap()))
            .collect();
        let expected = [
            ["missed", "user_repeats", "missed"],
            ["unmeasured", "user_repeats", "missed"],
            ["alarm", "user_repeats", "false_alarm"],
            ["hit2", "user_corrects", "false_alarm"],
            ["open", "user_corrects", "missed"],
        ];
        assert_eq!(named, expected);
        assert_eq!((&misses[0]["measured"], &misses[1]["measured"]), (&true.into(), &false.into()));
    }
}
