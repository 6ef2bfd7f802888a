//! Looks at windows from the outside: what they cost by an own count, which
//! turns they name, and how much of them the last window had already. Also
//! fills windows by a ranking, as the plain strategies to compare with do.

use std::collections::BTreeSet;

use throughline_proto::v1::{ContextMessage, ContextWindow, Section, part::Content};
use tiktoken_rs::{CoreBPE, Rank, cl100k_base_singleton};

use crate::dataset::{Conversation, Message};

use super::ingest::Ingested;

/// Name of the tokenizer that counts here.
pub(crate) const TOKENIZER: &str = "cl100k_base";
/// Tokens that ChatML adds to each message.
pub(crate) const PER_MESSAGE: usize = 4;
/// Tokens that ChatML adds to each prompt.
pub(crate) const PER_PROMPT: usize = 3;

fn bpe() -> &'static CoreBPE {
    cl100k_base_singleton()
}

/// Tokens of a text.
pub(crate) fn count(text: &str) -> usize {
    bpe().encode_ordinary(text).len()
}

/// Tokens of a window by this program's own count: content, names and parts
/// with cl100k_base, and ChatML's overhead.
pub(crate) fn recount(window: &ContextWindow) -> usize {
    window.messages.iter().map(message_tokens).sum::<usize>() + PER_PROMPT
}

/// Tokens of a message with the template's share.
pub(crate) fn message_tokens(message: &ContextMessage) -> usize {
    let parts = message.parts.iter().map(|part| match &part.content {
        Some(Content::Text(text)) => count(text),
        Some(Content::ToolCall(call)) => count(&call.name) + count(&call.arguments_json),
        Some(Content::ToolResult(result)) => count(&result.content),
        Some(Content::Opaque(opaque)) => opaque.token_cost as usize,
        None => 0,
    });
    let name = if message.speaker.is_empty() { 0 } else { count(&message.speaker) };
    count(&message.content) + name + parts.sum::<usize>() + PER_MESSAGE
}

/// Which turns a window names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Positions of turns that stand in it.
    pub(crate) positions: BTreeSet<usize>,
    /// Those of them whose words do not all stand in their message.
    pub(crate) cut: BTreeSet<usize>,
}

/// Reads the items of a window against the history.
pub(crate) fn named(
    window: &ContextWindow,
    ingested: &Ingested,
    conversation: &Conversation,
) -> Named {
    let history: Vec<&Message> = conversation.turns().map(|turn| turn.message).collect();
    let mut named = Named::default();
    for item in &window.items {
        let section = Section::try_from(item.section);
        let Some(position) = ingested.position(&item.turn) else { continue };
        let text = history.get(position).map(|message| message.text.as_str()).unwrap_or_default();
        let message = window.messages.get(item.message_index as usize);
        let whole = message.is_some_and(|message| holds_words(&message.content, text));
        // A pin holds a part of its turn, or all of it.
        let holds_turns =
            matches!(section, Ok(Section::Recent | Section::Retrieved | Section::Query));
        if holds_turns || section == Ok(Section::Pinned) && whole {
            named.positions.insert(position);
        }
        if holds_turns && !whole {
            named.cut.insert(position);
        }
    }
    named
}

/// Whether all words of `text` stand in `content` in a row, whatever quoting
/// or indenting stands between them.
pub(crate) fn holds_words(content: &str, text: &str) -> bool {
    let words = |text: &str| {
        let kept = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        // A space on both ends, so that no word matches the end of another.
        format!(" {} ", kept.collect::<Vec<_>>().join(" "))
    };
    let wanted = words(text);
    wanted.trim().is_empty() || words(content).contains(&wanted)
}

/// Leading tokens of a window that stand in the window before as well:
/// messages that are equal, and the beginning of the first that is not.
pub(crate) fn common_prefix(before: &ContextWindow, now: &ContextWindow) -> usize {
    let mut tokens = 0;
    for (old, new) in before.messages.iter().zip(&now.messages) {
        if old == new {
            tokens += message_tokens(new);
            continue;
        }
        if old.role == new.role && old.speaker == new.speaker {
            let (old, new) = (encode(&old.content), encode(&new.content));
            tokens += old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        }
        break;
    }
    tokens
}

fn encode(text: &str) -> Vec<Rank> {
    bpe().encode_ordinary(text)
}

/// What each turn of a history costs as a message of its own.
pub(crate) struct Costs(Vec<usize>);

/// A window filled by a ranking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// Positions of the turns in it.
    pub(crate) positions: BTreeSet<usize>,
    /// What it costs, the question included.
    pub(crate) tokens: usize,
}

impl Costs {
    /// Counts every turn, name included.
    pub(crate) fn of(conversation: &Conversation) -> Self {
        let cost = |message: &Message| count(message.document().trim()) + PER_MESSAGE;
        Self(conversation.turns().map(|turn| cost(turn.message)).collect())
    }

    /// Takes turns in the order of a ranking beside the question. With `stop`
    /// the first that does not fit ends it, as a window of the last turns does;
    /// else it is passed over.
    pub(crate) fn fill(
        &self,
        ranking: &[usize],
        question: &str,
        budget: usize,
        stop: bool,
    ) -> Filled {
        let mut tokens = count(question) + PER_MESSAGE + PER_PROMPT;
        let mut positions = BTreeSet::new();
        for &position in ranking {
            let cost = self.0.get(position).copied().unwrap_or(usize::MAX);
            if tokens.saturating_add(cost) <= budget {
                tokens += cost;
                positions.insert(position);
            } else if stop {
                break;
            }
        }
        Filled { positions, tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(contents: &[&str]) -> ContextWindow {
        let message = |content: &&str| ContextMessage {
            role: 2,
            content: (*content).to_owned(),
            ..ContextMessage::default()
        };
        ContextWindow {
            messages: contents.iter().map(message).collect(),
            ..ContextWindow::default()
        }
    }

    #[test]
    fn the_template_is_counted() {
        for (contents, expected) in [(vec![], 3), (vec!["hello"], 8), (vec!["hello", ""], 12)] {
            assert_eq!(recount(&window(&contents)), expected, "{contents:?}");
        }
        let mut named = window(&["hello"]);
        named.messages[0].speaker = "Ann".into();
        assert_eq!(recount(&named), 9);
    }

    #[test]
    fn a_common_beginning_is_measured() {
        for (before, now, expected) in [
            (vec!["one", "two"], vec!["one", "two", "three"], 10),
            (vec!["one", "red car"], vec!["one", "red bus"], 6),
            (vec!["one"], vec!["two"], 0),
            (vec![], vec!["one"], 0),
        ] {
            let got = common_prefix(&window(&before), &window(&now));
            assert_eq!(got, expected, "{before:?} {now:?}");
        }
    }

    #[test]
    fn cut_words_are_seen() {
        for (content, text, expected) in [
            ("[2023 · user] A line\n and another", "A line\nand another", true),
            ("[2023 · user] A line\n and an…", "A line\nand another", false),
            ("so what", "o what", false),
            ("anything", "?!", true),
        ] {
            assert_eq!(holds_words(content, text), expected, "{content:?}");
        }
    }

    #[test]
    fn filling_passes_over_or_stops() {
        let costs = Costs(vec![5, 100, 5, 5]);
        // The question "q" costs 1 + 4 + 3.
        for (stop, budget, expected, tokens) in [
            (false, 30, vec![0, 2, 3], 23),
            (true, 30, vec![0], 13),
            (false, 10, vec![], 8),
            (false, 13, vec![0], 13),
        ] {
            let got = costs.fill(&[0, 1, 2, 3], "q", budget, stop);
            let positions = BTreeSet::from_iter(expected);
            assert_eq!(got, Filled { positions, tokens }, "{stop} {budget}");
        }
    }
}
