//! The model's answer as it comes: whole, or piece by piece.

use std::collections::BTreeMap;

use throughline_memory::turn::Part;

use super::dialect::Dialect;

/// Tool calls of one answer at most.
const MAX_CALLS: usize = 128;
/// Texts of one answer that are kept apart: with the calls, fewer than the usual limit
/// of a turn's parts.
const MAX_TEXTS: usize = 100;

/// A tool call as it grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    /// What they are if none come in pieces.
    given: String,
}

/// An answer as it grows; of several choices the first.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    dialect: Dialect,
    /// Texts by their block: a client sends them again as they came.
    texts: BTreeMap<u64, String>,
    refusal: String,
    /// By their index, and their number among those that share it.
    calls: BTreeMap<(u64, usize), Call>,
    finish: Option<String>,
    model: Option<String>,
    /// Bytes that it may still grow by.
    room: usize,
    /// It is not held whole: it grew beyond what a turn may hold, or some of it could
    /// not be read.
    over: bool,
    /// The upstream told an error instead of an end.
    failed: bool,
}

impl Answer {
    /// Nothing yet; `most` are the bytes that a turn may hold.
    pub(super) fn new(dialect: Dialect, most: usize) -> Self {
        Self {
            dialect,
            texts: BTreeMap::new(),
            refusal: String::new(),
            calls: BTreeMap::new(),
            finish: None,
            model: None,
            room: most,
            over: false,
            failed: false,
        }
    }

    /// Words of the block with this index.
    pub(super) fn add_text(&mut self, block: u64, text: &str) {
        if !text.is_empty() && self.takes(text.len()) {
            self.texts.entry(block).or_default().push_str(text);
        }
    }

    /// Words of a refusal.
    pub(super) fn add_refusal(&mut self, text: &str) {
        if self.takes(text.len()) {
            self.refusal.push_str(text);
        }
    }

    /// A piece of the tool call with this index; of several the one with this id, or the
    /// newest. Not every upstream counts its calls: another id with a name begins
    /// another one.
    pub(super) fn add_call(&mut self, index: u64, id: &str, name: &str, arguments: &str) {
        let key = self.call_of(index, id, name);
        let is_known = self.calls.contains_key(&key);
        if (!is_known && self.calls.len() == MAX_CALLS)
            || !self.takes(id.len() + name.len() + arguments.len())
        {
            return;
        }
        let call = self.calls.entry(key).or_default();
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        call.name.push_str(name);
        call.arguments.push_str(arguments);
    }

    /// The arguments of the tool call with this index, if they do not come in pieces.
    pub(super) fn give_arguments(&mut self, index: u64, arguments: &str) {
        let key = self.call_of(index, "", "");
        if self.calls.contains_key(&key) && self.takes(arguments.len()) {
            self.calls.entry(key).or_default().given.push_str(arguments);
        }
    }

    fn call_of(&self, index: u64, id: &str, name: &str) -> (u64, usize) {
        let same = || self.calls.range((index, 0)..=(index, usize::MAX));
        let Some((newest, call)) = same().next_back() else { return (index, 0) };
        if id.is_empty() || call.id.is_empty() {
            return *newest;
        }
        match same().find(|(_, call)| call.id == id) {
            Some((known, _)) => *known,
            // An id alone is none of another call: some upstreams draw one for each piece.
            None if name.is_empty() => *newest,
            None => (index, newest.1 + 1),
        }
    }

    /// How it ended.
    pub(super) fn finish(&mut self, reason: &str) {
        self.finish = Some(reason.chars().take(64).collect());
    }

    /// The upstream told an error.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// Some of it passes unread: what follows has no place any more.
    pub(super) fn lose(&mut self) {
        self.over = true;
    }

    /// Whether the upstream told an error.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Which model answers.
    pub(super) fn set_model(&mut self, model: &str) {
        if self.model.is_none() {
            self.model = Some(model.chars().take(256).collect());
        }
    }

    /// Which model answered.
    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The upstream's word for how it ended.
    pub(super) fn finish_reason(&self) -> Option<&str> {
        self.finish.as_deref()
    }

    /// It came to an end.
    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some() && !self.over
    }

    /// It is not whole: it broke off, or the model was not let to its end.
    pub(super) fn is_cut_off(&self) -> bool {
        let whole = self.finish.as_deref().is_some_and(|finish| self.dialect.is_whole(finish));
        !whole || self.over
    }

    /// Its parts as they are stored, behind the beginning that the caller gave; empty
    /// if nothing came.
    pub(super) fn parts(&self, prefill: &str) -> Vec<Part> {
        let mut texts: Vec<String> = self.texts.values().cloned().collect();
        // What the caller gave is no answer by itself.
        if let Some(first) = texts.first_mut() {
            first.insert_str(0, prefill);
        }
        if texts.len() > MAX_TEXTS {
            // As one they have the same print.
            let rest = texts.split_off(MAX_TEXTS - 1);
            texts.push(rest.join("\n"));
        }
        let mut parts: Vec<Part> = texts.into_iter().map(Part::Text).collect();
        if !self.refusal.is_empty() {
            parts.push(Part::Text(self.refusal.clone()));
        }
        for ((index, _), call) in &self.calls {
            // A call that broke off before it had a name cannot be stored or made.
            if call.name.is_empty() {
                continue;
            }
            let call_id =
                if call.id.is_empty() { format!("call_{index}") } else { call.id.clone() };
            let Call { name, arguments, given, .. } = call;
            let arguments = if arguments.is_empty() { given } else { arguments };
            let (name, arguments_json) = (name.clone(), arguments.clone());
            parts.push(Part::ToolCall { call_id, name, arguments_json });
        }
        parts
    }

    fn takes(&mut self, bytes: usize) -> bool {
        if self.over {
            return false;
        }
        match self.room.checked_sub(bytes) {
            Some(left) => self.room = left,
            None => self.over = true,
        }
        !self.over
    }
}

#[cfg(test)]
mod tests {
    use throughline_memory::turn::Role;

    use super::*;
    use crate::proxy::said::print_of_parts;

    #[test]
    fn what_is_larger_than_a_turn_is_kept_as_far_as_it_fits() {
        let mut answer = Answer::new(Dialect::OpenAi, 8);
        answer.add_text(0, "12345");
        answer.add_text(0, "6789");
        answer.add_text(0, "0");
        answer.finish("stop");
        assert!(answer.is_cut_off() && !answer.is_finished());
        assert_eq!(answer.parts(""), [Part::Text("12345".to_owned())]);
    }

    #[test]
    fn the_given_beginning_belongs_to_the_answer() {
        let mut answer = Answer::new(Dialect::Anthropic, 99);
        assert!(answer.parts("The").is_empty());
        answer.add_text(0, " end");
        assert_eq!(answer.parts("The"), [Part::Text("The end".to_owned())]);
    }

    #[test]
    fn many_blocks_become_few_parts_of_the_same_print() {
        let mut answer = Answer::new(Dialect::Anthropic, 9_999);
        for block in 0..300 {
            answer.add_text(block, "x");
        }
        let parts = answer.parts("");
        assert_eq!(parts.len(), MAX_TEXTS);
        let apart = vec![Part::Text("x".to_owned()); 300];
        let print = |parts: &[Part]| print_of_parts(Role::Assistant, parts);
        assert_eq!(print(&parts), print(&apart));
    }

    #[test]
    fn what_was_not_read_makes_it_cut_off() {
        let mut answer = Answer::new(Dialect::OpenAi, 99);
        answer.add_text(0, "a");
        answer.lose();
        answer.add_text(0, "b");
        answer.finish("stop");
        assert!(answer.is_cut_off() && !answer.is_finished());
        assert_eq!(answer.parts(""), [Part::Text("a".to_owned())]);
    }

    #[test]
    fn calls_without_an_id_get_one() {
        let mut answer = Answer::new(Dialect::OpenAi, 99);
        answer.add_call(0, "", "f", "{}");
        answer.add_call(1, "x", "", "");
        let [Part::ToolCall { call_id, .. }] = &answer.parts("")[..] else { panic!() };
        assert_eq!(call_id, "call_0");
    }
}
