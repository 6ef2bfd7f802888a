//! Sizes of pages. A page ends at so many items or so many bytes, whichever
//! comes first, so that an answer passes a client's default message limit.

use throughline_memory::engine::Limits;

use super::Violations;

/// Items of a page if the caller does not say.
pub const DEFAULT_PAGE_SIZE: usize = 100;
/// A page ends when it has more bytes: gRPC clients take 4 MiB by default.
pub const MAX_PAGE_BYTES: usize = 3 << 20;

/// Checks `page_size`; `default` if it is 0.
pub fn page_size(
    size: i32,
    default: usize,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<usize> {
    match u64::try_from(size) {
        Ok(0) => Some(default),
        Ok(size) if size <= limits.page_size => usize::try_from(size).ok(),
        _ => {
            let max = limits.page_size;
            violations.add(
                "page_size",
                format!("is {size}, must be 0 (for {default}) to {max} (page_size)"),
            );
            None
        }
    }
}

/// How many of the first items fit into a page by their encoded sizes; at least
/// one, if there is one.
pub fn whole_prefix(sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    sizes
        .take_while(|size| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(*size);
            first || bytes <= MAX_PAGE_BYTES
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_are_checked() {
        for (size, expected) in
            [(0, Some(100)), (1, Some(1)), (1_000, Some(1_000)), (1_001, None), (-1, None)]
        {
            let mut violations = Violations::new();
            let read = page_size(size, DEFAULT_PAGE_SIZE, &Limits::default(), &mut violations);
            assert_eq!(read, expected, "{size}");
            assert_eq!(violations.finish(Some(())).is_ok(), expected.is_some(), "{size}");
        }
    }

    #[test]
    fn a_page_ends_at_its_bytes_but_never_empty() {
        for (sizes, expected) in [
            (vec![], 0),
            (vec![MAX_PAGE_BYTES * 2, 1], 1),
            (vec![MAX_PAGE_BYTES, 1], 1),
            (vec![MAX_PAGE_BYTES - 1, 1, 1], 2),
            (vec![1, 2, 3], 3),
        ] {
            assert_eq!(whole_prefix(sizes.iter().copied()), expected, "{sizes:?}");
        }
    }
}
