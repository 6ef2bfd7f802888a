//! Which hits move: of the surest pair, where the later statement stands below the
//! earlier, it is lifted to just above.

use super::{
    features::{Answer, row},
    model::OrderModel,
    question::Question,
    reading::Reading,
};

/// Hits that are looked at.
pub const LOOKED_AT: usize = 12;
/// Pairs of a search that are acted on, the surest: a question asks for one thing.
const MOST: usize = 1;

/// One of the best hits, best first.
pub struct Hit<'a> {
    /// What it says.
    pub reading: &'a Reading,
    /// In which conversation and by whom: pairs are made of hits with the same.
    /// Nothing for a hit that is no statement to be ordered, which still tells how
    /// rare words are.
    pub said_by: Option<(usize, &'a str)>,
    /// When, in the order of the conversation.
    pub said_at: u64,
}

/// What is known of two hits before the question is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing.
    Open,
    /// The later was taken for a replacement of the earlier when it was appended.
    Replaces,
    /// The caller said that it does not replace it.
    Rejected,
}

/// The moves, one after the other: from a place to one before it. `link` says what
/// is known of the hit at the second place as a replacement of that at the first.
pub fn lifts(
    model: &OrderModel,
    query: &str,
    hits: &[Hit<'_>],
    link: impl Fn(usize, usize) -> Link,
) -> Vec<(usize, usize)> {
    let hits = hits.get(..LOOKED_AT).unwrap_or(hits);
    let question = Question::of(query, hits.iter().map(|hit| hit.reading));
    let answers: Vec<Option<Answer<'_>>> =
        hits.iter().map(|hit| hit.said_by.map(|_| Answer::of(&question, hit.reading))).collect();
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (earlier, (one, first)) in hits.iter().zip(&answers).enumerate() {
        for (later, (other, second)) in hits.iter().zip(&answers).enumerate() {
            let (Some(first), Some(second)) = (first, second) else { continue };
            if one.said_by != other.said_by || one.said_at >= other.said_at {
                continue;
            }
            let link = link(earlier, later);
            if link == Link::Rejected {
                continue;
            }
            let is_linked = link == Link::Replaces;
            let log_odds = model.log_odds(&row(&question, first, second, is_linked));
            if model.acts(log_odds) {
                pairs.push((log_odds, earlier, later));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut places: Vec<usize> = (0..hits.len()).collect();
    let mut moves = Vec::new();
    for (_, earlier, later) in pairs.into_iter().take(MOST) {
        let place = |of: usize| places.iter().position(|at| *at == of);
        let (Some(to), Some(from)) = (place(earlier), place(later)) else { continue };
        // Such a pair that stands in order already counts among the surest.
        if to < from {
            places.get_mut(to..=from).unwrap_or_default().rotate_right(1);
            moves.push((from, to));
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "What is my monthly grocery budget?";
    const OLD: &str = "My monthly grocery budget is $500.";
    const NEW: &str = "Plan my meals: the monthly grocery budget was now increased to $550.";
    const OTHER: &str = "Which grocery store is open on Sundays?";

    /// A text, where and by whom it was said, and when.
    type Told = (&'static str, Option<(usize, &'static str)>, u64);

    fn moved(texts: &[Told]) -> Vec<(usize, usize)> {
        moved_with(texts, Link::Open)
    }

    fn moved_with(texts: &[Told], link: Link) -> Vec<(usize, usize)> {
        let model = OrderModel::parse(include_str!("../../../weights/order.json")).unwrap();
        let readings: Vec<Reading> = texts.iter().map(|(text, ..)| Reading::of(text)).collect();
        let hits: Vec<Hit<'_>> = readings
            .iter()
            .zip(texts)
            .map(|(reading, (_, said_by, said_at))| Hit {
                reading,
                said_by: *said_by,
                said_at: *said_at,
            })
            .collect();
        lifts(&model, QUERY, &hits, |_, _| link)
    }

    #[test]
    fn what_the_caller_rejected_is_not_lifted() {
        let one = Some((0, ""));
        let texts = [(OLD, one, 1), (OTHER, one, 5), (NEW, one, 9)];
        assert_eq!(moved_with(&texts, Link::Replaces), [(2, 0)]);
        assert_eq!(moved_with(&texts, Link::Rejected), []);
    }

    #[test]
    fn the_newer_value_comes_first_and_nothing_else_moves() {
        let one = Some((0, ""));
        assert_eq!(moved(&[(OLD, one, 1), (OTHER, one, 5), (NEW, one, 9)]), [(2, 0)]);
        // It stands there already; it is the older; it is another's; nobody's.
        assert_eq!(moved(&[(NEW, one, 9), (OTHER, one, 5), (OLD, one, 1)]), []);
        assert_eq!(moved(&[(OLD, one, 9), (OTHER, one, 5), (NEW, one, 1)]), []);
        assert_eq!(moved(&[(OLD, one, 1), (OTHER, one, 5), (NEW, Some((1, "")), 9)]), []);
        assert_eq!(moved(&[(OLD, one, 1), (OTHER, one, 5), (NEW, None, 9)]), []);
        assert_eq!(moved(&[(OLD, one, 1), (OTHER, one, 5)]), []);
        assert_eq!(moved(&[]), []);
    }
}
