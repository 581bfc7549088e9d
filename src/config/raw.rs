//! The shape of the file: raw sections, in which every leaf takes any value and remembers what it was.
//!
//! Nothing is judged here, and nothing but broken YAML can fail, so that all faults come at once. A key that
//! is unknown, or given a second time, is read as ignored, for `serde_ignored` to report.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fault::shown;

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

/// What can be made of a map, or else of any other value.
pub(super) trait Shape: Sized {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
    fn from_leaf(leaf: Leaf) -> Self;
}

impl Shape for Leaf {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        // Not as ignored values: these would be reported as unknown keys.
        while map.next_key::<String>()?.is_some() {
            map.next_value::<Self>()?;
        }
        Ok(Self::Map)
    }

    fn from_leaf(leaf: Leaf) -> Self {
        leaf
    }
}

/// A map with fixed keys, all optional.
pub(super) trait Section: Default {
    /// The keys in the order of the documentation.
    const KEYS: &'static [&'static str];

    /// Reads the value of `key`; `false` when it is unknown or was given before, with the value unread.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// A section, or what stands in its place.
#[derive(Debug)]
pub(super) enum Shaped<T> {
    Map(T),
    Other(Leaf),
}

impl<T: Section> Shape for Shaped<T> {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut section = T::default();
        while let Some(key) = map.next_key::<String>()? {
            if !section.take(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Self::Map(section))
    }

    fn from_leaf(leaf: Leaf) -> Self {
        Self::Other(leaf)
    }
}

/// A map with free keys in the order of the file, or what stands in its place.
#[derive(Debug)]
pub(super) enum Entries<T> {
    Map(Vec<(String, T)>),
    Other(Leaf),
}

impl<T: for<'any> Deserialize<'any>> Shape for Entries<T> {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.insert(key.clone()) {
                entries.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Self::Map(entries))
    }

    fn from_leaf(leaf: Leaf) -> Self {
        Self::Other(leaf)
    }
}

struct ShapeVisitor<T>(PhantomData<T>);

impl<'de, T: Shape> Visitor<'de> for ShapeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value without a tag")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Null))
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Integer(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Integer(value.into())))
    }

    fn visit_i128<E>(self, value: i128) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Integer(value)))
    }

    fn visit_u128<E>(self, value: u128) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Integer(i128::try_from(value).unwrap_or(i128::MAX))))
    }

    fn visit_f64<E>(self, value: f64) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Text(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<T, E> {
        Ok(T::from_leaf(Leaf::Text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(T::from_leaf(Leaf::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_map(map)
    }
}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

impl<'de, T: Section> Deserialize<'de> for Shaped<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

impl<'de, T: for<'any> Deserialize<'any>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}
