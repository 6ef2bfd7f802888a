//! Reads what the server holds, compares it with a writer's record, and sends
//! turns again that must not be taken twice.

use anyhow::bail;
use throughline_proto::v1::{ListTurnsRequest, Turn, part::Content};

use crate::client::{Api, retry};

use super::{
    record::{Record, Written},
    writer::request,
};

/// Acknowledged turns that are sent again.
const RETRIED: usize = 20;
/// Turns of a page.
const PAGE: i32 = 1_000;

/// Checks records against a server.
pub(super) struct Checker<'a> {
    api: &'a Api,
    violations: &'a mut Vec<String>,
}

impl<'a> Checker<'a> {
    /// Adds what it finds to `violations`.
    pub(super) fn new(api: &'a Api, violations: &'a mut Vec<String>) -> Self {
        Self { api, violations }
    }

    /// Compares all turns of a conversation with its record.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn compare(&mut self, record: &Record) -> anyhow::Result<()> {
        let stored = self.read(&record.name).await?;
        self.violations.extend(record.violations(&stored));
        Ok(())
    }

    /// Sends the newest acknowledged turns and the batch in flight again;
    /// returns how many turns that were.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn retry(&mut self, record: &mut Record) -> anyhow::Result<usize> {
        let newest = record.acked.iter().rev().take(RETRIED).rev();
        let (sequences, batch): (Vec<u64>, Vec<Written>) =
            newest.map(|(sequence, turn)| (*sequence, turn.clone())).unzip();
        if !batch.is_empty() {
            let answered = self.append(&record.name, &batch).await?;
            let expected: Vec<(u64, bool)> = sequences.iter().map(|&at| (at, true)).collect();
            if answered != expected {
                let what = format!("{}: a retry answered {answered:?}", record.name);
                self.violations.push(what);
            }
        }
        let in_flight = record.pending.len();
        if in_flight > 0 {
            let answered = self.append(&record.name, &record.pending).await?;
            let (sequences, repeated): (Vec<u64>, Vec<bool>) = answered.into_iter().unzip();
            if repeated.iter().any(|&one| Some(&one) != repeated.first()) {
                self.violations.push(format!("{}: half a batch was stored", record.name));
            }
            record.acknowledge(&sequences);
        }
        Ok(batch.len() + in_flight)
    }

    async fn append(&self, name: &str, turns: &[Written]) -> anyhow::Result<Vec<(u64, bool)>> {
        let call = async || self.api.conversations.clone().append_turns(request(name, turns)).await;
        let reply = retry("AppendTurns", call).await?.into_inner();
        Ok(reply.turns.iter().map(|turn| (turn.sequence, turn.repeated_append)).collect())
    }

    async fn read(&self, name: &str) -> anyhow::Result<Vec<(u64, Written)>> {
        let mut stored = Vec::new();
        let mut page_token = String::new();
        loop {
            let call = async || {
                let request = ListTurnsRequest {
                    conversation: name.to_owned(),
                    page_size: PAGE,
                    page_token: page_token.clone(),
                    ..ListTurnsRequest::default()
                };
                self.api.conversations.clone().list_turns(request).await
            };
            let page = retry("ListTurns", call).await?.into_inner();
            if page.turns.is_empty() && !page.next_page_token.is_empty() {
                bail!("{name}: an empty page that is not the last");
            }
            stored.extend(page.turns.into_iter().map(|turn| (turn.sequence, held(turn))));
            if page.next_page_token.is_empty() {
                return Ok(stored);
            }
            page_token = page.next_page_token;
        }
    }
}

/// A stored turn in the writers' form. Anything but one text part gives a text
/// that no writer sends.
fn held(turn: Turn) -> Written {
    let text = match turn.parts.as_slice() {
        [part] => match &part.content {
            Some(Content::Text(text)) => text.clone(),
            other => format!("{other:?}"),
        },
        parts => format!("{} parts", parts.len()),
    };
    Written { client_turn_id: turn.client_turn_id, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        double::{Double, Fault},
        runner::ingest::create,
    };

    fn written(number: u32) -> Written {
        Written { client_turn_id: format!("t{number}"), text: format!("text {number}") }
    }

    /// Four acknowledged turns and two in flight that were not stored.
    async fn check(fault: Fault, expected: &[&str]) {
        let double = Double::default();
        let api = Api::connect(&double.serve().await, None).await.unwrap();
        let mut record = Record::new(create(&api, "w0", "crash").await.unwrap());
        record.pending = (0..4).map(written).collect();
        let sent = request(&record.name, &record.pending);
        api.conversations.clone().append_turns(sent).await.unwrap();
        record.acknowledge(&[1, 2, 3, 4]);
        record.pending = (4..6).map(written).collect();

        let faulty = Double { fault, ..double.clone() };
        let api = Api::connect(&faulty.serve().await, None).await.unwrap();
        let mut violations = Vec::new();
        let mut checker = Checker::new(&api, &mut violations);
        checker.compare(&record).await.unwrap();
        assert_eq!(checker.retry(&mut record).await.unwrap(), 6);
        checker.compare(&record).await.unwrap();
        assert_eq!((record.acknowledged(), record.in_flight()), (6, 0));
        assert_eq!(violations.len(), expected.len(), "{violations:?}");
        for (violation, expected) in violations.iter().zip(expected) {
            assert!(violation.contains(expected), "{violation} for {expected}");
        }
    }

    #[tokio::test]
    async fn a_sound_server_passes() {
        check(Fault::None, &[]).await;
    }

    #[tokio::test]
    async fn a_lost_turn_is_found() {
        check(Fault::LosesLast, &["turn 4 is lost", "turn 6 is lost"]).await;
    }

    #[tokio::test]
    async fn a_turn_taken_twice_is_found() {
        let twice = ["a retry answered", "stands twice", "stands twice", "stands twice"];
        let beyond = ["stands twice", "never acknowledged"];
        check(Fault::AppendsTwice, &[&twice[..], &beyond[..]].concat()).await;
    }
}
