//! Which terms stand side by side in which turn: a phrase that a question
//! repeats is stronger evidence than its words apart.
//!
//! Kept by the first term of a pair, so that a question's pair is found in one
//! run through a list. Invariant: every list is in ascending order of slots.

/// A term that follows another one in the turn of a slot.
#[derive(Clone, Copy, Debug)]
struct Follower {
    slot: u32,
    term: u32,
}

/// What follows each term, each pair once for a turn.
#[derive(Debug, Default)]
pub(super) struct Pairs(Vec<Vec<Follower>>);

impl Pairs {
    /// Takes in the running terms of a slot, the highest so far; returns the
    /// memory that it takes, in bytes.
    pub(super) fn set(&mut self, slot: u32, running: &[u32]) -> usize {
        let mut pairs: Vec<(u32, u32)> = running
            .windows(2)
            .filter_map(|two| if let [a, b] = two { Some((*a, *b)) } else { None })
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let terms = pairs.last().map_or(0, |(first, _)| *first as usize + 1);
        if self.0.len() < terms {
            self.0.resize_with(terms, Vec::new);
        }
        for (first, term) in &pairs {
            if let Some(followers) = self.0.get_mut(*first as usize) {
                followers.push(Follower { slot, term: *term });
            }
        }
        pairs.len() * size_of::<Follower>()
    }

    /// Lets go of the pairs of a slot; returns the memory that it frees.
    pub(super) fn clear(&mut self, slot: u32) -> usize {
        let mut freed = 0;
        for followers in &mut self.0 {
            let start = followers.partition_point(|follower| follower.slot < slot);
            let behind = followers.get(start..).unwrap_or_default();
            let end = start + behind.partition_point(|follower| follower.slot == slot);
            freed += followers.drain(start..end).len();
        }
        freed * size_of::<Follower>()
    }

    /// The slots in which `a` stands right before `b`, in ascending order.
    pub(super) fn slots(&self, a: u32, b: u32) -> impl Iterator<Item = u32> {
        let followers = self.0.get(a as usize).map_or(&[][..], Vec::as_slice);
        followers.iter().filter(move |follower| follower.term == b).map(|follower| follower.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_counts_and_slots_are_apart() {
        let mut pairs = Pairs::default();
        let slots = |pairs: &Pairs, a: u32, b: u32| -> Vec<u32> { pairs.slots(a, b).collect() };
        let bytes = pairs.set(1, &[3, 4, 3, 4]);
        pairs.set(2, &[4, 3]);
        assert_eq!(slots(&pairs, 3, 4), [1]);
        assert_eq!(slots(&pairs, 4, 3), [1, 2]);
        assert_eq!(slots(&pairs, 3, 3), [0_u32; 0]);
        assert_eq!(slots(&pairs, 9, 3), [0_u32; 0]);
        assert_eq!((bytes, pairs.clear(1)), (16, 16));
        assert_eq!(slots(&pairs, 3, 4), [0_u32; 0]);
        assert_eq!(slots(&pairs, 4, 3), [2]);
    }
}
