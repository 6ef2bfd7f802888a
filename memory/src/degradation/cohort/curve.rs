//! Curves: the level of a cohort over an axis, with how sure and how reliable it is.

use super::{Histogram, Interval, Places, bootstrap_mean, wilson};

/// Buckets of an axis: each twice as wide as the one before.
const BUCKETS: usize = 24;

/// The bucket of a place on an axis from 1 on.
pub(super) fn bucket(place: u64) -> u8 {
    // 24 at most.
    place.max(1).ilog2().min(BUCKETS as u32 - 1) as u8
}

/// A level with its spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Values: one of each conversation.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// 95 % interval of the mean: Wilson's where every value is 0 or 1, else the
    /// bootstrap's, which of a single value is 0 to 1.
    pub interval: Interval,
    /// 90th less 10th percentile: how unreliable it is.
    pub unreliability: f64,
    /// Best less worst.
    pub gap: f64,
}

impl Level {
    /// The level of values; nothing without any.
    pub fn of(values: &Histogram) -> Option<Self> {
        let mean = values.mean()?;
        let ends = |low, high| Some(values.quantile(high)? - values.quantile(low)?);
        let interval = match values.ones() {
            Some(ones) => wilson(ones, values.count()),
            None => bootstrap_mean(values),
        };
        Some(Self {
            count: values.count(),
            mean,
            interval: interval?,
            unreliability: ends(0.1, 0.9)?,
            gap: ends(0.0, 1.0)?,
        })
    }
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// First place on the axis.
    pub from: u64,
    /// Last place on the axis.
    pub until: u64,
    /// The level there.
    pub level: Level,
}

/// Values from 0 to 1 by their place on an axis from 1 on, in buckets of 1, 2 to 3,
/// 4 to 7 and so on. What one conversation has in a bucket hangs together: it counts as
/// one value, their mean, so that intervals are those of independent conversations.
#[derive(Clone, Debug)]
pub struct Curve {
    buckets: Vec<Histogram>,
}

impl Default for Curve {
    fn default() -> Self {
        Self { buckets: vec![Histogram::default(); BUCKETS] }
    }
}

impl Curve {
    /// Takes what a conversation has in: in each bucket one value, its mean.
    pub fn add_conversation(&mut self, places: &Places) {
        for (bucket, sum) in places {
            if let (Some(values), Some(mean)) =
                (self.buckets.get_mut(usize::from(*bucket)), sum.mean())
            {
                values.add(mean);
            }
        }
    }

    /// The points with values, in order.
    pub fn points(&self) -> Vec<CurvePoint> {
        let point = |(at, values): (usize, &Histogram)| {
            let from = 1_u64 << at;
            let until = if at + 1 == BUCKETS { u64::MAX } else { 2 * from - 1 };
            Some(CurvePoint { from, until, level: Level::of(values)? })
        };
        self.buckets.iter().enumerate().filter_map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(values: &[(u64, f64)]) -> Places {
        let mut places = Places::new();
        for (place, value) in values {
            places.entry(bucket(*place)).or_default().add(*value);
        }
        places
    }

    #[test]
    fn values_stand_in_the_bucket_of_their_place() {
        let mut curve = Curve::default();
        for (place, value) in [(0, 1.0), (1, 0.0), (2, 0.5), (3, 0.7), (900, 0.2), (u64::MAX, 0.1)]
        {
            curve.add_conversation(&places(&[(place, value)]));
        }
        let points = curve.points();
        let ranges: Vec<_> = points.iter().map(|point| (point.from, point.until)).collect();
        assert_eq!(ranges, [(1, 1), (2, 3), (512, 1_023), (1 << 23, u64::MAX)]);
        assert_eq!(points[0].level.count, 2);
        assert!((points[1].level.mean - 0.6).abs() < 1e-9);
        assert!((points[1].level.gap - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_conversation_counts_once_in_each_bucket() {
        let mut curve = Curve::default();
        let values = [(4, 1.0), (5, 1.0), (6, 0.0), (7, f64::NAN), (8, 0.5)];
        curve.add_conversation(&places(&values));
        curve.add_conversation(&places(&[(7, 0.0)]));
        curve.add_conversation(&places(&[]));
        let points: Vec<_> = curve.points().into_iter().map(|one| (one.from, one.level)).collect();
        assert_eq!(points.iter().map(|(from, _)| *from).collect::<Vec<_>>(), [4, 8]);
        assert_eq!(points.iter().map(|(_, level)| level.count).collect::<Vec<_>>(), [2, 1]);
        assert!((points[0].1.mean - 1.0 / 3.0).abs() < 1e-12, "{points:?}");
        // However many turns say the same, they are one conversation.
        let (mut one, mut many) = (Curve::default(), Curve::default());
        for good in [1.0, 1.0, 0.0] {
            one.add_conversation(&places(&[(4, good)]));
            let values = [4, 5, 6, 7].map(|place| (place, good));
            many.add_conversation(&places(&values));
        }
        assert_eq!(one.points(), many.points());
        assert_eq!(Some(many.points()[0].level.interval), wilson(2, 3));
    }

    #[test]
    fn proportions_have_the_interval_of_wilson() {
        let mut values = Histogram::default();
        (0..10).for_each(|n| values.add(f64::from(n % 2)));
        let level = Level::of(&values).unwrap();
        assert_eq!(Some(level.interval), wilson(5, 10));
        assert_eq!((level.unreliability, level.gap), (1.0, 1.0));
        values.add(0.5);
        assert_ne!(Some(Level::of(&values).unwrap().interval), wilson(5, 11));
        assert_eq!(Level::of(&Histogram::default()), None);
    }
}
