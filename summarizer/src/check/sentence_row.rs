//! The numbers of a sentence: its words' log odds summed up, how near and how
//! well covered it is, what is missing, denied, told of whom, and its form.

use std::collections::{HashMap, HashSet};

use super::{
    document::cosine,
    hard::{Hard, ReasonKind},
    polarity::Polarity,
    reading::{Reading, greatest},
    relations::Relation,
    roles::Roles,
    weights::ReportWords,
};
use crate::text::hashes;

/// Report words are those that faithful summaries brought in this often.
const REPORT_PRIOR: f32 = 2.0;

/// Columns of a sentence's row, in order.
pub(super) const COLUMNS: [&str; 71] = [
    // Words.
    "worst_word",
    "second_word",
    "worst_three",
    "mean_word",
    "sum_words",
    // Size.
    "length",
    "content",
    "pieces",
    // Nearness.
    "nearest",
    "nearest_three",
    "nearest_pair",
    "mean_cosine",
    "centre",
    "least_clause",
    "mean_clause",
    // Cover.
    "cover",
    "cover_pair",
    "cover_evidence",
    "cover_source",
    // Content words by support: counts, then shares.
    "n_evidence",
    "n_source",
    "n_same",
    "n_near",
    "n_broader",
    "n_narrower",
    "n_sibling",
    "n_opposite",
    "n_none",
    "n_report",
    "s_evidence",
    "s_source",
    "s_same",
    "s_near",
    "s_broader",
    "s_narrower",
    "s_sibling",
    "s_opposite",
    "s_none",
    "s_report",
    // Word pairs.
    "new_pairs",
    "new_content_pairs",
    "unconnected",
    // Hard checks.
    "numbers",
    "numbers_missing",
    "strange_units",
    "names",
    "names_missing",
    "identifiers_missing",
    "days_missing",
    // Polarity.
    "negation_brought",
    "negation_dropped",
    "opposites",
    "denying",
    // Speakers.
    "speakers",
    "own_lead",
    "turn_lead",
    "own",
    "exchange_gain",
    // Form.
    "first_person",
    "first_plural",
    "second_person",
    "repeats",
    "colon",
    "opens_pronoun",
    "singular_pronoun",
    "pronouns",
    "fillers",
    "reports",
    "unfinished",
    "opens_this",
    "first_count",
];

/// A sentence's row.
pub(super) type Row = [f32; COLUMNS.len()];

/// The row of a sentence; `words` are the log odds of its words.
pub(super) fn sentence_row(
    reading: &Reading<'_>,
    words: &[f32],
    hard: &Hard,
    polarity: &Polarity,
    roles: &Roles,
    report: &ReportWords,
) -> Row {
    let mut row = Vec::with_capacity(COLUMNS.len());
    row.extend(word_sums(words));
    row.extend(size_and_nearness(reading));
    row.extend(support(reading, report));
    row.extend(pairs(reading));
    let counts = [
        hard.numbers,
        hard.count(ReasonKind::Number) + hard.count(ReasonKind::Money),
        hard.strange_units,
        hard.names,
        hard.count(ReasonKind::Name),
        hard.count(ReasonKind::Identifier),
        hard.count(ReasonKind::Date),
    ];
    row.extend(counts.map(|count| count as f32));
    row.extend([
        polarity.brought,
        polarity.dropped,
        polarity.opposites.len() as f32,
        polarity.denying as f32,
        reading.mentions.len() as f32,
        roles.own_lead,
        roles.turn_lead,
        roles.own,
        roles.exchange_gain,
    ]);
    row.extend(form(reading));
    let mut out = [0.0; COLUMNS.len()];
    for (to, from) in out.iter_mut().zip(row) {
        *to = from;
    }
    out
}

fn word_sums(words: &[f32]) -> [f32; 5] {
    /// Log odds where there is no word to doubt.
    const SURE: f32 = -5.0;
    let mut sorted = words.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let top = sorted.get(..sorted.len().min(3)).unwrap_or_default();
    let mean = |of: &[f32]| {
        if of.is_empty() { SURE } else { of.iter().sum::<f32>() / of.len() as f32 }
    };
    [
        sorted.first().copied().unwrap_or(SURE),
        sorted.get(1).copied().unwrap_or(SURE),
        mean(top),
        mean(&sorted),
        words.iter().map(|odds| odds.exp().ln_1p()).sum(),
    ]
}

fn size_and_nearness(reading: &Reading<'_>) -> [f32; 14] {
    let document = reading.document;
    let content = reading.tokens.iter().filter(|word| word.content && word.number.is_none());
    let pieces = document.pieces.len();
    let (single, paired) = reading.cosines.split_at(pieces.min(reading.cosines.len()));
    let mut sorted = single.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mean = |of: &[f32]| of.iter().sum::<f32>() / of.len().max(1) as f32;
    let paired = if paired.is_empty() { greatest(single) } else { greatest(paired) };
    let clauses = &reading.clause_cosines;
    let covered = |a: usize, b: usize| {
        reading.share(|stem| {
            [a, b].iter().filter_map(|at| document.pieces.get(*at)).any(|p| p.stems.contains(&stem))
        })
    };
    let cover_pair: Vec<f32> = (1..pieces.max(2)).map(|at| covered(at - 1, at)).collect();
    [
        reading.tokens.len() as f32 / 30.0,
        content.count() as f32 / 15.0,
        (1.0 + pieces as f32).ln(),
        greatest(single),
        mean(sorted.get(..sorted.len().min(3)).unwrap_or_default()),
        paired,
        mean(single),
        cosine(&reading.centre, &reading.vector),
        clauses.iter().copied().reduce(f32::min).unwrap_or(0.0),
        mean(clauses),
        greatest(&reading.cover),
        greatest(&cover_pair),
        reading.share(|stem| reading.evidence_stems.contains(&stem)),
        reading.share(|stem| document.stems.contains(&stem)),
    ]
}

/// Content words by how they are supported: counts and shares.
fn support(reading: &Reading<'_>, report: &ReportWords) -> [f32; 20] {
    const KINDS: usize = 10;
    let mut counts = [0.0_f32; KINDS];
    for (at, word) in reading.tokens.iter().enumerate() {
        if !word.content || word.number.is_some() || reading.names_speaker(at) {
            continue;
        }
        let kind = if reading.evidence_stems.contains(&word.stem) {
            0
        } else if reading.document.stems.contains(&word.stem) {
            1
        } else if report.prior(word.stem) >= REPORT_PRIOR {
            9
        } else {
            match reading.document.best_relation(word.stem) {
                Relation::Same => 2,
                Relation::Near => 3,
                Relation::Broader => 4,
                Relation::Narrower => 5,
                Relation::Sibling => 6,
                Relation::Opposite => 7,
                Relation::None => 8,
            }
        };
        if let Some(count) = counts.get_mut(kind) {
            *count += 1.0;
        }
    }
    let total: f32 = counts.iter().sum::<f32>().max(1.0);
    let mut out = [0.0; 2 * KINDS];
    let shares = counts.map(|count| count / total);
    for (to, from) in out.iter_mut().zip(counts.into_iter().chain(shares)) {
        *to = from;
    }
    out
}

fn pairs(reading: &Reading<'_>) -> [f32; 3] {
    let document = reading.document;
    let all: Vec<u32> = reading.tokens.iter().map(|word| word.stem).collect();
    let content: Vec<u32> =
        reading.tokens.iter().filter(|word| word.content).map(|word| word.stem).collect();
    let share = |of: &[u32], holds: &dyn Fn(u32, u32) -> bool| {
        let pairs = of.iter().zip(of.iter().skip(1));
        pairs.filter(|(a, b)| holds(**a, **b)).count() as f32 / (of.len().max(2) - 1) as f32
    };
    let new = |a: u32, b: u32| !document.bigrams.contains(&(a, b));
    let unconnected = |a: u32, b: u32| {
        document.stems.contains(&a)
            && document.stems.contains(&b)
            && !document.near.get(&a).is_some_and(|near| near.contains(&b))
    };
    [share(&all, &new), share(&content, &new), share(&content, &unconnected)]
}

/// How it is written: speech that was copied, and words that point elsewhere.
fn form(reading: &Reading<'_>) -> [f32; 13] {
    let words = &reading.tokens;
    let count = |list: &str| {
        let list: HashSet<u32> = hashes(list);
        words.iter().filter(|word| list.contains(&word.hash)).count() as f32
    };
    let any = |list: &str| count(list).min(1.0);
    let opens = |list: &str| {
        let first = words.first().map(|word| word.lower.as_str());
        f32::from(u8::from(first.is_some_and(|first| list.split(' ').any(|word| word == first))))
    };
    let length = words.len().max(1) as f32;
    let mut triples: HashMap<(u32, u32, u32), f32> = HashMap::new();
    for ((a, b), c) in words.iter().zip(words.iter().skip(1)).zip(words.iter().skip(2)) {
        *triples.entry((a.hash, b.hash, c.hash)).or_default() += 1.0;
    }
    let repeats: f32 = triples.values().map(|count| count - 1.0).sum();
    let head: Vec<&str> = reading.text.split_whitespace().take(4).collect();
    let colon = head.iter().any(|word| word.ends_with(':'));
    let finished = reading.text.trim_end().ends_with(['.', '!', '?', '"', '”']);
    [
        any("i my i'm i've me"),
        any("we our us we're"),
        any("you your"),
        repeats / length,
        f32::from(u8::from(colon)),
        opens("he she they it"),
        any("he she his her"),
        count("he she they it his her their him them") / length,
        any("um uh yeah"),
        any("said thought"),
        f32::from(u8::from(!finished)),
        opens("he she they it this these that"),
        count("i my we our me i'm we're us"),
    ]
}
