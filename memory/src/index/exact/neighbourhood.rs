//! How near the turns of a branch stand to each other, for scoring a turn with
//! what was said around it.
//!
//! In talk of short turns an answer rarely repeats the words of its question,
//! so the words of a turn's neighbours are evidence for the turn too, the less
//! the farther away they stand. Distance is measured in terms, not in turns:
//! long answers keep their neighbours at a distance, short remarks share a
//! window.

use pulp::{Arch, Simd, WithSimd};

use crate::index::bm25;

/// Turns looked at on either side.
const REACH: usize = 4;
/// Distance, in counted terms between the middles of two turns, at which a
/// neighbour's words count 1/e.
const SCALE: f32 = 30.0;

/// A term in more than one turn of so many is common.
const COMMON_SHARE: usize = 8;
/// Positions that a common term is spread over at once.
const LANES: usize = 16;

/// A turn as its neighbours see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where its words and passages are.
    pub(super) slot: u32,
    /// Counted terms.
    pub(super) length: u32,
}

/// Weights between neighbours, by position in the branch.
///
/// Lists that are read [`LANES`] positions at once have room behind the last
/// position, and [`REACH`] places before the first.
#[derive(Debug, Default)]
pub(in crate::index) struct Neighbourhood {
    positions: Vec<u32>,
    turns: usize,
    /// For each offset, the weight of the turn `offset + 1` positions ahead;
    /// that of a position stands [`REACH`] places behind it.
    ahead: [Vec<f32>; REACH],
    /// Terms of each turn.
    own_lengths: Vec<f32>,
    /// Terms of each turn with its neighbourhood.
    lengths: Vec<f32>,
    total_length: f64,
}

/// Occurrences of one term, by position.
#[derive(Debug)]
pub(super) struct Spread {
    occurrences: Vec<f32>,
    touched: Vec<u32>,
    /// Occurrences in the turns themselves, for a common term; that of a
    /// position stands [`REACH`] places behind it.
    own: Vec<f32>,
}

/// What a turn of average length has, and BM25's share of each turn's length.
pub(super) struct Norms {
    /// Of the turns alone, by position.
    pub(super) own: Vec<f32>,
    /// Of the turns with their neighbourhoods, by position.
    pub(super) window: Vec<f32>,
}

impl Neighbourhood {
    /// Measures a branch; `places` in ascending sequence.
    pub(super) fn measure(places: &[Place], slots: usize) -> Self {
        let mut positions = vec![u32::MAX; slots];
        for (at, place) in places.iter().enumerate() {
            if let Some(position) = positions.get_mut(place.slot as usize) {
                *position = u32::try_from(at).unwrap_or(u32::MAX);
            }
        }
        let room = padded(places.len());
        let mut ahead: [Vec<f32>; REACH] = std::array::from_fn(|_| vec![0.0; REACH + room]);
        let mut own_lengths: Vec<f32> = places.iter().map(|place| place.length as f32).collect();
        let mut lengths = own_lengths.clone();
        for at in 0..places.len() {
            for (offset, weight) in weights(places, at).into_iter().enumerate() {
                let Some(other) = places.get(at + offset + 1) else { break };
                ahead[offset][REACH + at] = weight;
                let (here, there) = (places[at].length as f32, other.length as f32);
                lengths[at] += weight * there;
                lengths[at + offset + 1] += weight * here;
            }
        }
        let total_length = lengths.iter().map(|length| f64::from(*length)).sum();
        own_lengths.resize(room, 0.0);
        lengths.resize(room, 0.0);
        Self { positions, turns: places.len(), ahead, own_lengths, lengths, total_length }
    }

    /// Terms of all turns with their neighbourhoods.
    pub(super) fn total_length(&self) -> f64 {
        self.total_length
    }

    /// Turns, and positions.
    pub(super) fn turns(&self) -> usize {
        self.turns
    }

    /// Places of a list by position that [`Self::spread_own`] adds to.
    pub(super) fn room(&self) -> usize {
        self.lengths.len()
    }

    /// The position of a slot.
    pub(super) fn position(&self, slot: u32) -> Option<usize> {
        self.positions.get(slot as usize).filter(|at| **at != u32::MAX).map(|at| *at as usize)
    }

    /// BM25's norms, given the average lengths of turns without and with their
    /// neighbourhoods.
    pub(super) fn norms(&self, average: f32, window_average: f32) -> Norms {
        let norms = |lengths: &[f32], average: f32| {
            lengths.iter().map(|length| bm25::norm(*length, average)).collect()
        };
        Norms {
            own: norms(&self.own_lengths, average),
            window: norms(&self.lengths, window_average),
        }
    }

    /// Room for the occurrences of a term.
    pub(super) fn spread(&self) -> Spread {
        Spread {
            occurrences: vec![0.0; self.turns],
            touched: Vec::new(),
            own: vec![0.0; self.room() + 2 * REACH],
        }
    }

    /// Adds `tf` occurrences at a position to it and its neighbours.
    pub(super) fn add(&self, spread: &mut Spread, at: usize, tf: f32) {
        spread.put(at, tf);
        for (offset, weights) in self.ahead.iter().enumerate() {
            let weight = weights.get(REACH + at).copied().unwrap_or_default();
            if weight > 0.0 {
                spread.put(at + offset + 1, weight * tf);
            }
        }
        for (offset, weights) in self.ahead.iter().enumerate().take(at) {
            let weight = weights.get(REACH + at - offset - 1).copied().unwrap_or_default();
            if weight > 0.0 {
                spread.put(at - offset - 1, weight * tf);
            }
        }
    }
}

impl Neighbourhood {
    /// Whether a term that stands in so many turns is better spread over all
    /// turns at once ([`Spread::add_own`], [`Self::spread_own`]) than from each.
    pub(super) fn is_common(&self, turns: usize) -> bool {
        turns > self.turns / COMMON_SHARE
    }

    /// Spreads what was noted over the neighbours, scores every position, and
    /// clears it: `own` and `window` grow by `weight` times BM25's saturation.
    pub(super) fn spread_own(
        &self,
        spread: &mut Spread,
        weight: f32,
        norms: &Norms,
        scores: (&mut [f32], &mut [f32]),
    ) {
        Arch::new().dispatch(SpreadOwn { near: self, spread, weight, norms, scores });
        spread.own.fill(0.0);
    }

    /// See [`Self::spread_own`]; inlined where the machine's registers are known.
    #[inline(always)]
    fn spread_lanes(
        &self,
        spread: &Spread,
        weight: f32,
        norms: &Norms,
        (own, window): (&mut [f32], &mut [f32]),
    ) {
        let (owns, _) = own.as_chunks_mut::<LANES>();
        let (windows, _) = window.as_chunks_mut::<LANES>();
        let (own_norms, _) = norms.own.as_chunks::<LANES>();
        let (window_norms, _) = norms.window.as_chunks::<LANES>();
        let scores = owns.iter_mut().zip(windows);
        for (block, ((own, window), (own_norm, window_norm))) in
            scores.zip(own_norms.iter().zip(window_norms)).enumerate()
        {
            let start = REACH + block * LANES;
            let tf = lanes(&spread.own, start);
            let mut near = tf;
            for (offset, weights) in self.ahead.iter().enumerate() {
                let distance = offset + 1;
                let (ahead, there) = (lanes(weights, start), lanes(&spread.own, start + distance));
                let (behind, here) =
                    (lanes(weights, start - distance), lanes(&spread.own, start - distance));
                for lane in 0..LANES {
                    near[lane] += ahead[lane] * there[lane];
                    near[lane] += behind[lane] * here[lane];
                }
            }
            for lane in 0..LANES {
                own[lane] += weight * bm25::saturated(tf[lane], own_norm[lane]);
                window[lane] += weight * bm25::saturated(near[lane], window_norm[lane]);
            }
        }
    }
}

/// [`Neighbourhood::spread_own`], made for the machine's registers.
struct SpreadOwn<'a> {
    near: &'a Neighbourhood,
    spread: &'a Spread,
    weight: f32,
    norms: &'a Norms,
    scores: (&'a mut [f32], &'a mut [f32]),
}

impl WithSimd for SpreadOwn<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.near.spread_lanes(self.spread, self.weight, self.norms, self.scores);
    }
}

/// Positions with those that fill the last block.
fn padded(turns: usize) -> usize {
    turns.next_multiple_of(LANES)
}

/// The block that begins at a place; zeros behind the end.
#[inline(always)]
fn lanes(values: &[f32], start: usize) -> [f32; LANES] {
    let block = values.get(start..).and_then(|rest| rest.first_chunk::<LANES>());
    block.copied().unwrap_or([0.0; LANES])
}

impl Spread {
    fn put(&mut self, position: usize, occurrences: f32) {
        let Some(place) = self.occurrences.get_mut(position) else { return };
        if *place == 0.0 {
            self.touched.push(u32::try_from(position).unwrap_or(u32::MAX));
        }
        *place += occurrences;
    }

    /// Notes `tf` occurrences in the turn at a position.
    pub(super) fn add_own(&mut self, position: usize, tf: f32) {
        if let Some(own) = self.own.get_mut(REACH + position) {
            *own += tf;
        }
    }

    /// Gives every position with its weighted occurrences, and clears them.
    pub(super) fn drain(&mut self, mut visit: impl FnMut(usize, f32)) {
        for position in self.touched.drain(..) {
            let position = position as usize;
            if let Some(place) = self.occurrences.get_mut(position) {
                visit(position, std::mem::take(place));
            }
        }
    }
}

/// `exp(-d / SCALE)` for the turns ahead, `d` the distance in terms between the
/// middles.
fn weights(places: &[Place], at: usize) -> [f32; REACH] {
    let mut weights = [0.0; REACH];
    let Some(here) = places.get(at) else { return weights };
    let mut between = 0.0;
    for (weight, there) in weights.iter_mut().zip(&places[at + 1..]) {
        let middles = (here.length as f32 + there.length as f32) / 2.0;
        *weight = (-(between + middles) / SCALE).exp();
        between += there.length as f32;
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(lengths: &[u32]) -> Vec<Place> {
        let place = |(slot, length): (usize, &u32)| Place { slot: slot as u32, length: *length };
        lengths.iter().enumerate().map(place).collect()
    }

    fn spread(lengths: &[u32], slot: u32) -> Vec<f32> {
        let near = Neighbourhood::measure(&places(lengths), lengths.len());
        let mut spread = near.spread();
        near.add(&mut spread, slot as usize, 1.0);
        let mut found = vec![0.0; lengths.len()];
        spread.drain(|position, occurrences| found[position] = occurrences);
        found
    }

    #[test]
    fn words_reach_near_turns_on_either_side() {
        let found = spread(&[6; 7], 1);
        let at = |distance: f32| (-distance / 30.0).exp();
        for (found, expected) in
            found.iter().zip([at(6.0), 1.0, at(6.0), at(12.0), at(18.0), at(24.0), 0.0])
        {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn long_turns_keep_their_neighbours_away() {
        let found = spread(&[6, 600, 6], 0);
        assert!(found[1] < 1e-4 && found[2] < 1e-4, "{found:?}");
    }

    #[test]
    fn lengths_grow_by_what_counts() {
        let near = Neighbourhood::measure(&places(&[30, 30]), 2);
        let weight = (-1.0_f32).exp();
        assert!((near.lengths[0] - 30.0 * (1.0 + weight)).abs() < 1e-4);
        assert!((near.total_length() - f64::from(60.0 * (1.0 + weight))).abs() < 1e-3);
    }

    #[test]
    fn a_common_term_spreads_the_same() {
        let lengths = [6, 600, 6, 9, 12, 3, 3, 8];
        let near = Neighbourhood::measure(&places(&lengths), lengths.len());
        let mut spread = near.spread();
        let norms = near.norms(5.0, 9.0);
        for round in 0..2 {
            let mut expected = vec![0.0; lengths.len()];
            let (mut own, mut window) = (vec![0.0; near.room()], vec![0.0; near.room()]);
            for at in [0, 3, 4, 7] {
                near.add(&mut spread, at, at as f32 + 1.0);
                spread.add_own(at, at as f32 + 1.0);
            }
            spread.drain(|at, tf| expected[at] = 2.0 * bm25::saturated(tf, norms.window[at]));
            near.spread_own(&mut spread, 2.0, &norms, (&mut own, &mut window));
            for (one, other) in expected.iter().zip(&window) {
                assert!((one - other).abs() < 1e-5, "{round}: {expected:?} {window:?}");
            }
            for (at, own) in own.iter().enumerate() {
                let tf = if [0, 3, 4, 7].contains(&at) { at as f32 + 1.0 } else { 0.0 };
                assert!((own - 2.0 * bm25::saturated(tf, norms.own[at])).abs() < 1e-5, "{at}");
            }
        }
    }

    #[test]
    fn an_emptied_spread_can_be_used_again() {
        let near = Neighbourhood::measure(&places(&[3, 3]), 2);
        let mut spread = near.spread();
        for _ in 0..2 {
            near.add(&mut spread, 0, 2.0);
            let mut seen = Vec::new();
            spread.drain(|position, occurrences| seen.push((position, occurrences)));
            assert_eq!(seen.len(), 2);
            assert_eq!(seen[0], (0, 2.0));
        }
    }
}
