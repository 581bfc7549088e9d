//! The dashboard as a person sees it.

use serde_json::{Value, json};

use crate::host::Dir;
use crate::wait;
use crate::webdriver::Browser;

/// The page in a browser of its own. The fields end in this order.
pub(crate) struct Page {
    pub(crate) browser: Browser,
    _dir: Dir,
}

impl Page {
    /// A browser that has gone to `url`.
    pub(crate) fn open(url: &str) -> Self {
        let dir = Dir::new();
        let page = Self { browser: Browser::start(dir.path()), _dir: dir };
        page.browser.open(url);
        page
    }

    fn ask(&self, script: &str) -> Value {
        self.browser.script(script, &json!([]))
    }

    /// All text that is shown.
    pub(crate) fn text(&self) -> String {
        self.ask("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// The text of the element with this id.
    pub(crate) fn text_of(&self, id: &str) -> String {
        let text =
            self.browser.script("return document.getElementById(arguments[0])?.textContent", &json!([id]));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The rows in sight, cell by cell, without the heading.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let rows = self.ask(
            "return [...document.querySelectorAll('.rows [role=row]')]
               .sort((one, other) => one.ariaRowIndex - other.ariaRowIndex)
               .map((row) => [...row.children].map((cell) => cell.textContent))",
        );
        serde_json::from_value(rows).expect("rows of texts")
    }

    /// How many rows the table has, in sight or not, as a screen reader is told.
    pub(crate) fn row_count(&self) -> usize {
        let count = self.ask("return Number(document.querySelector('[role=grid]')?.ariaRowCount) - 1");
        count.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default()
    }

    /// The row that the grid says is active: the text of its first cell.
    pub(crate) fn active_row(&self) -> String {
        let text = self.ask(
            "const grid = document.querySelector('[role=grid]');
             return document.getElementById(grid.getAttribute('aria-activedescendant'))?.children[0].textContent",
        );
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What has the focus: its id, else its role, else its text.
    pub(crate) fn focus(&self) -> String {
        let focus = self.ask(
            "const it = document.activeElement;
             return it.id || it.getAttribute('role') || it.textContent || it.tagName",
        );
        focus.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until `holds`, and panics with the page's text where it never does.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        wait::until(what, || if holds(self) { Ok(()) } else { Err(self.text()) });
    }

    /// Waits until the stream is followed and the list shown.
    pub(crate) fn is_live(&self) {
        self.until("the page is live", |page| page.text_of("link") == "live" && page.row_count() > 0);
    }

    /// Waits until the row of `vm` has `value` among its cells.
    pub(crate) fn shows(&self, vm: &str, value: &str) {
        self.until(&format!("{vm} is shown as {value}"), |page| {
            page.rows().iter().any(|row| row[0] == vm && row.iter().any(|cell| cell == value))
        });
    }

    /// Types into the search in place of what stands there.
    pub(crate) fn search(&self, text: &str) {
        self.ask("document.getElementById('search').focus(); document.getElementById('search').select()");
        self.browser.press(if text.is_empty() { "\u{e003}" } else { text });
        self.until("the search has it", |page| {
            page.ask("return document.getElementById('search').value") == text
        });
    }

    /// Nothing was forbidden by the page's policy, and none of its scripts failed.
    pub(crate) fn has_nothing_to_complain_of(&self) {
        assert_eq!(self.browser.complaints(), [""; 0]);
    }
}
