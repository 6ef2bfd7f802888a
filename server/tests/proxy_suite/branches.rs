//! Clients that leave a branch with every turn, and bodies that say the same again and
//! again: nothing is refused or stored twice.

use std::time::Duration;

use throughline::proxy::Dialect;
use throughline_memory::engine::Limits;

use crate::{
    bad_input::{BOTH, says},
    client::{Setup, WithJson as _, body, conversation_of},
    upstream::Script,
};

/// Forks of forks that the engine allows here.
const DEPTH: u64 = 3;

/// A client of one conversation.
struct Talk<'a> {
    setup: &'a Setup,
    dialect: Dialect,
    id: String,
    said: Vec<String>,
}

impl Talk<'_> {
    /// Asks with all that was said; gives the conversation of the answer.
    async fn ask(&self, answer: &str) -> String {
        let json = body(self.dialect, &self.said, false);
        let request = self.setup.post(self.dialect, &says(answer)).json(&json);
        let request = request.header("x-throughline-conversation", &self.id);
        let response = request.send().await.unwrap();
        let (status, stood) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        assert_eq!(status, 200, "{} messages: {text}", self.said.len());
        stood["x-throughline-conversation"].to_str().unwrap().to_owned()
    }

    fn say(&mut self, words: String) {
        self.said.push(words);
    }
}

async fn shallow() -> Setup {
    let limits = Limits { fork_depth: DEPTH, ..Limits::default() };
    Setup::with_limits(|_| (), 64, limits).await
}

#[tokio::test]
async fn a_client_that_rewrites_every_answer_is_not_refused_one_day() {
    let setup = shallow().await;
    for dialect in BOTH {
        let before = setup.conversations().await;
        let id = format!("rewritten-{dialect:?}").to_lowercase();
        let mut talk = Talk { setup: &setup, dialect, id, said: Vec::new() };
        talk.say("u:hi".to_owned());
        let mut stands = talk.ask("hello").await;
        talk.say("a:hello".to_owned());
        let name = format!("conversations/{stands}");
        setup.client().pin(&name, "The user is allergic to nuts.").await;
        for turn in 1..=14 {
            talk.say(format!("u:question {turn}"));
            stands = talk.ask(&format!("Answer {turn}")).await;
            talk.say(format!("a:ANSWER {turn}"));
            // One branch for each answer that was rewritten, never two.
            assert_eq!(setup.conversations().await - before, turn, "{dialect:?}");
        }
        talk.said.pop();
        let mut expected = talk.said.clone();
        expected.push("a:Answer 14".to_owned());
        assert_eq!(setup.stored(&stands).await, expected, "{dialect:?}");
        // The answer as it came is no edit: the same branch goes on.
        talk.said.clone_from(&expected);
        talk.say("u:and now?".to_owned());
        assert_eq!(talk.ask("nothing").await, stands, "{dialect:?}");
        expected.extend(["u:and now?".to_owned(), "a:nothing".to_owned()]);
        assert_eq!(setup.stored(&stands).await, expected, "{dialect:?}");
        assert_eq!(setup.conversations().await - before, 14, "{dialect:?}");
        let asked = setup.upstream.last().await.json().to_string();
        assert!(asked.contains("allergic to nuts"), "{asked}");
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn a_client_that_regenerates_every_answer_is_not_refused_one_day() {
    let setup = shallow().await;
    for dialect in BOTH {
        let before = setup.conversations().await;
        let id = format!("regenerated-{dialect:?}").to_lowercase();
        let mut talk = Talk { setup: &setup, dialect, id, said: Vec::new() };
        let mut stands = String::new();
        for turn in 1..=10 {
            talk.say(format!("u:question {turn}"));
            talk.ask("so").await;
            stands = talk.ask(&format!("answer {turn}")).await;
            talk.say(format!("a:answer {turn}"));
            assert_eq!(setup.conversations().await - before, turn + 1, "{dialect:?}");
        }
        assert_eq!(setup.stored(&stands).await, talk.said, "{dialect:?}");
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn where_nothing_is_forked_any_more_a_second_answer_is_stored_all_the_same() {
    let setup = shallow().await;
    for (gate, dialect) in [(6, Dialect::OpenAi), (13, Dialect::Anthropic)] {
        let before = setup.conversations().await;
        let id = format!("deepest-{dialect:?}").to_lowercase();
        let mut talk = Talk { setup: &setup, dialect, id, said: Vec::new() };
        talk.say("u:hi".to_owned());
        let stands = talk.ask("hello").await;
        talk.say("a:hello".to_owned());
        let name = format!("conversations/{stands}");
        setup.client().pin(&name, "The user is allergic to nuts.").await;
        // Each answer but the first is rewritten: a fork of a fork.
        for turn in 1..=DEPTH {
            talk.say(format!("u:question {turn}"));
            talk.ask(&format!("Answer {turn}")).await;
            talk.say(format!("a:ANSWER {turn}"));
        }
        talk.say("u:what can I eat?".to_owned());
        let json = body(dialect, &talk.said, false);
        let ask = |answer: &str, gate: u64| {
            let script = Script { gate, ..says(answer) };
            let request = setup.post(dialect, &script).json(&json);
            request.header("x-throughline-conversation", &talk.id).send()
        };
        // The gates are counted by requests: these two are the fifth and the sixth of it.
        assert_eq!(setup.upstream.seen(), gate - 2);
        let mut one = Box::pin(ask("apples", gate - 1));
        tokio::select! {
            _ = &mut one => panic!("answered"),
            () = setup.upstream.wait_seen(gate - 1) => {}
        }
        let mut other = Box::pin(ask("pears", gate));
        tokio::select! {
            _ = &mut other => panic!("answered"),
            () = setup.upstream.wait_seen(gate) => {}
        }
        setup.upstream.let_go(gate - 1);
        let deepest = conversation_of(&one.await.unwrap());
        setup.upstream.let_go(gate);
        let copied = conversation_of(&other.await.unwrap());
        assert_ne!(copied, deepest, "{dialect:?}");
        for (branch, answer) in [(&deepest, "a:apples"), (&copied, "a:pears")] {
            let expected = [&talk.said[..], &[answer.to_owned()]].concat();
            assert_eq!(setup.stored(branch).await, expected, "{dialect:?}");
        }
        // Its history finds it, and the pins are there.
        talk.say("a:pears".to_owned());
        talk.say("u:why?".to_owned());
        assert_eq!(talk.ask("so").await, copied, "{dialect:?}");
        let asked = setup.upstream.last().await.json().to_string();
        assert!(asked.contains("allergic to nuts"), "{asked}");
        // The first, a branch for each rewritten answer, and the copy.
        assert_eq!(setup.conversations().await - before, 5, "{dialect:?}");
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn a_body_of_equal_messages_is_answered_and_stored_once() {
    const MESSAGES: usize = 50_000;
    let setup = Setup::start().await;
    let equal = ["u:x".to_owned(), "a:x".to_owned()];
    let said: Vec<String> = equal.iter().cycle().take(MESSAGES + 1).cloned().collect();
    let ask = async |said: &[String], retry: &str| {
        let json = body(Dialect::OpenAi, said, false);
        let request = setup.post(Dialect::OpenAi, &says("y")).json(&json);
        let request = request.header("x-throughline-conversation", "equal");
        let sent = request.header("x-stainless-retry-count", retry).send();
        let response = tokio::time::timeout(Duration::from_secs(300), sent).await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        conversation_of(&response)
    };
    assert_eq!(ask(&said, "0").await, "equal");
    let expected = [&said[..], &["a:y".to_owned()]].concat();
    assert!(setup.stored("equal").await == expected);
    // Sent again it is known, whole and without its newest part.
    assert_eq!(ask(&said, "1").await, "equal");
    let more = [&expected[..], &["u:z".to_owned()]].concat();
    assert_eq!(ask(&more, "0").await, "equal");
    let stored = setup.stored("equal").await;
    assert!(stored == [&more[..], &["a:y".to_owned()]].concat(), "{} turns", stored.len());
    assert_eq!(setup.conversations().await, 1);
    let edited = [&said[..MESSAGES / 2], &["u:edited".to_owned()]].concat();
    let branch = ask(&edited, "0").await;
    assert_eq!(setup.stored(&branch).await.len(), MESSAGES / 2 + 2);
    assert_eq!(setup.conversations().await, 2);
    setup.server.stop().await;
}
