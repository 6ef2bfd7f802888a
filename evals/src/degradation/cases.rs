//! What the sweep plants: the written cases of `evals/cases/sweep.jsonl`, and
//! PrefEval's preferences where that data set is there (non-commercial: for
//! evaluation alone).

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::{gold::Gold, shown::Wanted};
use crate::{
    dataset::{Message, Speaker, read},
    reader::score::Rule,
};

/// The bundled cases.
const BUNDLED: &str = include_str!("../../cases/sweep.jsonl");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    kind: String,
    indirect: bool,
    #[serde(rename = "domain")]
    _domain: String,
    text: String,
    must_contain: Vec<String>,
    question: String,
    #[serde(default)]
    replaces: Option<String>,
    #[serde(default)]
    stale: Vec<String>,
    #[serde(default)]
    reply: Option<Reply>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    none: Vec<String>,
}

#[derive(Deserialize)]
struct Explicit {
    preference: String,
    question: String,
}

/// Something said once that a later window must hold.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Unique.
    pub(crate) id: String,
    /// `instruction`, `fact`, `update` or `preference`.
    pub(crate) kind: String,
    /// It has to be understood from what is said.
    pub(crate) indirect: bool,
    /// An earlier turn that `said` replaces, with the pieces that hold no more.
    pub(crate) replaced: Option<(String, Wanted)>,
    /// The turn.
    pub(crate) said: String,
    /// What of it must stand in the window.
    pub(crate) wanted: Wanted,
    /// What is asked in the end.
    pub(crate) question: String,
    /// Decides whether a reply goes by it, where patterns can.
    pub(crate) rule: Option<Rule>,
}

/// Reads the cases: the bundled ones or those of a file, then the preferences.
/// With a limit so many of each kind.
///
/// # Errors
/// A file cannot be read, or a case does not hold what it must contain.
pub(crate) fn read(
    file: Option<&Path>,
    data: &Path,
    limit: Option<usize>,
) -> anyhow::Result<Vec<Case>> {
    let mut cases = match file {
        Some(path) => parse(&read::text(path)?).with_context(|| path.display().to_string())?,
        None => parse(BUNDLED)?,
    };
    let folder = data.join("prefeval");
    if folder.is_dir() {
        cases.extend(preferences(&folder)?);
    }
    let mut of_kind: BTreeMap<String, usize> = BTreeMap::new();
    cases.retain(|case| {
        let seen = of_kind.entry(case.kind.clone()).or_default();
        *seen += 1;
        *seen <= limit.unwrap_or(usize::MAX)
    });
    ensure!(!cases.is_empty(), "there are no cases to plant");
    Ok(cases)
}

fn parse(text: &str) -> anyhow::Result<Vec<Case>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let at = || format!("case {}", number + 1);
            let written: Written = serde_json::from_str(line).with_context(at)?;
            written.checked().with_context(at)
        })
        .collect()
}

impl Written {
    fn checked(self) -> anyhow::Result<Case> {
        ensure!(!self.must_contain.is_empty(), "{}: must_contain is empty", self.id);
        for piece in &self.must_contain {
            ensure!(self.text.contains(piece), "{}: {piece:?} is not in the text", self.id);
            ensure!(!self.question.contains(piece), "{}: the question says {piece:?}", self.id);
        }
        ensure!(
            self.replaces.is_some() == (self.kind == "update"),
            "{}: an update, and nothing else, replaces something",
            self.id
        );
        let rule = match &self.reply {
            Some(reply) => {
                let empty = reply.any.is_empty() && reply.none.is_empty();
                ensure!(!empty, "{}: reply asks for nothing", self.id);
                Some(Rule::new(&reply.any, &reply.none).with_context(|| self.id.clone())?)
            }
            None => None,
        };
        Ok(Case {
            rule,
            replaced: self.replaces.map(|text| (text, Wanted::Pieces(self.stale))),
            wanted: Wanted::Pieces(self.must_contain),
            id: self.id,
            kind: self.kind,
            indirect: self.indirect,
            said: self.text,
            question: self.question,
        })
    }
}

fn preferences(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let topics: Vec<BTreeMap<String, Vec<Explicit>>> =
        read::items(&read::find_file(folder, "explicit")?)?;
    let all = topics.into_iter().flatten().flat_map(|(topic, items)| {
        items.into_iter().enumerate().map(move |(number, item)| Case {
            id: format!("{topic}-{number}"),
            kind: "preference".to_owned(),
            indirect: false,
            replaced: None,
            wanted: Wanted::Words(item.preference.clone()),
            said: item.preference,
            question: item.question,
            rule: None,
        })
    });
    // Topic by topic in turn, so that a limit takes some of each.
    let mut all: Vec<Case> = all.collect();
    all.sort_by_key(|case| {
        case.id.rsplit_once('-').and_then(|(_, at)| at.parse().ok()).unwrap_or(0usize)
    });
    Ok(all)
}

impl Case {
    /// The turns that plant it: what is replaced some exchanges before what is
    /// said, each with a plain answer.
    pub(crate) fn planted(&self, between: &[Message]) -> Vec<Message> {
        let said = |text: &str| {
            [
                Message::chat(Speaker::User, text.to_owned()),
                Message::chat(Speaker::Assistant, "I see.".to_owned()),
            ]
        };
        let mut turns = Vec::new();
        if let Some((old, _)) = &self.replaced {
            turns.extend(said(old));
            turns.extend_from_slice(between);
        }
        turns.extend(said(&self.said));
        turns
    }

    /// What a reply to its question is judged by: its rule, and for a judge what was
    /// said.
    pub(crate) fn gold(&self) -> Gold {
        let how = match self.kind.as_str() {
            "instruction" => "does as the user asked earlier",
            "preference" => "fits what the user said that they like",
            _ => "goes by what the user said earlier",
        };
        let replaced = match &self.replaced {
            Some((old, _)) => format!(" This took the place of: \"{old}\""),
            None => String::new(),
        };
        let statement = format!("The reply {how}: \"{}\"{replaced}", self.said);
        Gold { answer: None, rubric: vec![statement], rule: self.rule.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_cases_are_sound() {
        let cases = parse(BUNDLED).unwrap();
        let of = |kind: &str| cases.iter().filter(|case| case.kind == kind).count();
        assert_eq!((of("instruction"), of("fact"), of("update")), (64, 40, 30));
        let ids: std::collections::BTreeSet<&str> =
            cases.iter().map(|case| case.id.as_str()).collect();
        let texts: std::collections::BTreeSet<&str> =
            cases.iter().map(|case| case.said.as_str()).collect();
        assert_eq!((ids.len(), texts.len()), (cases.len(), cases.len()));
        assert!(cases.iter().filter(|case| case.indirect).count() >= 40);
    }

    #[test]
    fn rules_accept_what_was_said_and_not_what_it_replaced() {
        let cases = parse(BUNDLED).unwrap();
        let ruled = cases.iter().filter_map(|case| Some((case, case.rule.as_ref()?)));
        let mut of_kind: BTreeMap<&str, usize> = BTreeMap::new();
        for (case, rule) in ruled {
            *of_kind.entry(&case.kind).or_default() += 1;
            // Those of instructions look at the form, which a question has by chance.
            if case.kind == "instruction" {
                continue;
            }
            assert!(!rule.accepts(&case.question), "{}: the question passes", case.id);
            if let Some((old, _)) = &case.replaced {
                assert!(!rule.accepts(old), "{}: what is replaced passes", case.id);
            }
            // The surface of a room is worked out; two are said in other words.
            let elsewise = ["fact-19", "fact-29", "update-29"].contains(&case.id.as_str());
            assert!(elsewise || rule.accepts(&case.said), "{}: what is said fails", case.id);
        }
        assert_eq!(of_kind, [("fact", 39), ("instruction", 20), ("update", 30)].into());
    }

    #[test]
    fn a_judge_is_told_what_was_said() {
        let mut case = parse(BUNDLED).unwrap().into_iter().find(|c| c.kind == "update").unwrap();
        let gold = case.gold();
        let (old, _) = case.replaced.clone().unwrap();
        assert!(gold.rubric[0].contains(&case.said) && gold.rubric[0].contains(&old));
        assert!(gold.rule.is_some() && gold.answer.is_none());
        case.replaced = None;
        assert!(!case.gold().rubric[0].contains(&old));
    }

    #[test]
    fn a_case_that_cannot_be_judged_is_refused() {
        let case = |text: &str, question: &str, kind: &str| {
            format!(
                r#"{{"id":"x","kind":"{kind}","indirect":false,"domain":"d","text":"{text}",
                "must_contain":["blue"],"question":"{question}"}}"#
            )
            .replace('\n', " ")
        };
        assert!(parse(&case("It is blue.", "Which?", "fact")).is_ok());
        for (line, expected) in [
            (case("It is red.", "Which?", "fact"), "is not in the text"),
            (case("It is blue.", "Is it blue?", "fact"), "the question says"),
            (case("It is blue.", "Which?", "update"), "replaces something"),
        ] {
            let error = format!("{:#}", parse(&line).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn an_update_is_planted_behind_what_it_replaces() {
        let mut case = parse(BUNDLED).unwrap().into_iter().find(|c| c.kind == "update").unwrap();
        let between = [Message::chat(Speaker::User, "hm".into())];
        let roles = |turns: &[Message]| turns.iter().map(|t| t.text.clone()).collect::<Vec<_>>();
        let old = case.replaced.clone().unwrap().0;
        let all = [old.as_str(), "I see.", "hm", case.said.as_str(), "I see."];
        assert_eq!(roles(&case.planted(&between)), all);
        case.replaced = None;
        assert_eq!(roles(&case.planted(&between)), all[3..]);
    }
}
