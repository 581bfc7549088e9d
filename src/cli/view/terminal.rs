//! The terminal: its size, its keys, and a screen of its own that is given back.

use std::io::{self, IsTerminal as _, Read as _, Write as _, stdin, stdout};
use std::thread;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use tokio::sync::mpsc;

/// The alternate screen (`smcup`), without a cursor; and both undone.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// The value that switches a special character off (`_POSIX_VDISABLE`).
const OFF: u8 = 0;

/// How many columns stdout has; `None` where it is no terminal.
pub(super) fn width() -> Option<usize> {
    size().map(|(width, _)| width)
}

/// Columns and rows.
fn size() -> Option<(usize, usize)> {
    let size = if stdout().is_terminal() { tcgetwinsize(stdout()).ok()? } else { return None };
    // A terminal that does not know its size.
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// A screen of its own. When it is dropped, also by a panic, the terminal is as it was.
pub(super) struct Screen {
    /// How stdin was before; `None`: it is no terminal.
    before: Option<Termios>,
    /// What is shown.
    frame: String,
}

impl Screen {
    /// `None` where stdout is no terminal.
    pub(super) fn enter() -> io::Result<Option<Self>> {
        if !stdout().is_terminal() {
            return Ok(None);
        }
        let before = if stdin().is_terminal() { Some(tcgetattr(stdin())?) } else { None };
        let screen = Self { before, frame: String::new() };
        if let Some(before) = &screen.before {
            let mut keys = before.clone();
            keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            // Ctrl-C is a signal as ever; Ctrl-Z would leave the shell on this screen.
            keys.special_codes[SpecialCodeIndex::VSUSP] = OFF;
            tcsetattr(stdin(), OptionalActions::Now, &keys)?;
        }
        write(ENTER)?;
        Ok(Some(screen))
    }

    /// Shows the first lines of a text, which are cut to the width already, in place of what was shown.
    pub(super) fn show(&mut self, text: &str) -> io::Result<()> {
        let rows = size().map_or(usize::MAX, |(_, rows)| rows);
        let lines: Vec<&str> = text.lines().collect();
        let fits = if lines.len() > rows { rows.saturating_sub(1) } else { lines.len() };
        let mut frame = "\x1b[H".to_owned();
        for (index, line) in lines[..fits].iter().enumerate() {
            frame.push_str(if index == 0 { "" } else { "\r\n" });
            frame.push_str(line);
            frame.push_str("\x1b[K");
        }
        if fits < lines.len() {
            let more = lines.len() - fits;
            frame.push_str("\r\n… ");
            frame.push_str(&more.to_string());
            frame.push_str(" more lines\x1b[K");
        }
        frame.push_str("\x1b[J");
        if frame != self.frame {
            write(&frame)?;
            self.frame = frame;
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing any more.
        let _ = write(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

/// The keys that are pressed, where stdin is a terminal. The thread that reads them ends with the process.
pub(super) fn keys() -> io::Result<mpsc::UnboundedReceiver<u8>> {
    let (pressed, keys) = mpsc::unbounded_channel();
    if stdin().is_terminal() {
        thread::Builder::new().name("keys".to_owned()).spawn(move || {
            for key in stdin().lock().bytes() {
                let Ok(key) = key else { break };
                if pressed.send(key).is_err() {
                    break;
                }
            }
        })?;
    }
    Ok(keys)
}

fn write(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
