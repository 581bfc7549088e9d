//! Bytes from ExaBGP, cut into lines. Pure, and bounded whatever comes.

/// Cuts a stream into lines without their ends. A line longer than [`Lines::MAX`] is dropped to its end and
/// given as [`None`], so that it counts as garbage and never as an answer.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// The longest line that is kept, in bytes.
    pub const MAX: usize = 1 << 20;

    /// Takes what was read and gives each line that is complete now to `line`.
    pub fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(Option<&[u8]>)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (head, tail) = (&bytes[..end], &bytes[end + 1..]);
            if self.too_long || self.partial.len() + head.len() > Self::MAX {
                line(None);
            } else if self.partial.is_empty() {
                line(Some(head));
            } else {
                self.partial.extend_from_slice(head);
                line(Some(&self.partial));
            }
            self.partial.clear();
            self.too_long = false;
            bytes = tail;
        }
        if self.too_long || self.partial.len() + bytes.len() > Self::MAX {
            self.too_long = true;
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
