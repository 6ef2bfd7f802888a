//! The vectors of a branch: scanned as int8, the best scored again in f32.
//!
//! The vectors themselves are kept for the rescoring.

use pulp::{Arch, Simd, WithSimd};

use super::neighbourhood::Neighbourhood;
use crate::{embed::Vector, index::select::nth_best, quantised::QuantisedRows};

/// Leading binary digits of the number of turns that the centre is the mean of: a centre
/// that moved with every turn would cost each the length of the branch.
const CENTRE_DIGITS: u32 = 6;

/// What a passage takes beside the values of its vector, in bytes.
const ROW_BYTES: usize = size_of::<Row>() + size_of::<Vector>() + 3 * size_of::<f32>();

/// A passage's place in its turn.
#[derive(Clone, Copy, Debug)]
struct Row {
    slot: u32,
    range: (u32, u32),
    /// It is the first of its turn.
    first: bool,
}

/// How well the turns of a branch match, by position; no number for a turn
/// without vectors.
#[derive(Clone, Debug)]
pub(super) struct Cosines {
    /// Of the best passage.
    pub(super) best: Vec<f32>,
    /// Where it stands.
    pub(super) ranges: Vec<(u32, u32)>,
    /// Cosine around the centre, of the best passage.
    pub(super) centred: Vec<f32>,
    /// The same of the first passage.
    pub(super) first: Vec<f32>,
}

/// A query against the centre of a branch.
#[derive(Clone, Copy, Debug)]
struct CentredQuery {
    /// Product of query and centre.
    with_centre: f32,
    /// Distance of the query from the centre.
    distance: f32,
    /// Square of the centre's length.
    square: f32,
}

impl CentredQuery {
    /// The cosine of query and passage with the centre taken off both:
    /// `(q - m)(v - m) / |q - m| |v - m|`, from the plain product.
    fn cosine(self, product: f32, with_centre: f32, distance: f32) -> f32 {
        let scale = self.distance * distance;
        let centred = product - self.with_centre - with_centre + self.square;
        // A passage on the centre itself has no direction.
        if scale > 1e-6 { (centred / scale).clamp(-1.0, 1.0) } else { 0.0 }
    }
}

/// Passages of all turns of a branch. Turns are known by slot.
#[derive(Debug, Default)]
pub(super) struct Passages {
    // One entry for each passage in all of these: a scan reads what it needs.
    rows: Vec<Row>,
    /// Position of the turn in the branch, as of the last [`Self::recentre`]; beyond
    /// the last for a turn that has none.
    positions: Vec<u32>,
    vectors: Vec<Vector>,
    /// Product with the centre.
    with_centre: Vec<f32>,
    /// Distance from the centre.
    distances: Vec<f32>,
    quantised: QuantisedRows,
    /// Mean of the vectors of the first turns, see [`centring_turns`].
    centre: Vec<f32>,
    /// Turns that it is the mean of.
    centred_on: usize,
    /// Rows that were measured against it, the first.
    measured: usize,
    /// Rows were taken out since.
    rewritten: bool,
}

impl Passages {
    /// Adds a passage. One of other dimensions than the first, of another
    /// model, cannot be compared and is left out.
    pub(super) fn add(&mut self, slot: u32, range: (u32, u32), vector: &Vector) {
        if self.rows.is_empty() {
            self.quantised = QuantisedRows::default();
        }
        let expected = if self.rows.is_empty() { vector.len() } else { self.dimensions() };
        if vector.len() != expected || vector.is_empty() {
            tracing::warn!(
                expected,
                got = vector.len(),
                "passage left out of the index: its vector is of another model"
            );
            return;
        }
        // The passages of a turn come one after the other.
        let first = self.rows.last().is_none_or(|row| row.slot != slot);
        self.quantised.push(vector);
        self.rows.push(Row { slot, range, first });
        self.vectors.push(vector.clone());
        self.with_centre.push(0.0);
        self.distances.push(1.0);
    }

    /// Takes out all passages of a turn.
    pub(super) fn remove(&mut self, slot: u32) {
        self.rewritten = true;
        let mut at = 0;
        while let Some(row) = self.rows.get(at) {
            if row.slot != slot {
                at += 1;
                continue;
            }
            self.rows.swap_remove(at);
            self.vectors.swap_remove(at);
            self.with_centre.swap_remove(at);
            self.distances.swap_remove(at);
            self.quantised.swap_remove(at);
        }
    }

    /// Notes where the turns of passages stand, and measures passages against the centre,
    /// those that came alone unless it moved. To be called after passages came or went;
    /// `only_grew`: every turn that was there stands where it stood.
    pub(super) fn recentre(&mut self, near: &Neighbourhood, only_grew: bool) {
        let position = |row: &Row| near.position(row.slot).and_then(|at| u32::try_from(at).ok());
        self.positions.clear();
        self.positions.extend(self.rows.iter().map(|row| position(row).unwrap_or(u32::MAX)));
        let turns = centring_turns(near.turns());
        if !only_grew || self.rewritten || turns != self.centred_on {
            self.centre = self.mean(turns);
            self.centred_on = turns;
            self.rewritten = false;
            self.measured = 0;
        }
        let square = dot(&self.centre, &self.centre);
        let measured = self.with_centre.iter_mut().zip(&mut self.distances);
        for (vector, (with_centre, distance)) in
            self.vectors.iter().zip(measured).skip(self.measured)
        {
            let own = dot(vector, vector);
            *with_centre = dot(vector, &self.centre);
            *distance = (own - 2.0 * *with_centre + square).max(0.0).sqrt();
        }
        self.measured = self.rows.len();
    }

    /// Mean of the vectors of the first `turns` turns.
    fn mean(&self, turns: usize) -> Vec<f32> {
        let mut sums = vec![0.0_f64; self.dimensions()];
        let mut count = 0_u32;
        for (position, vector) in self.positions.iter().zip(&self.vectors) {
            if (*position as usize) < turns {
                count += 1;
                sums.iter_mut().zip(vector.iter()).for_each(|(sum, v)| *sum += f64::from(*v));
            }
        }
        let count = f64::from(count.max(1));
        sums.into_iter().map(|sum| (sum / count) as f32).collect()
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.quantised.bytes()
            + self.rows.len() * (ROW_BYTES + self.dimensions() * size_of::<f32>())
    }

    /// The best passage of every one of `turns`; exact for the best `exact` turns, and
    /// within quantisation error for the others. Nothing if there are no
    /// vectors, or the query is of another model.
    pub(super) fn score(&self, query: &[f32], turns: usize, exact: usize) -> Option<Cosines> {
        if query.len() != self.dimensions() || self.rows.is_empty() {
            return None;
        }
        let mut cosines = self.quantised.cosines(query, self.rows.len());
        let mut best = vec![f32::NAN; turns];
        for (position, cosine) in self.positions.iter().zip(&cosines) {
            if let Some(best) = best.get_mut(*position as usize) {
                *best = best.max(*cosine);
            }
        }
        let threshold = nth_best(&best, exact).unwrap_or(f32::NEG_INFINITY);
        // The passages of one turn are compared with each other: all or none.
        let is_near =
            |position: &u32| best.get(*position as usize).is_some_and(|best| *best >= threshold);
        let mut rescored = Vec::with_capacity(exact.min(self.rows.len()));
        let near = self.positions.iter().enumerate().filter(|(_, position)| is_near(position));
        rescored.extend(near.map(|(at, _)| at));
        Arch::new().dispatch(Rescore {
            rows: self,
            query,
            wanted: &rescored,
            cosines: &mut cosines,
        });
        let mut found = Cosines::none(turns);
        let query = self.centred(query);
        let measured = self.with_centre.iter().zip(&self.distances);
        let places = self.positions.iter().zip(&self.rows);
        for ((position, row), (cosine, (product, distance))) in
            places.zip(cosines.iter().zip(measured))
        {
            let centred = query.cosine(*cosine, *product, *distance);
            found.raise(*position as usize, row, *cosine, centred);
        }
        Some(found)
    }

    fn centred(&self, query: &[f32]) -> CentredQuery {
        let with_centre = dot(query, &self.centre);
        let square = dot(&self.centre, &self.centre);
        let distance = (dot(query, query) - 2.0 * with_centre + square).max(0.0).sqrt();
        CentredQuery { with_centre, distance, square }
    }

    fn dimensions(&self) -> usize {
        self.quantised.dimensions()
    }
}

/// The cosines of some rows from the vectors themselves.
struct Rescore<'a> {
    rows: &'a Passages,
    query: &'a [f32],
    wanted: &'a [usize],
    cosines: &'a mut [f32],
}

impl WithSimd for Rescore<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for at in self.wanted {
            if let (Some(vector), Some(cosine)) =
                (self.rows.vectors.get(*at), self.cosines.get_mut(*at))
            {
                *cosine = dot(vector, self.query).clamp(-1.0, 1.0);
            }
        }
    }
}

impl Cosines {
    /// Of turns without vectors.
    pub(super) fn none(turns: usize) -> Self {
        let nothing = vec![f32::NAN; turns];
        Self {
            ranges: vec![(0, 0); turns],
            centred: nothing.clone(),
            first: nothing.clone(),
            best: nothing,
        }
    }

    /// Takes in a passage of the turn at a position.
    fn raise(&mut self, at: usize, row: &Row, cosine: f32, centred: f32) {
        let (Some(best), Some(range)) = (self.best.get_mut(at), self.ranges.get_mut(at)) else {
            return;
        };
        let (Some(best_centred), Some(first)) = (self.centred.get_mut(at), self.first.get_mut(at))
        else {
            return;
        };
        if row.first || best.is_nan() {
            *first = centred;
        }
        *best_centred = best_centred.max(centred);
        if best.is_nan() || cosine > *best {
            *best = cosine;
            *range = row.range;
        }
    }
}

/// Turns that the centre of a branch of so many is the mean of, the first of them.
fn centring_turns(turns: usize) -> usize {
    let dropped = (usize::BITS - turns.leading_zeros()).saturating_sub(CENTRE_DIGITS);
    turns >> dropped << dropped
}

/// Eight sums side by side, because a single one cannot be vectorised without
/// changing the result.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_parts, a_rest) = a.as_chunks::<8>();
    let (b_parts, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
