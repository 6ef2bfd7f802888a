//! Which figures a question gets from the ranking that a search gave.

use crate::dataset::{Pair, Question, Scoring};

use super::ranking::{
    all, any, first_rank, ndcg, precision, ranks_above, recall, reciprocal_rank, truth,
};

/// Places at which turn figures are cut.
pub(crate) const TURN_CUTOFFS: [usize; 6] = [1, 5, 10, 20, 25, 50];
/// Places at which session figures are cut.
const SESSION_CUTOFFS: [usize; 3] = [1, 5, 10];
/// Within how many turns both statements of a pair must be.
const PAIR_CUTOFF: usize = 10;

/// What a search gave for a question, best first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranked {
    /// Positions of turns.
    pub(crate) turns: Vec<usize>,
    /// Indexes of sessions.
    pub(crate) sessions: Vec<usize>,
    /// Indexes of sessions by their user messages alone, where that was ranked
    /// too.
    pub(crate) sessions_by_user: Option<Vec<usize>>,
    /// Indexes of exchanges by all of their messages together, where scores can
    /// be joined; by their best message otherwise.
    pub(crate) exchanges: Option<Vec<usize>>,
}

/// A named value.
type Named = (String, f64);

/// The figures of one question.
pub(crate) fn figures(question: &Question, ranked: &Ranked, scoring: Scoring) -> Vec<Named> {
    let mut named = Vec::new();
    if !question.evidence.is_empty() || !(scoring.sessions || scoring.link) {
        turn_figures(question, &ranked.turns, scoring, &mut named);
    }
    if scoring.sessions && !question.evidence_sessions.is_empty() {
        session_figures("session", question, &ranked.sessions, &mut named);
        if let Some(by_user) = &ranked.sessions_by_user {
            session_figures("session_user", question, by_user, &mut named);
        }
    }
    if scoring.link {
        let exchanges = ranked.exchanges.as_ref().unwrap_or(&ranked.sessions);
        let first = any(exchanges, &question.evidence_sessions, 1);
        named.push(("link_first".to_owned(), first));
    }
    pair_figures(question, ranked, &mut named);
    named
}

fn turn_figures(question: &Question, turns: &[usize], scoring: Scoring, named: &mut Vec<Named>) {
    let gold = &question.evidence;
    for k in TURN_CUTOFFS {
        named.push((format!("recall@{k}"), recall(turns, gold, k)));
        named.push((format!("any@{k}"), any(turns, gold, k)));
        named.push((format!("all@{k}"), all(turns, gold, k)));
        if scoring.precision {
            named.push((format!("precision@{k}"), precision(turns, gold, k)));
        }
    }
    for k in [5, 10] {
        named.push((format!("ndcg@{k}"), ndcg(turns, gold, k)));
    }
    named.push(("mrr".to_owned(), reciprocal_rank(turns, gold)));
}

fn session_figures(prefix: &str, question: &Question, sessions: &[usize], named: &mut Vec<Named>) {
    let gold = &question.evidence_sessions;
    for k in SESSION_CUTOFFS {
        named.push((format!("{prefix}_any@{k}"), any(sessions, gold, k)));
        named.push((format!("{prefix}_all@{k}"), all(sessions, gold, k)));
        named.push((format!("{prefix}_recall@{k}"), recall(sessions, gold, k)));
        named.push((format!("{prefix}_ndcg@{k}"), ndcg(sessions, gold, k)));
    }
    if let Some(Pair::LaterSession { earlier, later }) = &question.pair {
        let above = ranks_above(sessions, &[*later], earlier);
        let name = match prefix {
            "session" => "later_above_earlier".to_owned(),
            other => format!("{other}_later_above_earlier"),
        };
        named.push((name, truth(above)));
    }
}

fn pair_figures(question: &Question, ranked: &Ranked, named: &mut Vec<Named>) {
    let within =
        |items: &[usize]| first_rank(&ranked.turns, items).is_some_and(|place| place < PAIR_CUTOFF);
    match &question.pair {
        Some(Pair::Update { older, newer }) => {
            let above = ranks_above(&ranked.turns, newer, older);
            named.push(("updated_above_original".to_owned(), truth(above)));
            named.push((format!("updated@{PAIR_CUTOFF}"), truth(within(newer))));
            let both = within(newer) && within(older);
            named.push((format!("both_values@{PAIR_CUTOFF}"), truth(both)));
        }
        Some(Pair::Contradiction { first, second }) => {
            let both = within(first) && within(second);
            named.push((format!("both_sides@{PAIR_CUTOFF}"), truth(both)));
        }
        Some(Pair::LaterSession { .. }) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn check(pair: Option<Pair>, scoring: Scoring, expected: &[(&str, f64)], absent: &[&str]) {
        let question = Question {
            id: "q".into(),
            conversation: 0,
            fold_id: "c".into(),
            text: "?".into(),
            group: "g".into(),
            evidence: BTreeSet::from([4, 1]),
            evidence_sessions: BTreeSet::from([0, 2]),
            pair,
        };
        let ranked = Ranked {
            turns: vec![4, 0, 1],
            sessions: vec![2, 0],
            sessions_by_user: scoring.sessions.then(|| vec![1, 0, 2]),
            exchanges: None,
        };
        let named = figures(&question, &ranked, scoring);
        let value = |name: &str| named.iter().find(|(n, _)| n == name).map(|(_, value)| *value);
        for &(name, expected) in expected {
            assert_eq!(value(name), Some(expected), "{name}");
        }
        for name in absent {
            assert_eq!(value(name), None, "{name}");
        }
    }

    #[test]
    fn every_kind_of_question_has_its_figures() {
        let sessions = Scoring { sessions: true, ..Scoring::default() };
        check(
            None,
            Scoring::default(),
            &[("recall@1", 0.5), ("all@5", 1.0), ("mrr", 1.0)],
            &["session_any@1", "link_first", "precision@5", "both_sides@10"],
        );
        check(
            Some(Pair::LaterSession { earlier: vec![0], later: 2 }),
            sessions,
            &[
                ("session_all@5", 1.0),
                ("session_user_any@1", 0.0),
                ("later_above_earlier", 1.0),
                ("session_user_later_above_earlier", 0.0),
            ],
            &["updated_above_original"],
        );
        check(
            Some(Pair::Update { older: vec![0], newer: vec![1] }),
            Scoring::default(),
            &[("updated_above_original", 0.0), ("updated@10", 1.0), ("both_values@10", 1.0)],
            &["both_sides@10"],
        );
        check(
            Some(Pair::Contradiction { first: vec![4], second: vec![9] }),
            Scoring { precision: true, ..Scoring::default() },
            &[("both_sides@10", 0.0), ("precision@5", 0.4)],
            &["updated_above_original"],
        );
        check(None, Scoring { link: true, ..Scoring::default() }, &[("link_first", 1.0)], &[]);
    }
}
