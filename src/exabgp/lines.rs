//! Bytes from ExaBGP, cut into lines. Pure, and bounded whatever comes.

/// Cuts a stream into lines without their ends. A line longer than [`Lines::MAX`] is dropped to its end and
/// given as [`None`], so that it counts as garbage and never as an answer.
///
/// ExaBGP 4.2 reports why a session went down with the text of the neighbor's NOTIFICATION (RFC 4271 section 4.5) as it
/// came, line ends and all: without more ado a neighbor could put a `done` of its own among the answers. But braces are
/// replaced there, so the event goes on up to a line that ends with one, and is given as one line with blanks in place of
/// the ends.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    too_long: bool,
    /// `partial` is an event whose text from a neighbor is not over.
    broken_off: bool,
}

/// Behind this stands a neighbor's text.
const REASON: &[u8] = br#""reason": ""#;

impl Lines {
    /// The longest line that is kept, in bytes.
    pub const MAX: usize = 1 << 20;

    /// The longest event that holds a neighbor's text: what fits into the longest message (RFC 8654), each byte as two.
    const LONGEST_EVENT: usize = 1 << 18;

    /// Takes what was read and gives each line that is complete now to `line`.
    pub fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(Option<&[u8]>)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (head, tail) = (&bytes[..end], &bytes[end + 1..]);
            bytes = tail;
            if self.too_long || self.partial.len() + head.len() > Self::MAX {
                line(None);
            } else if self.partial.is_empty() && !breaks_off(head) {
                line(Some(head));
            } else {
                self.partial.extend_from_slice(head);
                self.broken_off =
                    if self.broken_off { is_open(&self.partial) } else { breaks_off(&self.partial) };
                if self.broken_off && self.partial.len() < Self::LONGEST_EVENT {
                    self.partial.push(b' ');
                    continue;
                }
                line(Some(&self.partial));
            }
            self.partial.clear();
            self.too_long = false;
            self.broken_off = false;
        }
        if self.too_long || self.partial.len() + bytes.len() > Self::MAX {
            self.too_long = true;
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }
}

/// Whether the line is an event that ends within a neighbor's text.
fn breaks_off(line: &[u8]) -> bool {
    line.starts_with(b"{") && is_open(line) && line.windows(REASON.len()).any(|part| part == REASON)
}

fn is_open(event: &[u8]) -> bool {
    !event.trim_ascii_end().ends_with(b"}")
}

#[cfg(test)]
mod tests;
