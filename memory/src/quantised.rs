//! Vectors in one byte a dimension: rows of one contiguous matrix, so that a scan over
//! all of them reads little and in order.
//!
//! A vector `v` is kept as `q = round(v / s)` with `s = max|v| / 127`. A product of two
//! such rows is off by at most half a step in each dimension, which for 384 dimensions is
//! about 0.003 in the cosine of unit vectors.

use pulp::{Arch, Simd, WithSimd};

/// See the module. The first row that is not empty says of how many dimensions all are.
#[derive(Debug, Default)]
pub(crate) struct QuantisedRows {
    dimensions: usize,
    codes: Vec<i8>,
    /// The step of each row; 0 for one that is near to nothing.
    scales: Vec<f32>,
}

impl QuantisedRows {
    /// Dimensions of the rows; 0 while none has any.
    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.len() + self.scales.len() * size_of::<f32>()
    }

    /// Adds a row. A vector of other dimensions than the first, an empty one, and one that is
    /// zero or not finite become a row whose cosine with everything is 0.
    pub(crate) fn push(&mut self, vector: &[f32]) {
        if self.dimensions == 0 {
            self.dimensions = vector.len();
            // Of rows without a vector that came before.
            self.codes.resize(self.scales.len() * self.dimensions, 0);
        }
        let scale = if vector.len() == self.dimensions { scale_of(vector) } else { 0.0 };
        let codes = vector.iter().map(|value| quantise(*value, scale)).take(self.dimensions);
        self.codes.extend(codes);
        self.scales.push(scale);
        self.codes.resize(self.scales.len() * self.dimensions, 0);
    }

    /// Takes a row out; the last one takes its place.
    pub(crate) fn swap_remove(&mut self, at: usize) {
        if at >= self.scales.len() {
            return;
        }
        self.scales.swap_remove(at);
        let last = self.scales.len() * self.dimensions;
        let start = at * self.dimensions;
        if start < last {
            self.codes.copy_within(last.., start);
        }
        self.codes.truncate(last);
    }

    /// The cosine of a unit vector with each of the first `rows` rows, in order, within the
    /// error of quantisation; 0 for a vector of other dimensions.
    pub(crate) fn cosines(&self, query: &[f32], rows: usize) -> Vec<f32> {
        let mut cosines = vec![0.0; rows.min(self.scales.len())];
        if query.len() == self.dimensions {
            let query_scale = scale_of(query);
            let query: Vec<i16> =
                query.iter().map(|value| i16::from(quantise(*value, query_scale))).collect();
            let cosines = &mut cosines[..];
            Arch::new().dispatch(Scan { rows: self, query: &query, query_scale, cosines });
        }
        cosines
    }
}

/// The pass over the rows, made for the machine's registers: a closure might not
/// be inlined where they are known.
struct Scan<'a> {
    rows: &'a QuantisedRows,
    query: &'a [i16],
    query_scale: f32,
    cosines: &'a mut [f32],
}

impl WithSimd for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.rows.codes.chunks_exact(self.rows.dimensions.max(1));
        for ((cosine, row), scale) in self.cosines.iter_mut().zip(rows).zip(&self.rows.scales) {
            *cosine = (dot(row, self.query) as f32 * scale * self.query_scale).clamp(-1.0, 1.0);
        }
    }
}

/// The step of quantisation; 0 for a vector with a value that is not finite.
fn scale_of(vector: &[f32]) -> f32 {
    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    // A sum keeps what a maximum passes over: what is no number.
    let is_finite = vector.iter().map(|value| value.abs()).sum::<f32>().is_finite();
    if is_finite { largest / 127.0 } else { 0.0 }
}

fn quantise(value: f32, scale: f32) -> i8 {
    // A cast of what is out of range, infinite or not a number saturates.
    if scale > 0.0 { (value / scale).round() as i8 } else { 0 }
}

/// At most 127 * 127 a dimension: no overflow below 133,000 dimensions. LLVM
/// makes multiply-add of pairs (`pmaddwd`) out of it.
#[inline(always)]
fn dot(row: &[i8], query: &[i16]) -> i32 {
    row.iter().zip(query).map(|(row, query)| i32::from(i16::from(*row)) * i32::from(*query)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_scanned_in_order_and_go_one_by_one() {
        let mut rows = QuantisedRows::default();
        assert!(rows.cosines(&[1.0, 0.0], 9).is_empty());
        for vector in [[1.0, 0.0], [0.6, 0.8], [0.0, 0.0], [0.0, -1.0]] {
            rows.push(&vector);
        }
        rows.push(&[1.0, 0.0, 0.0]);
        rows.push(&[f32::NAN, 0.5]);
        let near = |found: Vec<f32>, expected: &[f32]| {
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{found:?}");
        };
        near(rows.cosines(&[1.0, 0.0], 9), &[1.0, 0.6, 0.0, 0.0, 0.0, 0.0]);
        near(rows.cosines(&[0.0, 1.0], 2), &[0.0, 0.8]);
        near(rows.cosines(&[1.0], 2), &[0.0, 0.0]);
        rows.swap_remove(0);
        rows.swap_remove(9);
        near(rows.cosines(&[0.0, 1.0], 9), &[0.0, 0.8, 0.0, -1.0, 0.0]);
        rows.swap_remove(4);
        near(rows.cosines(&[0.0, 1.0], 9), &[0.0, 0.8, 0.0, -1.0]);
        assert_eq!((rows.dimensions(), rows.bytes()), (2, 4 * 2 + 4 * 4));
        let mut late = QuantisedRows::default();
        late.push(&[]);
        late.push(&[0.0, 1.0]);
        near(late.cosines(&[0.0, 1.0], 9), &[0.0, 1.0]);
    }
}
