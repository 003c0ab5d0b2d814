//! One tree for YAML and JSON, every part with its place in the file.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Parser, Span};
use serde_json::value::RawValue;

use super::InputError;
use super::source::{Source, offset_in};

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its first byte in the file.
    pub(crate) at: usize,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
    /// Any scalar, as text.
    Text(String),
}

impl Node {
    /// The value of a key, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find_map(|(k, node)| (k == key).then_some(node))
    }

    /// The value at the end of a path of keys.
    pub(crate) fn path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// The elements of a list or the values of a map.
    pub(crate) fn children(&self) -> Vec<&Node> {
        let values = self.entries().iter().map(|(_, value)| value);
        self.items().iter().chain(values).collect()
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The elements of the list under a key.
    pub(crate) fn items_of(&self, key: &str) -> &[Node] {
        self.get(key).map_or(&[], Node::items)
    }

    /// The entries of a map; none of anything else.
    pub(crate) fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }
}

/// Reads JSON.
///
/// # Errors
/// If the text is not JSON, with the place.
pub(crate) fn json(source: &Source) -> Result<Node, InputError> {
    let raw: &RawValue = serde_json::from_str(&source.text).map_err(|error| InputError::Json {
        path: source.path.clone(),
        line: error.line(),
        column: error.column(),
        error,
    })?;
    let start = source.text.as_ptr() as usize;
    json_node(raw, start).map_err(|error| InputError::Json {
        path: source.path.clone(),
        line: 1,
        column: 1,
        error,
    })
}

fn json_node(raw: &RawValue, start: usize) -> Result<Node, serde_json::Error> {
    let text = raw.get();
    let value = match text.as_bytes().first() {
        Some(b'{') => {
            let map: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            let mut entries = map
                .into_iter()
                .map(|(key, value)| Ok((key, json_node(value, start)?)))
                .collect::<Result<Vec<_>, serde_json::Error>>()?;
            entries.sort_by_key(|(_, node)| node.at);
            Value::Map(entries)
        }
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(text)?;
            Value::List(
                list.into_iter()
                    .map(|value| json_node(value, start))
                    .collect::<Result<_, _>>()?,
            )
        }
        Some(b'"') => Value::Text(serde_json::from_str(text)?),
        _ => Value::Text(text.to_owned()),
    };
    Ok(Node {
        at: text.as_ptr() as usize - start,
        value,
    })
}

/// Reads the documents of a YAML file.
///
/// # Errors
/// If the text is not YAML, with the place.
pub(crate) fn yaml(source: &Source) -> Result<Vec<Node>, InputError> {
    let mut reader = YamlReader {
        events: Parser::new_from_str(&source.text),
        source,
        anchors: HashMap::new(),
        starts: line_starts(&source.text),
    };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::StreamEnd
            | Event::Nothing => {}
            other => documents.push(reader.node(other, span)?),
        }
    }
    Ok(documents)
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(newline, _)| newline + 1))
        .collect()
}

struct YamlReader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    source: &'a Source,
    anchors: HashMap<usize, Node>,
    starts: Vec<usize>,
}

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, InputError> {
        self.events
            .next()
            .transpose()
            .map_err(|error| InputError::Yaml {
                path: self.source.path.clone(),
                line: error.marker().line(),
                column: error.marker().col() + 1,
                error,
            })
    }

    /// An event inside of something that is still open.
    fn inner(&mut self) -> Result<(Event<'a>, Span), InputError> {
        self.next()
            .map(|event| event.unwrap_or((Event::StreamEnd, Span::default())))
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, InputError> {
        let line = span.start.line().max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let at = start + offset_in(&self.source.text[start..], 1, span.start.col());
        let (anchor, value) = match event {
            Event::Scalar(text, _, anchor, _) => (anchor, Value::Text(text.into_owned())),
            Event::SequenceStart(anchor, _) => (anchor, Value::List(self.list()?)),
            Event::MappingStart(anchor, _) => (anchor, Value::Map(self.map()?)),
            Event::Alias(anchor) => return Ok(self.alias(anchor, at)),
            _ => (0, Value::Text(String::new())),
        };
        let node = Node { at, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&self, anchor: usize, at: usize) -> Node {
        self.anchors.get(&anchor).cloned().unwrap_or(Node {
            at,
            value: Value::Text(String::new()),
        })
    }

    fn list(&mut self) -> Result<Vec<Node>, InputError> {
        let mut items = Vec::new();
        loop {
            match self.inner()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Vec<(String, Node)>, InputError> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let key = match self.inner()? {
                (Event::MappingEnd | Event::StreamEnd, _) => break,
                (event, span) => self.node(event, span)?,
            };
            let (event, span) = self.inner()?;
            let value = self.node(event, span)?;
            let text = key.text().unwrap_or_default();
            if text == "<<" {
                merged.extend(
                    value
                        .entries()
                        .iter()
                        .chain(value.items().iter().flat_map(Node::entries))
                        .cloned(),
                );
            } else if entries.iter().any(|(known, _)| known == text) {
                return Err(InputError::field(self.source, key.at, "each key once"));
            } else {
                entries.push((text.to_owned(), value));
            }
        }
        // What is written out holds, then what was merged first.
        for (key, value) in merged {
            if !entries.iter().any(|(known, _)| *known == key) {
                entries.push((key, value));
            }
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            path: "file".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn yaml_keeps_the_place_of_each_scalar() {
        let file = source("groups:\n  - name: a # ü\n    rules:\n      - expr: up == 0\n");
        let node = yaml(&file).expect("valid").remove(0);
        let rule = &node.items_of("groups")[0].items_of("rules")[0];
        let expr = rule.get("expr").expect("it has one");
        assert_eq!(
            (expr.text(), file.position(expr.at)),
            (Some("up == 0"), (4, 15))
        );
    }

    #[test]
    fn an_alias_is_what_it_names() {
        let node = yaml(&source("a: &x [1, 2]\nb: *x\n"))
            .expect("valid")
            .remove(0);
        assert_eq!(node.items_of("b").len(), 2);
    }

    #[test]
    fn a_merge_brings_what_is_not_written_out_and_a_key_stands_once() {
        let text = "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n";
        let node = yaml(&source(text)).expect("valid").remove(0);
        let b = node.get("b").expect("it is there");
        assert_eq!((b.text_of("k"), b.text_of("l")), (Some("3"), Some("2")));
        let error = yaml(&source("a: 1\nb: 2\na: 3\n")).expect_err("twice");
        assert_eq!(error.to_string(), "file:3:1: expected each key once");
    }

    #[test]
    fn json_keeps_the_place_and_takes_escaped_pairs() {
        let file = source("{\"a\": [ {\"t\": \"\\ud83d\\ude00\", \"e\": \"x\"} ]}");
        let node = json(&file).expect("valid");
        let expr = node.items_of("a")[0].get("e").expect("it has one");
        assert_eq!(&file.text[expr.at..=expr.at + 2], "\"x\"");
    }

    #[test]
    fn broken_input_names_its_line() {
        let error = yaml(&source("a: 1\nb: [1, 2\nc: }")).expect_err("not YAML");
        assert!(
            matches!(error, InputError::Yaml { line: 2..=3, .. }),
            "{error}"
        );
        let error = json(&source("{\n\"a\": }")).expect_err("not JSON");
        assert!(matches!(error, InputError::Json { line: 2, .. }), "{error}");
    }
}
