//! One row of numbers for two turns and what stands between them.
//!
//! The same row for every kind of talk: texts, roles, places and vectors, and
//! nothing that a plain conversation lacks. The order of [`Feature::ALL`] is
//! the order in the weights; the weights name the features that they know.

use super::{
    align::{self, Match},
    lexicon::Class,
    reading::{Piece, Reading},
};
use crate::{
    staleness::{
        statement::{Said, Statement},
        text::{Cue, Kind},
    },
    turn::Role,
};

/// Turns between the two that are looked at, the latest ones.
pub const MAX_BETWEEN: usize = 12;

macro_rules! features {
    ($($name:ident = $text:expr,)*) => {
        /// A column of the row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is described by its text")]
        pub enum Feature { $($name,)* }
        impl Feature {
            /// All columns in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// Its name in the weights.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

features! {
    Cosine = "cosine",
    WordsOld = "words_old", WordsNew = "words_new", TermsLeast = "terms_least", TermsMost = "terms_most",
    PiecesOld = "pieces_old", PiecesNew = "pieces_new",
    SharedStems = "shared_stems", Jaccard = "jaccard", CoverOld = "cover_old", CoverNew = "cover_new",
    Bigrams = "bigrams", PrefixRun = "prefix_run",
    BestShared = "best_shared", BestOverlap = "best_overlap", BestCover = "best_cover",
    DeniedApart = "denied_apart", DeniedAlike = "denied_alike", UnrealApart = "unreal_apart",
    Opposites = "opposites", Synonyms = "synonyms", Sworn = "sworn", Weight = "weight",
    OathOld = "oath_old", OathNew = "oath_new", OathCover = "oath_cover", OathWords = "oath_words",
    CommonOverlap = "common_overlap", CommonCover = "common_cover", CommonDeniedApart = "common_denied_apart",
    PieceNegParity = "piece_neg_parity", PieceNegOld = "piece_neg_old", PieceNegNew = "piece_neg_new",
    PieceAsks = "piece_asks", PieceSameOpening = "piece_same_opening", PieceNever = "piece_never",
    PieceFirstBoth = "piece_first_both", PieceUniversalApart = "piece_universal_apart",
    PiecePartialApart = "piece_partial_apart", PiecePastApart = "piece_past_apart",
    PiecePraiseApart = "piece_praise_apart", PieceContrast = "piece_contrast",
    NegOld = "neg_old", NegNew = "neg_new", NegParity = "neg_parity",
    SentimentOld = "sentiment_old", SentimentNew = "sentiment_new", SentimentApart = "sentiment_apart",
    ObligesOld = "obliges_old", ObligesNew = "obliges_new", EnablesOld = "enables_old", EnablesNew = "enables_new",
    HedgesOld = "hedges_old", HedgesNew = "hedges_new", FutureOld = "future_old", FutureNew = "future_new",
    WishesOld = "wishes_old", WishesNew = "wishes_new", PastOld = "past_old", PastNew = "past_new",
    NowOld = "now_old", NowNew = "now_new", ReportsOld = "reports_old", ReportsNew = "reports_new",
    ConditionalOld = "conditional_old", ConditionalNew = "conditional_new",
    UniversalOld = "universal_old", UniversalNew = "universal_new", PartialOld = "partial_old", PartialNew = "partial_new",
    ContrastsOld = "contrasts_old", ContrastsNew = "contrasts_new", MoreOld = "more_old", MoreNew = "more_new",
    FirstOld = "first_old", FirstNew = "first_new", SecondOld = "second_old", SecondNew = "second_new",
    AsksOld = "asks_old", AsksNew = "asks_new",
    ValuesApart = "values_apart", ValuesAlike = "values_alike", QuantityApart = "quantity_apart",
    DateApart = "date_apart", TimeApart = "time_apart", NameApart = "name_apart", NameAlike = "name_alike",
    NumberApart = "number_apart", ValuesAgainst = "values_against", ValuesBacked = "values_backed",
    MarksOld = "marks_old", MarksNew = "marks_new", MarksShared = "marks_shared", MarksNovel = "marks_novel",
    MarksMissed = "marks_missed",
    Novel = "novel", NovelShare = "novel_share",
    Gap = "gap", SameSpeaker = "same_speaker", OldUser = "old_user", NewUser = "new_user",
    Between = "between", CosineBetween = "cosine_between", CosinePrevious = "cosine_previous",
    PreviousAsks = "previous_asks", PreviousAlternative = "previous_alternative",
    PreviousAccepts = "previous_accepts", PreviousRequests = "previous_requests", PreviousWords = "previous_words",
    Retracts = "retracts", Changes = "changes", Instead = "instead", Ended = "ended", Present = "present",
    Became = "became", NewAlternative = "new_alternative", NewAdds = "new_adds", NewFails = "new_fails",
    NewDenies = "new_denies", NewStill = "new_still",
    OldFails = "old_fails", OldOffers = "old_offers", NewOffers = "new_offers",
}

/// The row of a pair and the pieces that it rests on.
#[derive(Clone, Debug)]
pub struct Row {
    /// One number for each of [`Feature::ALL`].
    pub values: Vec<f32>,
    /// The most conflicting pieces.
    pub(super) conflict: Option<Match>,
}

impl Row {
    fn set(&mut self, feature: Feature, value: f32) {
        if let Some(cell) = self.values.get_mut(feature as usize) {
            *cell = value;
        }
    }

    /// A column.
    pub fn get(&self, feature: Feature) -> f32 {
        self.values.get(feature as usize).copied().unwrap_or(0.0)
    }
}

/// A turn and how it reads.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The turn.
    pub statement: &'a Statement,
    /// Its reading.
    pub reading: &'a Reading,
}

/// The row of an old and a new turn; `between` are the turns between them in
/// order, of which the last [`MAX_BETWEEN`] are looked at.
pub fn row(old: Side<'_>, new: Side<'_>, between: &[Side<'_>]) -> Row {
    let (conflict, common) = if old.statement.sequence == new.statement.sequence {
        (align::within(new.reading), None)
    } else {
        align::best(old.reading, new.reading)
    };
    let mut row = Row { values: vec![0.0; Feature::ALL.len()], conflict };
    let between = between.get(between.len().saturating_sub(MAX_BETWEEN)..).unwrap_or(between);
    let (a, b) = (&old.statement.said, &new.statement.said);
    words(&mut row, old, new);
    if let Some(found) = conflict {
        matched(&mut row, &found);
        let pieces = (old.reading.pieces.get(found.old), new.reading.pieces.get(found.new));
        if let (Some(x), Some(y)) = pieces {
            facing(&mut row, x, y);
        }
    }
    if let Some(found) = common {
        row.set(Feature::CommonOverlap, found.overlap);
        row.set(Feature::CommonCover, found.cover);
        row.set(Feature::CommonDeniedApart, found.denied_apart);
    }
    oaths(&mut row, old, new);
    whole(&mut row, old.reading, new.reading);
    values(&mut row, a, b, between);
    marks(&mut row, old.reading, new.reading, between);
    novelty(&mut row, a, b, between);
    place(&mut row, old.statement, new.statement, between);
    cues(&mut row, a, b);
    row
}

fn bit(holds: bool) -> f32 {
    f32::from(u8::from(holds))
}

fn log(count: usize) -> f32 {
    (count as f32).ln_1p()
}

/// Inner product of the vectors; 0 where one has none.
fn cosine(a: &Said, b: &Said) -> f32 {
    match (&a.vector, &b.vector) {
        (Some(x), Some(y)) => x.iter().zip(y.iter()).map(|(s, t)| s * t).sum(),
        _ => 0.0,
    }
}

fn distinct(said: &Said) -> Vec<u32> {
    let mut stems: Vec<u32> = said.stems.iter().map(|(stem, _)| *stem).collect();
    stems.dedup();
    stems
}

fn words(row: &mut Row, old: Side<'_>, new: Side<'_>) {
    let (a, b) = (&old.statement.said, &new.statement.said);
    let (x, y) = (distinct(a), distinct(b));
    let shared = x.iter().filter(|stem| y.binary_search(stem).is_ok()).count();
    let all = (x.len() + y.len() - shared).max(1);
    row.set(Feature::Cosine, cosine(a, b));
    row.set(Feature::WordsOld, log(a.words.len()));
    row.set(Feature::WordsNew, log(b.words.len()));
    row.set(Feature::TermsLeast, log(x.len().min(y.len())));
    row.set(Feature::TermsMost, log(x.len().max(y.len())));
    row.set(Feature::PiecesOld, log(old.reading.pieces.len()));
    row.set(Feature::PiecesNew, log(new.reading.pieces.len()));
    row.set(Feature::SharedStems, shared as f32);
    row.set(Feature::Jaccard, shared as f32 / all as f32);
    row.set(Feature::CoverOld, shared as f32 / x.len().max(1) as f32);
    row.set(Feature::CoverNew, shared as f32 / y.len().max(1) as f32);
    let pairs = old.reading.bigrams.intersection(&new.reading.bigrams).count();
    row.set(Feature::Bigrams, pairs as f32 / x.len().min(y.len()).max(1) as f32);
    let run = a.words.iter().zip(&b.words).take_while(|(s, t)| s.hash == t.hash).count();
    row.set(Feature::PrefixRun, log(run));
}

fn matched(row: &mut Row, found: &Match) {
    row.set(Feature::BestShared, found.shared);
    row.set(Feature::BestOverlap, found.overlap);
    row.set(Feature::BestCover, found.cover);
    row.set(Feature::DeniedApart, found.denied_apart);
    row.set(Feature::DeniedAlike, found.denied_alike);
    row.set(Feature::UnrealApart, found.unreal_apart);
    row.set(Feature::Opposites, found.opposites);
    row.set(Feature::Synonyms, found.synonyms);
    row.set(Feature::Sworn, found.sworn);
    row.set(Feature::Weight, found.weight);
}

/// What the two pieces are, face to face.
fn facing(row: &mut Row, a: &Piece, b: &Piece) {
    let apart = |class: Class| bit(a.has(class) != b.has(class));
    let both = |class: Class| bit(a.has(class) && b.has(class));
    row.set(Feature::PieceNegParity, bit(a.denies() != b.denies()));
    row.set(Feature::PieceNegOld, f32::from(a.negations));
    row.set(Feature::PieceNegNew, f32::from(b.negations));
    row.set(Feature::PieceAsks, bit(a.asks) + bit(b.asks));
    let who = Class::First.bit() | Class::Second.bit();
    row.set(Feature::PieceSameOpening, bit(a.opening & who == b.opening & who));
    row.set(Feature::PieceNever, bit(a.swears()) + bit(b.swears()));
    row.set(Feature::PieceFirstBoth, both(Class::First));
    row.set(Feature::PieceUniversalApart, apart(Class::Universal));
    row.set(Feature::PiecePartialApart, apart(Class::Partial));
    row.set(Feature::PiecePastApart, apart(Class::Past));
    let mood = |p: &Piece| bit(p.has(Class::Praises)) - bit(p.has(Class::Blames));
    row.set(Feature::PiecePraiseApart, (mood(a) - mood(b)).abs());
    row.set(Feature::PieceContrast, bit(a.has(Class::Contrasts)) + bit(b.has(Class::Contrasts)));
}

/// "I have never" in either turn: how much of it the other speaks of anywhere.
fn oaths(row: &mut Row, old: Side<'_>, new: Side<'_>) {
    for (side, other, feature) in [(old, new, Feature::OathOld), (new, old, Feature::OathNew)] {
        let stems = &other.statement.said.stems;
        for piece in side.reading.pieces.iter().filter(|piece| piece.swears()) {
            let said = |stem: u32| stems.binary_search_by_key(&stem, |s| s.0).is_ok();
            let found = piece.terms.iter().filter(|term| said(term.stem)).count() as f32;
            let cover = found / piece.terms.len().max(1) as f32;
            row.set(feature, 1.0);
            row.set(Feature::OathCover, row.get(Feature::OathCover).max(cover));
            row.set(Feature::OathWords, row.get(Feature::OathWords).max(found));
        }
    }
}

/// Classes anywhere in the turns.
fn whole(row: &mut Row, old: &Reading, new: &Reading) {
    const CLASSES: [(Class, Feature, Feature); 14] = [
        (Class::Obliges, Feature::ObligesOld, Feature::ObligesNew),
        (Class::Enables, Feature::EnablesOld, Feature::EnablesNew),
        (Class::Hedges, Feature::HedgesOld, Feature::HedgesNew),
        (Class::Future, Feature::FutureOld, Feature::FutureNew),
        (Class::Wishes, Feature::WishesOld, Feature::WishesNew),
        (Class::Past, Feature::PastOld, Feature::PastNew),
        (Class::Now, Feature::NowOld, Feature::NowNew),
        (Class::Reports, Feature::ReportsOld, Feature::ReportsNew),
        (Class::Conditional, Feature::ConditionalOld, Feature::ConditionalNew),
        (Class::Universal, Feature::UniversalOld, Feature::UniversalNew),
        (Class::Partial, Feature::PartialOld, Feature::PartialNew),
        (Class::Contrasts, Feature::ContrastsOld, Feature::ContrastsNew),
        (Class::First, Feature::FirstOld, Feature::FirstNew),
        (Class::Second, Feature::SecondOld, Feature::SecondNew),
    ];
    for (class, left, right) in CLASSES {
        row.set(left, bit(old.classes & class.bit() != 0));
        row.set(right, bit(new.classes & class.bit() != 0));
    }
    let (x, y) = (f32::from(old.negations), f32::from(new.negations));
    row.set(Feature::NegOld, x.ln_1p());
    row.set(Feature::NegNew, y.ln_1p());
    row.set(Feature::NegParity, bit((x > 0.0) != (y > 0.0)));
    let count = |r: &Reading, class: Class| r.pieces.iter().filter(|p| p.has(class)).count() as f32;
    let mood = |r: &Reading| {
        (count(r, Class::Praises) - count(r, Class::Blames)) / r.pieces.len().max(1) as f32
    };
    row.set(Feature::SentimentOld, mood(old));
    row.set(Feature::SentimentNew, mood(new));
    row.set(Feature::SentimentApart, (mood(old) - mood(new)).abs());
    let size = |r: &Reading| {
        bit(r.classes & Class::More.bit() != 0) - bit(r.classes & Class::Less.bit() != 0)
    };
    row.set(Feature::MoreOld, size(old));
    row.set(Feature::MoreNew, size(new));
    row.set(Feature::AsksOld, bit(old.pieces.iter().any(|p| p.asks)));
    row.set(Feature::AsksNew, bit(new.pieces.iter().any(|p| p.asks)));
}

/// Values of one kind: whether some agree, or all that can be compared differ.
fn compare(a: &Said, b: &Said, kind: Kind) -> (bool, bool) {
    let (mut alike, mut apart) = (false, false);
    for value in b.of_kind(kind) {
        let verdicts: Vec<bool> = a.of_kind(kind).filter_map(|old| old.agrees(value)).collect();
        alike |= verdicts.contains(&true);
        apart |= !verdicts.is_empty() && !verdicts.contains(&true);
    }
    (alike, apart)
}

fn values(row: &mut Row, a: &Said, b: &Said, between: &[Side<'_>]) {
    let (mut alike, mut apart, mut against, mut backed) = (0.0, 0.0, 0.0, 0.0);
    for kind in Kind::ALL {
        let (same, differs) = compare(a, b, kind);
        alike += bit(same);
        apart += bit(differs);
        let feature = match kind {
            Kind::Quantity | Kind::Money => Feature::QuantityApart,
            Kind::Date => Feature::DateApart,
            Kind::Time => Feature::TimeApart,
            Kind::Name => Feature::NameApart,
            Kind::Number | Kind::Id => Feature::NumberApart,
        };
        row.set(feature, row.get(feature).max(bit(differs)));
        if kind == Kind::Name {
            row.set(Feature::NameAlike, bit(same));
        }
        let others: Vec<(bool, bool)> =
            between.iter().map(|side| compare(&side.statement.said, b, kind)).collect();
        backed += bit(same || others.iter().any(|(same, _)| *same));
        let differ = differs || others.iter().any(|(_, differs)| *differs);
        against += bit(differ && !same && !others.iter().any(|(same, _)| *same));
    }
    row.set(Feature::ValuesApart, apart);
    row.set(Feature::ValuesAlike, alike);
    row.set(Feature::ValuesAgainst, against);
    row.set(Feature::ValuesBacked, backed);
}

/// Identifiers: shared, or new to all that is looked at.
fn marks(row: &mut Row, old: &Reading, new: &Reading, between: &[Side<'_>]) {
    let known = |mark: &u32| between.iter().any(|side| side.reading.marks.contains(mark));
    let shared = new.marks.iter().filter(|mark| old.marks.contains(*mark)).count();
    let novel = new.marks.iter().filter(|mark| !old.marks.contains(*mark) && !known(mark)).count();
    row.set(Feature::MarksOld, log(old.marks.len()));
    row.set(Feature::MarksNew, log(new.marks.len()));
    row.set(Feature::MarksShared, log(shared));
    row.set(Feature::MarksNovel, log(novel));
    row.set(Feature::MarksMissed, bit(!old.marks.is_empty() && novel > 0 && shared == 0));
}

/// Content words of the new turn that nobody said before.
fn novelty(row: &mut Row, a: &Said, b: &Said, between: &[Side<'_>]) {
    let has = |said: &Said, stem: u32| said.stems.binary_search_by_key(&stem, |s| s.0).is_ok();
    let stems = distinct(b);
    let novel = stems
        .iter()
        .filter(|stem| {
            !has(a, **stem) && !between.iter().any(|side| has(&side.statement.said, **stem))
        })
        .count();
    row.set(Feature::Novel, log(novel));
    row.set(Feature::NovelShare, novel as f32 / stems.len().max(1) as f32);
}

fn place(row: &mut Row, old: &Statement, new: &Statement, between: &[Side<'_>]) {
    row.set(Feature::Gap, log(new.sequence.saturating_sub(old.sequence) as usize));
    row.set(Feature::SameSpeaker, bit(old.same_speaker(new)));
    row.set(Feature::OldUser, bit(old.role == Role::User));
    row.set(Feature::NewUser, bit(new.role == Role::User));
    row.set(Feature::Between, log(between.len()));
    let most = between.iter().map(|side| cosine(&side.statement.said, &new.said));
    row.set(Feature::CosineBetween, most.fold(0.0, f32::max));
    let previous = between.last().map_or(old, |side| side.statement);
    row.set(Feature::CosinePrevious, cosine(&previous.said, &new.said));
    row.set(Feature::PreviousAsks, bit(previous.said.has(Cue::Asks)));
    row.set(Feature::PreviousAlternative, bit(previous.said.has(Cue::Alternative)));
    row.set(Feature::PreviousAccepts, bit(previous.said.has(Cue::Accepts)));
    row.set(Feature::PreviousRequests, bit(previous.said.has(Cue::Requests)));
    row.set(Feature::PreviousWords, log(previous.said.words.len()));
}

fn cues(row: &mut Row, a: &Said, b: &Said) {
    const NEW: [(Cue, Feature); 12] = [
        (Cue::Retracts, Feature::Retracts),
        (Cue::Changes, Feature::Changes),
        (Cue::Instead, Feature::Instead),
        (Cue::Ended, Feature::Ended),
        (Cue::Present, Feature::Present),
        (Cue::Became, Feature::Became),
        (Cue::Alternative, Feature::NewAlternative),
        (Cue::Adds, Feature::NewAdds),
        (Cue::Fails, Feature::NewFails),
        (Cue::Denies, Feature::NewDenies),
        (Cue::Still, Feature::NewStill),
        (Cue::Offers, Feature::NewOffers),
    ];
    for (cue, feature) in NEW {
        row.set(feature, bit(b.has(cue)));
    }
    row.set(Feature::OldFails, bit(a.has(Cue::Fails)));
    row.set(Feature::OldOffers, bit(a.has(Cue::Offers)));
}
