//! Field masks: which fields of a resource an update takes over.

use super::Violations;

/// A field mask that names known fields only.
pub(super) struct Mask(Option<Vec<String>>);

impl Mask {
    /// Reads a mask; an absent or empty one stands for all `known` fields.
    pub(super) fn read(
        mask: Option<prost_types::FieldMask>,
        known: &[&str],
        violations: &mut Violations,
    ) -> Self {
        let paths = mask.map(|mask| mask.paths).unwrap_or_default();
        for (at, path) in paths.iter().enumerate() {
            if !known.contains(&path.as_str()) {
                let known = known.join(", ");
                violations.add(format!("update_mask.paths[{at}]"), format!("is none of {known}"));
            }
        }
        Self(Some(paths).filter(|paths| !paths.is_empty()))
    }

    /// Whether the update takes this field over.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.as_ref().is_none_or(|paths| paths.iter().any(|path| path == field))
    }
}
