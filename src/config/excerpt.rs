//! A fault as compilers show theirs: what it is, and the line with a mark below the place.

use std::fmt;

use unicode_width::UnicodeWidthChar;

use super::fault::{Fault, is_shown};

/// A fault with the line in which it is; `Display` is several lines, without a line break at the end.
#[derive(Debug, Clone, Copy)]
pub struct WithExcerpt<'a>(&'a Fault);

impl Fault {
    /// The fault, and below it the line in which it is with the place marked.
    pub const fn with_excerpt(&self) -> WithExcerpt<'_> {
        WithExcerpt(self)
    }
}

impl fmt::Display for WithExcerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(fault) = self;
        fault.fmt(f)?;
        let excerpt = &fault.excerpt;
        if excerpt.before.trim().is_empty() && excerpt.after.trim().is_empty() {
            return Ok(());
        }
        let (before, after) = (plain(&excerpt.before), plain(excerpt.after.trim_end()));
        let number = fault.line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(width(&before));
        let marks = "^".repeat(width(marked(&after, &fault.value)).max(1));
        write!(f, "\n{margin} |\n{number} | {before}{after}\n{margin} | {indent}{marks}")
    }
}

/// A line as a terminal can show it without surprise: blanks for tabs, and one sign for each character that has no
/// width or directs the others.
fn plain(text: &str) -> String {
    let shown = |c| match c {
        '\t' => ' ',
        c if is_shown(c) => c,
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(shown).collect()
}

fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The part of `after` that is at fault: the value where it stands there, else what looks like one.
fn marked<'a>(after: &'a str, value: &str) -> &'a str {
    if !value.is_empty() && after.starts_with(value) {
        return &after[..value.len()];
    }
    let end = match after.chars().next() {
        Some(quote @ ('"' | '\'')) => after[1..].find(quote).map(|end| end + 2),
        Some(_) | None => after.find([' ', ',', ':', ']', '}', '[', '{']),
    };
    &after[..end.unwrap_or(after.len())]
}
