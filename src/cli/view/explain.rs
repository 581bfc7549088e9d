//! An explanation as lines of text. Pure.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde::Deserialize;

use super::text::{Line, Piece, Tone, wrapped};

/// What `/api/v1/explain/…` answers, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Explanation {
    summary: String,
    chain: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    step: String,
    text: String,
}

/// How wide the names of steps are.
const MARGIN: usize = 15;

/// The least width that sentences are wrapped to.
const NARROWEST: usize = 20;

/// The path that asks for `name`.
pub(super) fn path(name: &str) -> String {
    let mut path = "/api/v1/explain/".to_owned();
    for byte in name.bytes() {
        // Unreserved characters of RFC 3986 section 2.3.
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // A string takes everything.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// The summary, and under it a paragraph for each step; a step that has several sentences is named once.
pub(super) fn lines(explanation: &Explanation, width: Option<usize>) -> Vec<Line> {
    let within =
        |margin: usize| width.map_or(usize::MAX, |width| width.saturating_sub(margin).max(NARROWEST));
    let summary = wrapped(&explanation.summary, within(0));
    let mut lines: Vec<Line> = summary.iter().map(|text| vec![Piece::new(Tone::Strong, text)]).collect();
    lines.push(Line::new());
    let mut last = "";
    for link in &explanation.chain {
        let mut name = if link.step == last { "" } else { link.step.as_str() };
        for text in wrapped(&link.text, within(MARGIN)) {
            lines.push(vec![Piece::new(Tone::Faint, &format!("{name:<MARGIN$}")), Piece::plain(&text)]);
            name = "";
        }
        last = &link.step;
    }
    lines
}
