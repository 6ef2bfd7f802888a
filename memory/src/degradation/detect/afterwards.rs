//! What became of an earlier request that a turn is like: whether the answer to it had
//! what was asked, whether the turn takes up what was answered, and what is new in it.
//!
//! Who asks the same again in other words says little that is new and passes over the
//! answer; who goes on takes words of the answer up, or brings new ones.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    SaidTurn,
    likeness::{Request, share},
    meaning::Meant,
    model::Features,
};
use crate::{
    staleness::text::Cue,
    turn::{Role, Sequence},
};

/// Words of an answer that is only a word or two.
const SHORT_ANSWER: usize = 12;

/// A turn, the earlier requests that it may repeat (newest first), and the one that is
/// most like it.
pub(super) struct Again<'a> {
    pub(super) this: &'a Request<'a>,
    pub(super) others: &'a [(&'a SaidTurn, Request<'a>)],
    pub(super) same: usize,
    /// How near the vectors are of the turn and each of `others`, where they are known.
    pub(super) cosines: &'a [Option<f32>],
    pub(super) earlier: &'a [SaidTurn],
}

impl Again<'_> {
    pub(super) fn features(&self, features: &mut Features) {
        let Some((turn, other)) = self.others.get(self.same) else { return };
        self.in_meaning(other, features);
        self.by_rarity(other, features);
        self.of_answer_to(turn.sequence, other, features);
        let (taken, new) = self.taken_up();
        features.value("takes up answer", taken);
        features.value("new words", new);
        features.mark("takes up nothing", taken == 0.0);
        let overlap = self.this.overlap(other);
        let said = self.this.said();
        let asks = !self.this.asked().is_empty() || said.text.contains('?');
        features.mark("asks nothing", !asks);
        features.value("overlap, asks nothing", if asks { 0.0 } else { overlap });
        let courtesy = said.has(Cue::Courtesy);
        features.value("overlap, courtesy", if courtesy { overlap } else { 0.0 });
        features.mark("one request before", self.others.len() == 1);
        self.by_vectors(taken, new, overlap, features);
    }

    /// The same in kindred words.
    fn in_meaning(&self, other: &Request<'_>, features: &mut Features) {
        let (this, that) = (self.this, other);
        let all = Meant::of(this.said(), this.stems());
        let theirs = Meant::of(that.said(), that.stems());
        let covered = all.said_by(&theirs);
        features.value("meant before", covered);
        features.value("means all before", theirs.said_by(&all));
        features.value("kindred", (covered - share(this.stems(), that.stems())).max(0.0));
        let asked = Meant::of(this.said(), this.asked());
        let theirs = Meant::of(that.said(), that.asked());
        let (one, two) = (asked.said_by(&theirs), theirs.said_by(&asked));
        features.value("asks what was meant", one.min(two));
        features.mark("asks nothing else", this.asked().len() >= 2 && one > 0.8 && two > 0.6);
    }

    /// The same, where words that the user uses all the time count little.
    fn by_rarity(&self, other: &Request<'_>, features: &mut Features) {
        let mut turns: HashMap<u32, f32> = HashMap::new();
        let each = self.others.iter().map(|(_, request)| request).chain([self.this]);
        for stem in each.flat_map(|request| request.stems()) {
            *turns.entry(*stem).or_default() += 1.0;
        }
        let all = self.others.len() as f32 + 1.0;
        let weight = |stem: &u32| (1.0 + all / turns.get(stem).copied().unwrap_or(1.0)).ln();
        // In order, so that the sum is the same each time.
        let sum = |stems: BTreeSet<&u32>| stems.into_iter().map(weight).sum::<f32>();
        let (one, two) = (self.this.stems(), other.stems());
        let shared = sum(one.intersection(two).collect());
        let (union, own) = (sum(one.union(two).collect()), sum(one.iter().collect()));
        features.value("rare overlap", if union > 0.0 { shared / union } else { 0.0 });
        features.value("rare covered", if own > 0.0 { shared / own } else { 0.0 });
    }

    /// What was answered to the request.
    fn of_answer_to(&self, asked_at: Sequence, other: &Request<'_>, features: &mut Features) {
        let answers = |turn: &&SaidTurn| turn.role == Role::Assistant && turn.sequence > asked_at;
        let Some(answer) = self.earlier.iter().find(answers) else { return };
        let (told, asked) = (answer.said(), other.asked());
        let that = Request::of(told);
        let came = Meant::of(other.said(), asked).said_by(&Meant::of(told, that.stems()));
        features.value("was answered", came);
        let wanted = Meant::of(self.this.said(), self.this.asked());
        let had = wanted.said_by(&Meant::of(told, that.stems()));
        features.value("answer to it has it", had);
        features.mark("answer to it lacks it", had < 0.3 && !self.this.asked().is_empty());
        features.mark("answer to it short", told.words.len() <= SHORT_ANSWER);
        features.mark("answer to it fails", told.has(Cue::Fails));
        features.mark("answer to it asks", answer.text().trim_end().ends_with('?'));
    }

    /// Of the turn's words the part that comes from the last answer alone, and the part
    /// that nobody said before.
    fn taken_up(&self) -> (f32, f32) {
        let users: HashSet<u32> =
            self.others.iter().flat_map(|(_, request)| request.stems()).copied().collect();
        let last = self.earlier.iter().rev().find(|turn| turn.role == Role::Assistant);
        let answer = last.map(|turn| Request::of(turn.said()));
        let told = |stem: &u32| answer.as_ref().is_some_and(|that| that.stems().contains(stem));
        let strange: Vec<&u32> =
            self.this.stems().iter().filter(|stem| !users.contains(stem)).collect();
        let taken = strange.iter().filter(|stem| told(stem)).count();
        let all = self.this.stems().len().max(1) as f32;
        (taken as f32 / all, (strange.len() - taken) as f32 / all)
    }

    /// How far the request stands out among all by its vector.
    fn by_vectors(&self, taken: f32, new: f32, overlap: f32, features: &mut Features) {
        let Some(cosine) = self.cosines.get(self.same).copied().flatten() else { return };
        let known = self.cosines.iter().flatten().copied();
        let rest: Vec<f32> = self
            .cosines
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != self.same)
            .filter_map(|(_, cosine)| *cosine)
            .collect();
        features.mark("nearest of all", known.fold(f32::MIN, f32::max) <= cosine);
        if !rest.is_empty() {
            let mean = rest.iter().sum::<f32>() / rest.len() as f32;
            features.value("stands out", (cosine - mean).max(0.0));
            let next = rest.iter().copied().fold(0.0, f32::max);
            features.value("stands out of next", (cosine - next).max(0.0));
        }
        let near = (cosine - 0.5).max(0.0) / 0.5;
        features.value("very near", (cosine - 0.8).max(0.0) / 0.2);
        features.value("near, takes up answer", near * taken);
        features.value("near, new words", near * new);
        features.value("near, few shared words", near * (1.0 - overlap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(said: &[(Role, &str)], cosines: &[Option<f32>]) -> Features {
        let turns: Vec<SaidTurn> = said
            .iter()
            .zip(1..)
            .map(|((role, text), sequence)| SaidTurn::of(sequence, *role, *text))
            .collect();
        let (last, earlier) = turns.split_last().unwrap();
        let this = Request::of(last.said());
        let users = earlier.iter().rev().filter(|turn| turn.role == Role::User);
        let others: Vec<_> = users.map(|turn| (turn, Request::of(turn.said()))).collect();
        let mut features = Features::default();
        let again = Again { this: &this, others: &others, same: 0, cosines, earlier };
        again.features(&mut features);
        features
    }

    fn of(features: &Features, name: &str) -> f32 {
        features.named().iter().find(|(known, _)| *known == name).map_or(0.0, |(_, value)| *value)
    }

    const ASKED: (Role, &str) = (Role::User, "How do I get wine stains out of a carpet?");

    #[test]
    fn who_goes_on_takes_the_answer_up_and_who_repeats_does_not() {
        let answer = (Role::Assistant, "Blot it, then put salt and soda water on.");
        let on = seen(&[ASKED, answer, (Role::User, "How long does the salt stay on?")], &[]);
        let again = seen(&[ASKED, answer, (Role::User, "How do I clean wine from a rug?")], &[]);
        assert!(of(&on, "takes up answer") > of(&again, "takes up answer"));
        assert!(again.has("takes up nothing") && !on.has("takes up nothing"));
    }

    #[test]
    fn an_answer_has_what_was_asked_or_lacks_it() {
        let turn = (Role::User, "How do I get the stains out?");
        let lacks = seen(&[ASKED, (Role::Assistant, "Grapes grow in France."), turn], &[]);
        let has = seen(&[ASKED, (Role::Assistant, "Stains come out with salt."), turn], &[]);
        assert!(of(&has, "answer to it has it") > of(&lacks, "answer to it has it"));
        assert!(lacks.has("answer to it lacks it"));
    }

    #[test]
    fn a_statement_said_twice_asks_nothing() {
        let answer = (Role::Assistant, "Nice car!");
        let bought = "I bought the red Volvo.";
        let twice = seen(&[(Role::User, bought), answer, (Role::User, bought)], &[]);
        assert!(twice.has("asks nothing") && of(&twice, "overlap, asks nothing") > 0.9);
    }

    #[test]
    fn a_request_stands_out_among_all_by_its_vector() {
        let said = [
            (Role::User, "Hello"),
            (Role::Assistant, "Hi!"),
            ASKED,
            (Role::Assistant, "Salt."),
            (Role::User, "How do I clean a rug?"),
        ];
        let near = seen(&said, &[Some(0.9), Some(0.1)]);
        assert!(near.has("nearest of all") && (of(&near, "stands out") - 0.8).abs() < 1e-3);
        let far = seen(&said, &[Some(0.1), Some(0.9)]);
        assert!(!far.has("nearest of all") && !far.has("stands out"));
        assert!(!seen(&said, &[None, None]).has("nearest of all"), "without vectors");
    }
}
