//! Bytes that wait to be written, in whole lines. Pure.

/// A queue of lines of which the first may be half-written.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// How much of `bytes` is written.
    written: usize,
    /// The last byte that was written did not end a line.
    within_line: bool,
}

/// A buffer that grew beyond this is given back when it is empty.
const KEPT: usize = 1 << 14;

impl Outbox {
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// So many bytes of [`Self::waiting`] were written.
    pub(crate) fn advance(&mut self, bytes: usize) {
        if let Some(last) = self.waiting().get(..bytes).and_then(<[u8]>::last) {
            self.within_line = *last != b'\n';
        }
        self.written += bytes;
        if self.written >= self.bytes.len() {
            self.written = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        } else if self.written > KEPT && self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }

    /// Drops what is not written, but for the rest of a line that has begun.
    pub(crate) fn abandon(&mut self) {
        let waiting = self.waiting();
        let rest = if self.within_line {
            waiting.iter().position(|&byte| byte == b'\n').map_or(waiting.len(), |end| end + 1)
        } else {
            0
        };
        self.bytes = waiting.get(..rest).unwrap_or_default().to_vec();
        self.written = 0;
    }

    /// Drops everything: whoever it was for is gone.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
