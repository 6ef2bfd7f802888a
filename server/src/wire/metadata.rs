//! A turn's metadata: a `google.protobuf.Struct` that is kept as its encoded
//! bytes. The domain never reads it.

use prost::Message;
use prost_types::{Struct, Value, value::Kind};
use throughline_memory::{
    engine::{EngineError, Limits},
    store::StoreError,
};

use super::Violations;

/// Levels of lists and structs inside of each other. Deeper metadata could be
/// taken in but not be read back through a message that nests it once more.
const MAX_DEPTH: usize = 24;

/// An empty struct encodes to nothing, which stands for an absent one. Tag 0 is
/// never used, so this byte cannot be the beginning of a struct.
const EMPTY_STRUCT: [u8; 1] = [0];

/// Encodes metadata; empty if absent.
pub(crate) fn encode(
    metadata: Option<&Struct>,
    path: &str,
    limits: &Limits,
    violations: &mut Violations,
) -> Vec<u8> {
    let Some(metadata) = metadata else { return Vec::new() };
    if metadata.fields.is_empty() {
        return EMPTY_STRUCT.to_vec();
    }
    let field = format!("{path}.metadata");
    if !metadata.fields.values().all(|value| shallow(value, MAX_DEPTH)) {
        violations.add(&*field, format!("nests deeper than {MAX_DEPTH} levels"));
    }
    let bytes = metadata.encode_to_vec();
    if bytes.len() as u64 > limits.metadata_bytes {
        let (is, max) = (bytes.len(), limits.metadata_bytes);
        violations.add(&*field, format!("has {is} bytes, the limit metadata_bytes is {max}"));
    }
    bytes
}

fn shallow(value: &Value, levels: usize) -> bool {
    let Some(left) = levels.checked_sub(1) else { return false };
    match &value.kind {
        Some(Kind::StructValue(inner)) => inner.fields.values().all(|value| shallow(value, left)),
        Some(Kind::ListValue(list)) => list.values.iter().all(|value| shallow(value, left)),
        _ => true,
    }
}

/// Decodes stored metadata.
///
/// # Errors
/// [`StoreError::Corrupt`] for bytes that are not what [`encode`] gave.
pub(super) fn decode(bytes: &[u8], turn: &str) -> Result<Option<Struct>, EngineError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes == EMPTY_STRUCT {
        return Ok(Some(Struct::default()));
    }
    Struct::decode(bytes).map(Some).map_err(|error| {
        let detail = format!("metadata: {error}");
        EngineError::Store(StoreError::Corrupt { key: turn.to_owned(), detail })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value { kind: Some(Kind::StringValue(value.to_owned())) }
    }

    fn one(key: &str, value: Value) -> Struct {
        Struct { fields: [(key.to_owned(), value)].into() }
    }

    fn nested(levels: usize) -> Struct {
        (1..levels).fold(one("k", text("v")), |inner, _| {
            one("k", Value { kind: Some(Kind::StructValue(inner)) })
        })
    }

    fn check(metadata: Option<Struct>) {
        let mut violations = Violations::new();
        let bytes = encode(metadata.as_ref(), "turn", &Limits::default(), &mut violations);
        violations.finish(Some(())).unwrap();
        assert_eq!(decode(&bytes, "turn").unwrap(), metadata);
    }

    #[test]
    fn metadata_comes_back() {
        check(None);
        check(Some(Struct::default()));
        check(Some(one("k", text("\u{200b}ü"))));
        check(Some(one("n", Value { kind: Some(Kind::NumberValue(-0.5)) })));
        check(Some(one("unset", Value { kind: None })));
        check(Some(nested(MAX_DEPTH)));
    }

    #[test]
    fn too_deep_and_too_large_are_refused() {
        for bad in [nested(MAX_DEPTH + 1), one("k", text(&"x".repeat(16 << 10)))] {
            let mut violations = Violations::new();
            encode(Some(&bad), "turns[2]", &Limits::default(), &mut violations);
            let Err(EngineError::Invalid(found)) = violations.finish(Some(())) else {
                panic!("not refused")
            };
            assert_eq!(found[0].field, "turns[2].metadata");
        }
    }

    #[test]
    fn damaged_bytes_are_data_loss() {
        assert!(matches!(
            decode(&[0xff, 0xff], "turn"),
            Err(EngineError::Store(StoreError::Corrupt { .. }))
        ));
    }
}
