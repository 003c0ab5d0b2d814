//! The fields of a JSON object from outside, each read as what it must be or named as what it is not.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::gateway::GatewayError;

/// How much of a gateway's words an error may carry, in characters.
const EXCERPT_CHARS: usize = 120;

/// What is wrong with a reply.
#[derive(Debug, Error)]
pub enum ReplyProblem {
    /// It is not JSON, or has a key twice.
    #[error("not JSON that can be read")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A field is missing or of another kind.
    #[error("field `{field}` is not {accepted}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        accepted: &'static str,
    },
    /// It does not name the request, or not once.
    #[error("does not name the request")]
    Nameless,
    /// The status says one thing and the return code another.
    #[error("status and retcode contradict each other")]
    Contradiction,
    /// The status is none that answers this request.
    #[error("status does not answer the request")]
    Status,
}

/// A JSON object and, for errors, how it begins.
pub(super) struct Fields {
    map: Map<String, Value>,
    excerpt: String,
}

impl Fields {
    pub(super) fn parse(message: &[u8]) -> Result<Self, GatewayError> {
        // A character has at most four bytes: this much is enough for an excerpt.
        let beginning = &message[..message.len().min(4 * EXCERPT_CHARS)];
        let excerpt = excerpt(&String::from_utf8_lossy(beginning));
        let problem = match serde_json::from_slice(message) {
            Ok(Json::Object(map)) => return Ok(Self { map, excerpt }),
            Ok(Json::Other) => ReplyProblem::NotAnObject,
            Err(error) => ReplyProblem::NotJson(error),
        };
        Err(GatewayError::BadReply { problem, excerpt })
    }

    /// Whether the field is there and not null.
    pub(super) fn has(&self, field: &str) -> bool {
        self.map.get(field).is_some_and(|value| !value.is_null())
    }

    pub(super) fn text(&self, field: &'static str) -> Result<&str, GatewayError> {
        self.get(field, Value::as_str, "a string")
    }

    pub(super) fn number(&self, field: &'static str) -> Result<f64, GatewayError> {
        self.get(field, Value::as_f64, "a number")
    }

    pub(super) fn whole(&self, field: &'static str) -> Result<u64, GatewayError> {
        self.get(field, Value::as_u64, "a whole number from 0")
    }

    pub(super) fn positive(&self, field: &'static str) -> Result<f64, GatewayError> {
        let above = |value: &Value| value.as_f64().filter(|number| *number > 0.0);
        self.get(field, above, "a number above 0")
    }

    pub(super) fn rows(&self, field: &'static str) -> Result<Vec<Self>, GatewayError> {
        let objects = |value: &Value| value.as_array()?.iter().map(row).collect();
        self.get(field, objects, "a list of objects")
    }

    fn get<'a, T: 'a>(
        &'a self,
        field: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
        accepted: &'static str,
    ) -> Result<T, GatewayError> {
        let value = self.map.get(field).and_then(read);
        value.ok_or_else(|| self.misses(field, accepted))
    }

    pub(super) fn misses(&self, field: &'static str, accepted: &'static str) -> GatewayError {
        self.bad(ReplyProblem::Field { field, accepted })
    }

    pub(super) fn bad(&self, problem: ReplyProblem) -> GatewayError {
        GatewayError::BadReply {
            problem,
            excerpt: self.excerpt.clone(),
        }
    }
}

/// What a message holds. Of two prices in one object neither can be believed, so that its keys must differ.
enum Json {
    Object(Map<String, Value>),
    Other,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("key `{key}` stands twice")));
            }
            map.insert(key, value);
        }
        Ok(Json::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Json::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }
}

fn row(value: &Value) -> Option<Fields> {
    Some(Fields {
        map: value.as_object()?.clone(),
        excerpt: excerpt(&value.to_string()),
    })
}

/// The beginning of a text, fit for a log line: bounded, without control characters.
pub(super) fn excerpt(text: &str) -> String {
    let printable = |letter: char| {
        if letter.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            letter
        }
    };
    text.chars().take(EXCERPT_CHARS).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_of_garbage_is_short_and_printable() {
        let garbage = [b"\x1b[31m".to_vec(), vec![b'a'; 1_000_000]].concat();
        let Err(GatewayError::BadReply { excerpt, .. }) = Fields::parse(&garbage) else {
            panic!("garbage was read")
        };
        assert_eq!(excerpt.chars().count(), EXCERPT_CHARS);
        assert!(!excerpt.chars().any(char::is_control));
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        for (message, expected) in [
            ("[1]", "not a JSON object"),
            ("null", "not a JSON object"),
            ("{", "not JSON that can be read"),
            ("{\"a\":1,\"a\":2}", "not JSON that can be read"),
        ] {
            let Err(GatewayError::BadReply { problem, .. }) = Fields::parse(message.as_bytes())
            else {
                panic!("{message} was read")
            };
            assert_eq!(problem.to_string(), expected);
        }
    }
}
