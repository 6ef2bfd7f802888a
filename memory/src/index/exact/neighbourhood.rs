//! How near the turns of a branch stand to each other, for scoring a turn with
//! what was said around it.
//!
//! In talk of short turns an answer rarely repeats the words of its question,
//! so the words of a turn's neighbours are evidence for the turn too, the less
//! the farther away they stand. Distance is measured in terms, not in turns:
//! long answers keep their neighbours at a distance, short remarks share a
//! window.

/// Turns looked at on either side.
const REACH: usize = 4;
/// Distance, in counted terms between the middles of two turns, at which a
/// neighbour's words count 1/e.
const SCALE: f32 = 30.0;

/// A term in more than one turn of so many is common.
const COMMON_SHARE: usize = 8;

/// A turn as its neighbours see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where its words and passages are.
    pub(super) slot: u32,
    /// Counted terms.
    pub(super) length: u32,
}

/// Weights between neighbours, by position in the branch.
#[derive(Debug, Default)]
pub(in crate::index) struct Neighbourhood {
    slots: Vec<u32>,
    positions: Vec<u32>,
    /// Weight of the turn `offset + 1` positions ahead.
    ahead: Vec<[f32; REACH]>,
    /// Terms of each turn with its neighbourhood.
    lengths: Vec<f32>,
}

/// Weighted occurrences of one term, by position.
#[derive(Debug)]
pub(super) struct Spread {
    occurrences: Vec<f32>,
    touched: Vec<u32>,
    /// Occurrences in the turns themselves, for a common term.
    own: Vec<f32>,
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
        let ahead: Vec<[f32; REACH]> = (0..places.len()).map(|at| weights(places, at)).collect();
        let mut lengths: Vec<f32> = places.iter().map(|place| place.length as f32).collect();
        for (at, weights) in ahead.iter().enumerate() {
            for (offset, weight) in weights.iter().enumerate() {
                let Some(other) = places.get(at + offset + 1) else { break };
                let (here, there) = (places[at].length as f32, other.length as f32);
                lengths[at] += weight * there;
                lengths[at + offset + 1] += weight * here;
            }
        }
        Self { slots: places.iter().map(|place| place.slot).collect(), positions, ahead, lengths }
    }

    /// Terms of all turns with their neighbourhoods.
    pub(super) fn total_length(&self) -> f64 {
        self.lengths.iter().map(|length| f64::from(*length)).sum()
    }

    /// Terms of the turns with their neighbourhoods, by position.
    pub(super) fn lengths(&self) -> &[f32] {
        &self.lengths
    }

    /// The slot at a position.
    pub(super) fn slot(&self, position: usize) -> Option<usize> {
        self.slots.get(position).map(|slot| *slot as usize)
    }

    /// Room for the occurrences of a term.
    pub(super) fn spread(&self) -> Spread {
        let turns = self.slots.len();
        Spread { occurrences: vec![0.0; turns], touched: Vec::new(), own: vec![0.0; turns] }
    }

    /// Adds `tf` occurrences in the turn of a slot to it and its neighbours.
    pub(super) fn add(&self, spread: &mut Spread, slot: u32, tf: f32) {
        let Some(at) = self.positions.get(slot as usize).map(|at| *at as usize) else { return };
        spread.put(at, tf);
        for (offset, weight) in self.ahead.get(at).into_iter().flatten().enumerate() {
            if *weight > 0.0 {
                spread.put(at + offset + 1, weight * tf);
            }
        }
        for offset in 0..REACH.min(at) {
            let behind = at - offset - 1;
            let weight = self.ahead.get(behind).map_or(0.0, |weights| weights[offset]);
            if weight > 0.0 {
                spread.put(behind, weight * tf);
            }
        }
    }
}

impl Neighbourhood {
    /// Whether a term that stands in so many turns is better spread over all
    /// turns at once ([`Self::add_own`], [`Self::spread_own`]) than from each.
    pub(super) fn is_common(&self, turns: usize) -> bool {
        turns > self.slots.len() / COMMON_SHARE
    }

    /// Notes `tf` occurrences in the turn of a slot.
    pub(super) fn add_own(&self, spread: &mut Spread, slot: u32, tf: f32) {
        let at = self.positions.get(slot as usize).map(|at| *at as usize);
        if let Some(own) = at.and_then(|at| spread.own.get_mut(at)) {
            *own += tf;
        }
    }

    /// Spreads what was noted over the neighbours, gives every position that got
    /// something, and clears it.
    pub(super) fn spread_own(&self, spread: &mut Spread, mut visit: impl FnMut(usize, f32)) {
        spread.occurrences.copy_from_slice(&spread.own);
        for offset in 0..REACH {
            let distance = offset + 1;
            let own = spread.own.get(distance..).unwrap_or_default();
            for ((place, weights), tf) in spread.occurrences.iter_mut().zip(&self.ahead).zip(own) {
                *place += weights[offset] * tf;
            }
            let behind = spread.occurrences.get_mut(distance..).unwrap_or_default();
            for ((place, weights), tf) in behind.iter_mut().zip(&self.ahead).zip(&spread.own) {
                *place += weights[offset] * tf;
            }
        }
        for (position, occurrences) in spread.occurrences.iter_mut().enumerate() {
            if *occurrences > 0.0 {
                visit(position, std::mem::take(occurrences));
            }
        }
        spread.own.fill(0.0);
    }
}

impl Spread {
    fn put(&mut self, position: usize, occurrences: f32) {
        let Some(place) = self.occurrences.get_mut(position) else { return };
        if *place == 0.0 {
            self.touched.push(u32::try_from(position).unwrap_or(u32::MAX));
        }
        *place += occurrences;
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
        near.add(&mut spread, slot, 1.0);
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
        assert!((near.lengths()[0] - 30.0 * (1.0 + weight)).abs() < 1e-4);
        assert!((near.total_length() - f64::from(60.0 * (1.0 + weight))).abs() < 1e-3);
    }

    #[test]
    fn a_common_term_spreads_the_same() {
        let lengths = [6, 600, 6, 9, 12, 3, 3, 8];
        let near = Neighbourhood::measure(&places(&lengths), lengths.len());
        let mut spread = near.spread();
        for round in 0..2 {
            let mut found = [vec![0.0; lengths.len()], vec![0.0; lengths.len()]];
            for slot in [0, 3, 4, 7] {
                near.add(&mut spread, slot, slot as f32 + 1.0);
                near.add_own(&mut spread, slot, slot as f32 + 1.0);
            }
            spread.drain(|position, occurrences| found[0][position] = occurrences);
            near.spread_own(&mut spread, |position, occurrences| found[1][position] = occurrences);
            for (one, other) in found[0].iter().zip(&found[1]) {
                assert!((one - other).abs() < 1e-5, "{round}: {found:?}");
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
