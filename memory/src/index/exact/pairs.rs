//! Which terms stand side by side in which turn: a phrase that a question
//! repeats is stronger evidence than its words apart.

/// The pairs of each slot, sorted.
#[derive(Debug, Default)]
pub(super) struct Pairs(Vec<Box<[u64]>>);

impl Pairs {
    /// Takes in the running terms of a slot; returns the memory that it takes,
    /// in bytes.
    pub(super) fn set(&mut self, slot: u32, running: &[u32]) -> usize {
        let mut pairs: Vec<u64> = running
            .windows(2)
            .filter_map(|two| if let [a, b] = two { Some(key(*a, *b)) } else { None })
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let slots = self.0.len().max(slot as usize + 1);
        self.0.resize_with(slots, Box::default);
        let bytes = pairs.len() * size_of::<u64>();
        if let Some(place) = self.0.get_mut(slot as usize) {
            *place = pairs.into();
        }
        bytes
    }

    /// Lets go of the pairs of a slot; returns the memory that it frees.
    pub(super) fn clear(&mut self, slot: u32) -> usize {
        let pairs = self.0.get_mut(slot as usize).map(std::mem::take);
        pairs.map_or(0, |pairs| pairs.len() * size_of::<u64>())
    }

    /// Whether `a` stands right before `b` in the turn of a slot.
    pub(super) fn hold(&self, slot: u32, a: u32, b: u32) -> bool {
        let pairs = self.0.get(slot as usize);
        pairs.is_some_and(|pairs| pairs.binary_search(&key(a, b)).is_ok())
    }
}

fn key(a: u32, b: u32) -> u64 {
    u64::from(a) << 32 | u64::from(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_counts_and_slots_are_apart() {
        let mut pairs = Pairs::default();
        let bytes = pairs.set(1, &[3, 4, 3, 4]);
        assert!(pairs.hold(1, 3, 4) && pairs.hold(1, 4, 3));
        assert!(!pairs.hold(1, 3, 3) && !pairs.hold(0, 3, 4) && !pairs.hold(9, 3, 4));
        assert_eq!((bytes, pairs.clear(1)), (16, 16));
        assert!(!pairs.hold(1, 3, 4));
    }
}
