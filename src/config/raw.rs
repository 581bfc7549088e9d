//! The shape of the file: raw sections, in which every leaf takes any value and remembers what it was.
//!
//! Nothing is judged here, and nothing but broken YAML can fail, so that all faults come at once.

use std::collections::HashSet;

use super::fault::shown;
use super::path::At;
use super::yaml::{Node, Reader, Stopped};

/// Any YAML value, as far as it is needed to judge it or to say what was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Leaf {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map,
}

impl Leaf {
    /// What was found, when its spelling in the file isn't at hand.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(value) => shown(value, true),
            Self::List(_) => "a list".to_owned(),
            Self::Map => "a map".to_owned(),
        }
    }
}

/// What can be made of any value of a file.
pub(super) trait Read: Sized {
    /// Reads the next value, which stands at `at`.
    fn read(reader: &mut Reader<'_>, at: &At<'_>) -> Result<Self, Stopped> {
        let node = reader.node()?;
        Self::from_node(node, reader, at)
    }

    /// Reads what is left of a value.
    fn from_node(node: Node, reader: &mut Reader<'_>, at: &At<'_>) -> Result<Self, Stopped> {
        match node {
            Node::Leaf(leaf) => Ok(Self::from_leaf(leaf, at)),
            Node::List => {
                let mut items = Vec::new();
                while reader.more()? {
                    items.push(Leaf::read(reader, &at.item(items.len()))?);
                }
                Ok(Self::from_leaf(Leaf::List(items), at))
            }
            Node::Map => Self::from_map(reader, at),
        }
    }

    /// Reads the keys and values of a map that has begun.
    fn from_map(reader: &mut Reader<'_>, at: &At<'_>) -> Result<Self, Stopped>;

    /// What is made of any other value.
    fn from_leaf(leaf: Leaf, at: &At<'_>) -> Self;
}

impl Read for Leaf {
    fn from_map(reader: &mut Reader<'_>, at: &At<'_>) -> Result<Self, Stopped> {
        let mut seen = HashSet::new();
        while reader.more()? {
            let key = reader.key()?;
            Self::read(reader, &at.key(&key))?;
            reader.odd |= !seen.insert(key);
        }
        Ok(Self::Map)
    }

    fn from_leaf(leaf: Leaf, _: &At<'_>) -> Self {
        leaf
    }
}

/// What became of a key of a section.
pub(super) enum Taken {
    /// Its value was read.
    Now,
    /// It was given before; the value is unread.
    Before,
    /// The section has no such key; the value is unread.
    Unknown,
}

/// A map with fixed keys, all optional.
pub(super) trait Section: Default {
    /// The keys in the order of the documentation.
    const KEYS: &'static [&'static str];

    /// Reads the value of `key`, if it is due; `at` is the section.
    fn take(&mut self, key: &str, reader: &mut Reader<'_>, at: &At<'_>) -> Result<Taken, Stopped>;
}

/// A section, or what stands in its place.
#[derive(Debug)]
pub(super) enum Shaped<T> {
    Map(T),
    Other(Leaf),
}

impl<T: Section> Read for Shaped<T> {
    fn from_map(reader: &mut Reader<'_>, at: &At<'_>) -> Result<Self, Stopped> {
        let mut section = T::default();
        while reader.more()? {
            let key = reader.key()?;
            match section.take(&key, reader, at)? {
                Taken::Now => continue,
                Taken::Before => reader.odd = true,
                Taken::Unknown => reader.unknown(&at.key(&key)),
            }
            Leaf::read(reader, &at.key(&key))?;
        }
        Ok(Self::Map(section))
    }

    fn from_leaf(leaf: Leaf, _: &At<'_>) -> Self {
        Self::Other(leaf)
    }
}

impl<T: Read> Read for Box<T> {
    fn from_map(reader: &mut Reader<'_>, at: &At<'_>) -> Result<Self, Stopped> {
        T::from_map(reader, at).map(Self::new)
    }

    fn from_leaf(leaf: Leaf, at: &At<'_>) -> Self {
        Self::new(T::from_leaf(leaf, at))
    }
}

/// A map with free keys in the order of the file, or what stands in its place.
#[derive(Debug)]
pub(super) enum Entries<T> {
    Map(Vec<(String, T)>),
    Other(Leaf),
}

impl<T: Read> Read for Entries<T> {
    fn from_map(reader: &mut Reader<'_>, at: &At<'_>) -> Result<Self, Stopped> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        while reader.more()? {
            let key = reader.key()?;
            let value = T::read(reader, &at.key(&key))?;
            if seen.insert(key.clone()) {
                entries.push((key.into_owned(), value));
            } else {
                reader.odd = true;
            }
        }
        Ok(Self::Map(entries))
    }

    fn from_leaf(leaf: Leaf, _: &At<'_>) -> Self {
        Self::Other(leaf)
    }
}
