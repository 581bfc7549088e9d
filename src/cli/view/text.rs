//! Lines of text for a terminal: escaped, coloured, in columns, and cut to its width. Pure.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    /// Heads of tables, the name of the host.
    Strong,
    /// What is only for orientation.
    Faint,
    Good,
    /// On its way, or not as good as it could be.
    Uneasy,
    Bad,
}

/// Whether tones are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Colours,
}

/// A piece of a line, in which nothing moves a terminal's cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Piece {
    text: String,
    tone: Tone,
}

/// A line.
pub(super) type Line = Vec<Piece>;

/// What separates columns.
const GAP: &str = "  ";

/// The least width to which a column is cut.
const NARROWEST: usize = 8;

impl Piece {
    pub(super) fn new(tone: Tone, text: &str) -> Self {
        Self { text: printable(text), tone }
    }

    pub(super) fn plain(text: &str) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// The text with everything escaped that would move a cursor, change colours, or turn the direction of writing.
pub(in crate::cli) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || turns(letter) || breaks(letter) {
            printable.extend(letter.escape_unicode());
        } else {
            printable.push(letter);
        }
    }
    printable
}

/// JSON as it came, but for what a terminal would obey or hide, which stands inside strings only and is escaped there too.
pub(super) fn printable_json(json: &str) -> String {
    let mut printable = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter != '\n' && (letter.is_control() || turns(letter) || breaks(letter)) {
            let mut units = [0; 2];
            printable.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            printable.push(letter);
        }
    }
    printable
}

/// Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9), and what is invisible beside
/// them.
const fn turns(letter: char) -> bool {
    matches!(
        letter,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

const fn breaks(letter: char) -> bool {
    matches!(letter, '\u{2028}' | '\u{2029}')
}

/// The lines with columns at one place, under their heads; a table wider than `width` has its widest columns cut.
pub(super) fn table<const N: usize>(
    heads: [&str; N],
    rows: Vec<[Piece; N]>,
    width: Option<usize>,
) -> Vec<Line> {
    let heads = heads.map(|head| Piece::new(Tone::Strong, head));
    let mut all = vec![heads];
    all.extend(rows);
    let mut widths = [0; N];
    for row in &all {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.text.width());
        }
    }
    if let Some(width) = width {
        shrink(&mut widths, width.saturating_sub(GAP.len() * (N - 1)));
    }
    let line = |row: [Piece; N]| {
        let mut line = Line::new();
        for (column, cell) in row.into_iter().enumerate() {
            let text = cut(&cell.text, widths[column]);
            let padding = if column + 1 < N { widths[column].saturating_sub(text.width()) } else { 0 };
            let gap = if column + 1 < N { GAP } else { "" };
            line.push(Piece { text, tone: cell.tone });
            line.push(Piece { text: format!("{}{gap}", " ".repeat(padding)), tone: Tone::Plain });
        }
        line
    };
    all.into_iter().map(line).collect()
}

/// Takes from the widest columns until all fit into `width`, or none is wider than the least.
fn shrink(widths: &mut [usize], width: usize) {
    while widths.iter().sum::<usize>() > width {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROWEST) else { return };
        *widest -= 1;
    }
}

/// The text in at most `width` columns, its end replaced by `…` where it is longer.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |letter: &char| {
        let needed = letter.width().unwrap_or_default();
        let fits = needed <= left;
        left = left.saturating_sub(needed);
        fits
    };
    let mut short: String = text.chars().take_while(fits).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

/// The words in lines of at most `width` columns; a longer word has a line of its own.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in printable(text).split(' ').filter(|word| !word.is_empty()) {
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The lines as one text, each cut to `width`, without blanks at their ends.
pub(super) fn fitted(lines: &[Line], width: Option<usize>, paint: Paint) -> String {
    let mut all = String::new();
    for line in lines {
        let mut left = width.unwrap_or(usize::MAX);
        let last = line.iter().rposition(|piece| !piece.text.trim_end().is_empty());
        for (index, piece) in line.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            let text = if Some(index) == last { piece.text.trim_end() } else { &piece.text };
            let text = cut(text, left);
            left = left.saturating_sub(text.width());
            match (paint, code(piece.tone)) {
                (Paint::Colours, Some(code)) if !text.is_empty() => {
                    // A string takes everything.
                    let _ = write!(all, "\x1b[{code}m{text}\x1b[0m");
                }
                (Paint::Colours | Paint::Plain, _) => all.push_str(&text),
            }
            if left == 0 {
                break;
            }
        }
        all.push('\n');
    }
    all
}

/// Select Graphic Rendition (ECMA-48 section 8.3.117), in the terminal's own sixteen colours.
const fn code(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Strong => Some("1"),
        Tone::Faint => Some("2"),
        Tone::Good => Some("32"),
        Tone::Uneasy => Some("33"),
        Tone::Bad => Some("31"),
    }
}
