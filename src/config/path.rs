//! Where in the file a value stands: key paths, borrowed while judging and owned once there is a fault.

use std::fmt;

/// One step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// Into a map, by its key.
    Key(String),
    /// Into a list, by its index from 0.
    Item(usize),
}

/// The steps from the top of the file to a value; empty for the file itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct KeyPath(pub(super) Vec<Step>);

/// A path that is a chain of borrows, so that judging a value without a fault allocates nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    /// A file itself, by its number: 0 is the main file, those of `vms_dir` follow in their order.
    Root(usize),
    /// A key of the map at the first field.
    Key(&'a Self, &'a str),
    /// An item of the list at the first field.
    Item(&'a Self, usize),
}

impl<'a> At<'a> {
    pub(super) const fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(super) const fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    /// The number of the file.
    pub(super) const fn document(&self) -> usize {
        let mut here = self;
        loop {
            match here {
                Self::Root(document) => return *document,
                Self::Key(parent, _) | Self::Item(parent, _) => here = parent,
            }
        }
    }
}

impl From<&At<'_>> for KeyPath {
    fn from(at: &At<'_>) -> Self {
        let mut steps = Vec::new();
        let mut here = at;
        loop {
            match here {
                At::Root(_) => break,
                At::Key(parent, key) => {
                    steps.push(Step::Key((*key).to_owned()));
                    here = parent;
                }
                At::Item(parent, index) => {
                    steps.push(Step::Item(*index));
                    here = parent;
                }
            }
        }
        steps.reverse();
        Self(steps)
    }
}

impl fmt::Display for KeyPath {
    /// `bgp.neighbors[0]`; a key with other characters than letters, digits, `_` and `-` is quoted; `.` is the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Item(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                    if !key.is_empty() && key.chars().all(plain) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
