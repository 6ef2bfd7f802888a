//! The table of cases, each in both APIs, streamed and whole.

use std::collections::BTreeMap;

use serde::Deserialize;
use throughline::{pb, proxy::Dialect};

use crate::{
    client::{Setup, WithJson as _, body, conversation_of},
    upstream::{Script, events, whole},
    words,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Only as a stream.
    #[serde(default)]
    streams: bool,
    /// Only in this API.
    #[serde(default)]
    api: Option<Api>,
    steps: Vec<Step>,
    stored: BTreeMap<String, Vec<String>>,
    conversations: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Api {
    OpenAi,
    Anthropic,
}

impl Api {
    fn is(self, dialect: Dialect) -> bool {
        matches!(
            (self, dialect),
            (Self::OpenAi, Dialect::OpenAi) | (Self::Anthropic, Dialect::Anthropic)
        )
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Step {
    Together { together: Vec<Send> },
    One(Send),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Send {
    send: Vec<String>,
    answer: String,
    fails: u16,
    cut: bool,
    leaves: bool,
    retry: bool,
    history: String,
    to: String,
    forget: u64,
    /// What goes up to the upstream, if the case says.
    up: Option<Vec<String>>,
}

/// A case as it is played.
struct Play<'a> {
    setup: &'a Setup,
    dialect: Dialect,
    streams: bool,
    trip: String,
    replies: Vec<String>,
}

#[tokio::test]
async fn every_case_stores_what_the_table_says() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let setup = Setup::start().await;
    let mut played = 0;
    for (number, case) in cases.iter().enumerate() {
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            for streams in [true, false] {
                if (case.streams && !streams) || case.api.is_some_and(|api| !api.is(dialect)) {
                    continue;
                }
                let trip = format!("trip-{number}-{played}");
                let replies = Vec::new();
                play(Play { setup: &setup, dialect, streams, trip, replies }, case).await;
                played += 1;
            }
        }
    }
    assert!(played > 100, "{played}");
    setup.server.stop().await;
}

async fn play(mut play: Play<'_>, case: &Case) {
    let at = format!("{} ({:?}, streams: {})", case.name, play.dialect, play.streams);
    let before = play.setup.conversations().await;
    for step in &case.steps {
        match step {
            Step::One(send) => {
                let reply = play.send(send, 0, &at).await;
                play.replies.push(reply);
            }
            Step::Together { together } => play.together(together, &at).await,
        }
    }
    for (name, expected) in &case.stored {
        let conversation = play.named(name);
        let stored = play.setup.stored(&conversation).await;
        assert_eq!(&stored, expected, "{at}: {name} ({conversation})");
    }
    if let Some(expected) = case.conversations {
        assert_eq!(play.setup.conversations().await - before, expected, "{at}");
    }
}

impl Play<'_> {
    /// The conversation of `trip` or `reply N`.
    fn named(&self, name: &str) -> String {
        match name.strip_prefix("reply ") {
            Some(number) => self.replies[number.parse::<usize>().unwrap() - 1].clone(),
            None => self.trip.clone(),
        }
    }

    /// All at once: each is at the upstream before the first is answered, then they are
    /// answered in their order.
    async fn together(&mut self, sends: &[Send], at: &str) {
        let seen = self.setup.upstream.seen();
        let first_gate = seen + 1;
        let mut gates = first_gate..;
        let mut open = Vec::new();
        let this = &*self;
        for (place, send) in (1..).zip(sends) {
            let gate = gates.next().unwrap();
            let mut work = Box::pin(this.send(send, gate, at));
            tokio::select! {
                reply = &mut work => panic!("{at}: answered too early: {reply}"),
                () = this.setup.upstream.wait_seen(seen + place) => {}
            }
            open.push((gate, work));
        }
        let mut replies = Vec::new();
        for (gate, work) in open {
            this.setup.upstream.let_go(gate);
            replies.push(work.await);
        }
        self.replies.extend(replies);
    }

    /// Sends one request, reads its answer, gives the conversation of the reply.
    async fn send(&self, send: &Send, gate: u64, at: &str) -> String {
        let script = Script {
            answer: send.answer.clone(),
            fails: send.fails,
            cut: send.cut,
            hangs: send.leaves,
            gate,
            ..Script::default()
        };
        let to = if send.to.is_empty() { self.trip.clone() } else { self.named(&send.to) };
        let mut request = self
            .setup
            .post(self.dialect, &script)
            .header("x-throughline-conversation", to)
            .json(&body(self.dialect, &send.send, self.streams));
        if send.retry {
            request = request.header("x-stainless-retry-count", "1");
        }
        if !send.history.is_empty() {
            request = request.header("x-throughline-history", &send.history);
        }
        let mut response = request.send().await.unwrap();
        let expected = if send.fails > 0 { send.fails } else { 200 };
        assert_eq!(response.status().as_u16(), expected, "{at}");
        let reply = conversation_of(&response);
        let sent = events(self.dialect, &send.answer, true).concat();
        if send.leaves {
            let most = events(self.dialect, &send.answer, false).concat().len();
            let mut got = 0;
            while got < most {
                got += response.chunk().await.unwrap().unwrap().len();
            }
            drop(response);
            self.wait_for_the_cut(&reply).await;
        } else if send.cut {
            let got = response.text().await.unwrap();
            let came = events(self.dialect, &send.answer, false).concat();
            assert!(got.starts_with(&came), "{at}: {got}");
            assert!(got[came.len()..].contains("upstream_broke_off") || got.contains("broke off"));
        } else if send.fails == 0 {
            let got = response.text().await.unwrap();
            let sent = if self.streams { sent } else { whole(self.dialect, &send.answer) };
            assert_eq!(got, sent, "{at}: not byte for byte");
        }
        if let Some(expected) = &send.up {
            let asked = self.setup.upstream.last().await.json();
            assert_eq!(&words::of_messages(&asked["messages"]), expected, "{at}: went up");
        }
        if send.forget > 0 {
            self.forget(&reply, send.forget).await;
        }
        reply
    }

    /// The client has gone; what came is stored by and by.
    async fn wait_for_the_cut(&self, conversation: &str) {
        for _ in 0..2_000 {
            let stored = self.setup.stored(conversation).await;
            if stored.last().is_some_and(|last| last.starts_with("a~:")) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("what came was not stored");
    }

    async fn forget(&self, conversation: &str, sequence: u64) {
        let request = pb::ForgetTurnsRequest {
            conversation: format!("conversations/{conversation}"),
            sequences: vec![sequence],
        };
        self.setup.client().conversations().forget_turns(request).await.unwrap();
    }
}
