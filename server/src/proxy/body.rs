//! A request's body as a JSON object whose values stay the bytes that they are:
//! what is not replaced goes on untouched, in its order.

use std::fmt;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::error::ProxyError;

/// Fields of a request at most: the APIs know some dozens.
const MAX_FIELDS: usize = 256;

/// A JSON object, its values not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    fields: Vec<(String, Bytes)>,
}

impl Body {
    /// Reads an object; its values share the bytes.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`].
    pub(super) fn read(bytes: &Bytes) -> Result<Self, ProxyError> {
        let Fields(fields) = json(bytes, "the body")?;
        let own = |(name, value): (String, &RawValue)| (name, slice(bytes, value));
        Ok(Self { fields: fields.into_iter().map(own).collect() })
    }

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&Bytes> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A field that is a list, and its elements.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`] if it is absent or no list.
    pub(super) fn list(&self, name: &'static str) -> Result<(&Bytes, Vec<Bytes>), ProxyError> {
        let field = self.get(name).ok_or_else(|| ProxyError::malformed(name, "is required"))?;
        Ok((field, list(field, name)?))
    }

    /// A field that is text; none if it is absent or something else.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_slice(self.get(name)?).ok()
    }

    /// A field that is a number; none if it is absent or something else.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        serde_json::from_slice(self.get(name)?).ok()
    }

    /// Replaces a field in its place, or adds it at the end.
    pub(super) fn set(&mut self, name: &str, value: Bytes) {
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name.to_owned(), value)),
        }
    }

    /// Takes the texts under `metadata` whose name begins with `prefix` out; gives
    /// them without it. Metadata that are empty then go too: some upstreams know of
    /// none.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`] if one of them is no text.
    pub(super) fn take_metadata(
        &mut self,
        prefix: &str,
    ) -> Result<Vec<(String, String)>, ProxyError> {
        let place = self.fields.iter().position(|(name, _)| name == "metadata");
        let given = place.and_then(|at| Some((at, Self::read(&self.fields.get(at)?.1).ok()?)));
        let Some((at, mut inner)) = given else { return Ok(Vec::new()) };
        let mut taken = Vec::new();
        for (name, value) in &inner.fields {
            let Some(own) = name.strip_prefix(prefix) else { continue };
            let text = serde_json::from_slice::<String>(value)
                .map_err(|_| ProxyError::malformed(format!("metadata.{name}"), "must be text"))?;
            taken.push((own.to_owned(), text));
        }
        inner.fields.retain(|(name, _)| !name.starts_with(prefix));
        if inner.fields.is_empty() && !taken.is_empty() {
            self.fields.remove(at);
        } else if !taken.is_empty()
            && let Some((_, value)) = self.fields.get_mut(at)
        {
            *value = inner.write();
        }
        Ok(taken)
    }

    /// As JSON.
    pub(super) fn write(&self) -> Bytes {
        let size: usize =
            self.fields.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        let mut out = BytesMut::with_capacity(size + 2);
        out.put_u8(b'{');
        for (at, (name, value)) in self.fields.iter().enumerate() {
            if at > 0 {
                out.put_u8(b',');
            }
            out.put_slice(&quoted(name));
            out.put_u8(b':');
            out.put_slice(value);
        }
        out.put_u8(b'}');
        out.freeze()
    }
}

/// The elements of a JSON list, as they are.
///
/// # Errors
/// [`ProxyError::Malformed`].
pub(super) fn list(bytes: &Bytes, name: &'static str) -> Result<Vec<Bytes>, ProxyError> {
    let elements: Vec<&RawValue> = json(bytes, name)?;
    Ok(elements.into_iter().map(|element| slice(bytes, element)).collect())
}

/// A JSON list of elements that are JSON.
pub(super) fn joined(elements: &[Bytes]) -> Bytes {
    let size: usize = elements.iter().map(|element| element.len() + 1).sum();
    let mut out = BytesMut::with_capacity(size + 2);
    out.put_u8(b'[');
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        out.put_slice(element);
    }
    out.put_u8(b']');
    out.freeze()
}

/// JSON of something of ours.
pub(super) fn to_json(value: &serde_json::Value) -> Bytes {
    value.to_string().into()
}

fn quoted(name: &str) -> Vec<u8> {
    serde_json::Value::String(name.to_owned()).to_string().into_bytes()
}

fn json<'a, T: Deserialize<'a>>(bytes: &'a Bytes, name: &str) -> Result<T, ProxyError> {
    serde_json::from_slice(bytes).map_err(|error| ProxyError::malformed(name, error.to_string()))
}

fn slice(bytes: &Bytes, value: &RawValue) -> Bytes {
    bytes.slice_ref(value.get().as_bytes())
}

struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Vec<(String, &'de RawValue)> = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    let name: String = name;
                    // Two readers of the same field could read different ones.
                    if fields.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format!("has the field {name:?} twice")));
                    }
                    if fields.len() == MAX_FIELDS {
                        return Err(A::Error::custom(format!("has more than {MAX_FIELDS} fields")));
                    }
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Body, ProxyError> {
        Body::read(&Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn what_is_not_replaced_goes_on_byte_for_byte() {
        let json = r#"{"model": "m","x":{"z":1.0, "a":1e3},"messages":[1, {"b" :2}],"é\"":null}"#;
        let mut body = read(json).unwrap();
        assert_eq!(body.list("messages").unwrap().1, ["1", "{\"b\" :2}"]);
        body.set("messages", joined(&[Bytes::from("7")]));
        let expected = r#"{"model":"m","x":{"z":1.0, "a":1e3},"messages":[7],"é\"":null}"#;
        assert_eq!(body.write(), expected);
    }

    #[test]
    fn own_metadata_are_taken_out() {
        let mut body = read(r#"{"metadata":{"throughline_conversation":"c","k":"v"}}"#).unwrap();
        assert_eq!(
            body.take_metadata("throughline_").unwrap(),
            [("conversation".to_owned(), "c".to_owned())]
        );
        assert_eq!(body.write(), r#"{"metadata":{"k":"v"}}"#);
        let mut body = read(r#"{"a":1,"metadata":{"throughline_user":"c"}}"#).unwrap();
        body.take_metadata("throughline_").unwrap();
        assert_eq!(body.write(), r#"{"a":1}"#);
        for untouched in [r#"{"metadata":{}}"#, r#"{"metadata":7}"#, r#"{"metadata":{"k":1}}"#] {
            let mut body = read(untouched).unwrap();
            assert!(body.take_metadata("throughline_").unwrap().is_empty());
            assert_eq!(body.write(), untouched);
        }
        for value in ["7", "null", "true", "[\"c\"]"] {
            let json = format!(r#"{{"metadata":{{"throughline_conversation":{value}}}}}"#);
            let error = read(&json).unwrap().take_metadata("throughline_").unwrap_err().to_string();
            assert_eq!(error, "metadata.throughline_conversation must be text");
        }
    }

    #[test]
    fn malformed_bodies_are_told_with_their_place() {
        for (json, words) in [
            ("", "EOF"),
            ("[1]", "an object"),
            ("{\"a\":1", "line 1"),
            ("{\"a\":1,\"a\":2}", "twice"),
            ("{\"a\":1}x", "trailing"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(words), "{json}: {error}");
        }
        let error = read("{}").unwrap().list("messages").unwrap_err().to_string();
        assert!(error.contains("messages is required"), "{error}");
    }
}
