//! A conversation with what is known of it: what every reader of a data set
//! gives, and what is played to a server.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::args::StalenessArgs;
use crate::{
    dataset::{Conversation, DatedSession, Message, Session},
    folds::Fold,
};

/// 2024-01-01 09:00 UTC, a Monday: when talk without dates begins.
const UNDATED_FROM: i64 = 1_704_099_600;
/// Between two messages of talk without dates.
const UNDATED_STEP: SignedDuration = SignedDuration::from_mins(1);

/// A conversation with its label.
#[derive(Clone, Debug)]
pub(crate) struct Case<L> {
    /// What is said.
    pub(crate) conversation: Conversation,
    /// Id that decides its fold.
    pub(crate) fold_id: String,
    /// What is known of it; never sent.
    pub(crate) label: L,
}

impl<L> Case<L> {
    /// A case whose conversation is its own fold unit. Messages without a date
    /// are said a minute apart.
    pub(crate) fn new(id: &str, messages: Vec<Message>, label: L) -> Self {
        Self { conversation: conversation(id, messages), fold_id: id.to_owned(), label }
    }
}

/// One session of messages.
pub(crate) fn conversation(id: &str, mut messages: Vec<Message>) -> Conversation {
    let mut clock = Timestamp::from_second(UNDATED_FROM).unwrap_or(Timestamp::UNIX_EPOCH);
    for message in &mut messages {
        match message.said_at {
            Some(said_at) => clock = said_at,
            None => message.said_at = Some(clock),
        }
        clock = clock.checked_add(UNDATED_STEP).unwrap_or(clock);
    }
    let session = Arc::new(Session { id: id.to_owned(), messages });
    let sessions = vec![DatedSession { session, begun: None, listed: 0 }];
    Conversation { id: id.to_owned(), sessions }
}

/// The first `limit` cases.
pub(crate) fn limited<L>(mut cases: Vec<Case<L>>, args: &StalenessArgs) -> Vec<Case<L>> {
    cases.truncate(args.limit.unwrap_or(usize::MAX));
    cases
}

/// The cases that a fold's weights have not seen, with their places among all.
pub(crate) fn unseen<L: Clone>(cases: &[Case<L>], fold: &Fold) -> (Vec<usize>, Vec<Case<L>>) {
    let placed = cases.iter().enumerate().filter(|(_, case)| fold.holds(&case.fold_id));
    placed.map(|(place, case)| (place, case.clone())).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::Speaker,
        folds::{Kind, testing},
    };

    #[test]
    fn undated_talk_goes_on_from_the_last_date() {
        let mut messages = vec![Message::chat(Speaker::User, "x".into()); 4];
        messages[2].said_at = Some("2025-05-01T10:00:00Z".parse().unwrap());
        let conversation = conversation("c", messages);
        let times: Vec<_> =
            conversation.turns().map(|turn| turn.said_at.unwrap().to_string()).collect();
        let expected = [
            "2024-01-01T09:00:00Z",
            "2024-01-01T09:01:00Z",
            "2025-05-01T10:00:00Z",
            "2025-05-01T10:01:00Z",
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn folds_share_the_cases_out() {
        let cases: Vec<Case<usize>> =
            (0..20).map(|n| Case::new(&n.to_string(), Vec::new(), n)).collect();
        let dir = tempfile::tempdir().unwrap();
        let folds = testing::folds(dir.path(), 3).open(Kind::Staleness).unwrap();
        let folds: Vec<_> = folds.iter().map(|fold| unseen(&cases, fold)).collect();
        for (places, cases) in &folds {
            assert_eq!(*places, cases.iter().map(|case| case.label).collect::<Vec<_>>());
        }
        let mut labels: Vec<usize> = folds.into_iter().flat_map(|(places, _)| places).collect();
        labels.sort_unstable();
        assert_eq!(labels, (0..20).collect::<Vec<_>>());
    }
}
