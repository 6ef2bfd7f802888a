//! What the engine should answer, in the plainest form: a turn is one cell that
//! all branches share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use throughline_memory::turn::{FactId, NewTurn, Part, Sequence};

/// A turn; without a text it is forgotten.
pub(crate) struct TurnCell {
    pub(crate) client_turn_id: String,
    pub(crate) text: Option<String>,
    /// The conversation that stores it: a number, as names come again.
    owner: u64,
}

#[derive(Clone)]
pub(crate) struct Fact {
    pub(crate) id: FactId,
    pub(crate) text: String,
    source: Option<Sequence>,
    /// Newest turn when it was pinned.
    known: usize,
}

#[derive(Default)]
pub(crate) struct Conversation {
    number: u64,
    pub(crate) user: String,
    pub(crate) revision: u64,
    pub(crate) turns: Vec<Arc<Mutex<TurnCell>>>,
    pub(crate) facts: Vec<Fact>,
}

impl Conversation {
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |turn: &Arc<Mutex<TurnCell>>| {
            turn.lock().expect("sound").text.clone().unwrap_or_else(|| "-".to_owned())
        };
        self.turns.iter().map(text).collect()
    }

    fn owned_by(&self, owner: u64) -> u64 {
        self.turns.iter().filter(|turn| turn.lock().expect("sound").owner == owner).count() as u64
    }
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) conversations: BTreeMap<String, Conversation>,
    /// Deleted, by name, while forks share their turns.
    kept: BTreeMap<String, u64>,
    numbers: u64,
}

impl Model {
    fn free(&mut self, name: &str) -> bool {
        let living = &self.conversations;
        self.kept.retain(|_, number| living.values().any(|one| one.owned_by(*number) > 0));
        !self.conversations.contains_key(name) && !self.kept.contains_key(name)
    }

    fn insert(&mut self, name: &str, one: Conversation) {
        self.numbers += 1;
        let one = Conversation { number: self.numbers, revision: 1, ..one };
        self.conversations.insert(name.to_owned(), one);
    }

    fn of(&mut self, name: &str) -> &mut Conversation {
        self.conversations.get_mut(name).expect("there")
    }

    pub(crate) fn touch(&mut self, name: &str) -> u64 {
        self.of(name).revision += 1;
        self.of(name).revision
    }

    pub(crate) fn create(&mut self, name: &str, user: &str) -> bool {
        let free = self.free(name);
        if free {
            self.insert(name, Conversation { user: user.to_owned(), ..Default::default() });
        }
        free
    }

    pub(crate) fn fork(&mut self, of: &str, at: usize, name: &str) -> bool {
        let free = self.free(name);
        if free {
            let parent = self.of(of);
            let (user, turns) = (parent.user.clone(), parent.turns[..at].to_vec());
            let facts = parent.facts.iter().filter(|fact| fact.known <= at).cloned().collect();
            self.insert(name, Conversation { user, turns, facts, ..Default::default() });
        }
        free
    }

    /// Sequences with the marks of repeats, and the revision; `None` if refused.
    pub(crate) fn append(
        &mut self,
        name: &str,
        turns: &[NewTurn],
    ) -> Option<(Vec<(Sequence, bool)>, u64)> {
        let one = self.of(name);
        let mut new: Vec<Arc<Mutex<TurnCell>>> = Vec::new();
        let mut answers = Vec::new();
        for turn in turns {
            let client_turn_id = turn.client_turn_id.clone().expect("named");
            let [Part::Text(text)] = &turn.parts[..] else { panic!("one text") };
            let known = one.turns.iter().chain(&new);
            let known = (1..).zip(known).find_map(|(sequence, cell)| {
                let cell = cell.lock().expect("sound");
                (cell.client_turn_id == client_turn_id)
                    .then(|| (sequence, cell.text.as_ref() == Some(text)))
            });
            match known {
                Some((sequence, true)) => answers.push((sequence, true)),
                Some((_, false)) => return None,
                None => {
                    let text = Some(text.clone());
                    let cell = TurnCell { client_turn_id, text, owner: one.number };
                    new.push(Arc::new(Mutex::new(cell)));
                    answers.push(((one.turns.len() + new.len()) as u64, false));
                }
            }
        }
        one.revision += u64::from(!new.is_empty());
        one.turns.extend(new);
        Some((answers, one.revision))
    }

    /// Turns and pins removed, and the revision.
    pub(crate) fn forget(&mut self, name: &str, sequences: &[Sequence]) -> (u64, u64, u64) {
        let mut erased: BTreeMap<u64, BTreeSet<Sequence>> = BTreeMap::new();
        for sequence in sequences {
            let turn = self.of(name).turns[*sequence as usize - 1].clone();
            let mut turn = turn.lock().expect("sound");
            if turn.text.take().is_some() {
                erased.entry(turn.owner).or_default().insert(*sequence);
            }
        }
        let turns = erased.values().map(|sequences| sequences.len() as u64).sum();
        let mut facts = 0;
        for (owner, sequences) in erased {
            for one in self.conversations.values_mut() {
                let shows = |sequence: &Sequence| {
                    one.turns
                        .get(*sequence as usize - 1)
                        .is_some_and(|turn| turn.lock().expect("sound").owner == owner)
                };
                let shown: BTreeSet<_> = sequences.iter().copied().filter(shows).collect();
                if shown.is_empty() {
                    continue;
                }
                one.revision += 1;
                let before = one.facts.len();
                one.facts.retain(|fact| fact.source.is_none_or(|source| !shown.contains(&source)));
                facts += (before - one.facts.len()) as u64;
            }
        }
        (turns, facts, self.of(name).revision)
    }

    /// Turns removed and shared.
    pub(crate) fn delete(&mut self, name: &str) -> (u64, u64) {
        let one = self.conversations.remove(name).expect("there");
        let own = one.owned_by(one.number);
        let forks = self.conversations.values().map(|fork| fork.owned_by(one.number));
        let shared = forks.max().unwrap_or(0);
        self.kept.insert(name.to_owned(), one.number);
        (own - shared, shared)
    }

    pub(crate) fn pin(
        &mut self,
        name: &str,
        text: &str,
        source: Option<Sequence>,
        id: Option<FactId>,
    ) -> bool {
        let one = self.of(name);
        let fits = source.is_none_or(|source| {
            let turn = source.checked_sub(1).and_then(|at| one.turns.get(at as usize));
            turn.is_some_and(|turn| turn.lock().expect("sound").text.is_some())
        });
        if let Some(id) = id {
            one.revision += 1;
            one.facts.push(Fact { id, text: text.to_owned(), source, known: one.turns.len() });
        }
        fits
    }
}
