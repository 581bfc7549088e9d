//! The text as the YAML parser takes it, with a limit to how far the parser reads on before it gives a value.
//!
//! A list or map in brackets may be the key of another one, so the parser keeps what is in it until it ends. Our files have
//! no such keys, and nobody may fill the memory by them. A file that is one list or map in brackets, as all JSON is, would
//! be kept whole too: it is given to the parser behind a `---`, where no key can be.

use std::cell::Cell;
use std::rc::Rc;

use saphyr_parser::input::SkipTabs;
use saphyr_parser::{Input, StrInput};

/// Most characters between two events, comments and blanks aside.
pub(super) const MAX_AT_ONCE: usize = 1 << 20;

/// What stands before a file in brackets.
const HEAD: &str = "---";

/// By how many columns the first line of a text is shifted for the parser.
pub(super) fn shift(text: &str) -> usize {
    if text.starts_with(['{', '[']) { HEAD.len() } else { 0 }
}

/// How many characters may still be read before the next event.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Rc<Cell<usize>>);

impl Allowance {
    pub(super) fn new() -> Self {
        Self(Rc::new(Cell::new(MAX_AT_ONCE)))
    }

    /// To be called at each event. One that has run out stays so.
    pub(super) fn renew(&self) {
        if self.0.get() > 0 {
            self.0.set(MAX_AT_ONCE);
        }
    }

    /// Whether the parser was told that the text ends here, because it read too far.
    pub(super) fn has_run_out(&self) -> bool {
        self.0.get() == 0
    }
}

/// A text that ends early when its allowance has run out.
pub(super) struct Metered<'t> {
    text: StrInput<'t>,
    /// What follows once the head is read.
    then: Option<&'t str>,
    allowance: Allowance,
}

impl<'t> Metered<'t> {
    pub(super) fn new(text: &'t str, allowance: Allowance) -> Self {
        match shift(text) {
            0 => Self { text: StrInput::new(text), then: None, allowance },
            _ => Self { text: StrInput::new(HEAD), then: Some(text), allowance },
        }
    }

    fn spend(&mut self, characters: usize) {
        let left = self.allowance.0.get().saturating_sub(characters);
        self.allowance.0.set(left);
        if let Some(text) = self.then.take_if(|_| self.text.peek_opt().is_none()) {
            self.text = StrInput::new(text);
        }
        if left == 0 {
            self.text = StrInput::new("");
        }
    }
}

/// Passes calls on; `StrInput` has quicker ones than the trait.
macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        $(
            #[inline]
            fn $name(&self, $($argument: $kind),*) -> $result {
                self.text.$name($($argument),*)
            }
        )*
    };
}

impl Input for Metered<'_> {
    pass_on! {
        buflen() -> usize;
        bufmaxlen() -> usize;
        buf_is_empty() -> bool;
        peek() -> char;
        peek_nth(n: usize) -> char;
        peek_opt() -> Option<char>;
        next_char_is(c: char) -> bool;
        nth_char_is(n: usize, c: char) -> bool;
        next_2_are(c1: char, c2: char) -> bool;
        next_3_are(c1: char, c2: char, c3: char) -> bool;
        next_is_document_indicator() -> bool;
        next_is_document_start() -> bool;
        next_is_document_end() -> bool;
        next_can_be_plain_scalar(in_flow: bool) -> bool;
        next_is_blank_or_break() -> bool;
        next_is_blank_or_breakz() -> bool;
        next_is_blank() -> bool;
        next_is_break() -> bool;
        next_is_breakz() -> bool;
        next_is_z() -> bool;
        next_is_flow() -> bool;
        next_is_digit() -> bool;
        next_is_alpha() -> bool;
    }

    #[inline]
    fn lookahead(&mut self, count: usize) {
        self.text.lookahead(count);
    }

    #[inline]
    fn look_ch(&mut self) -> char {
        self.text.look_ch()
    }

    #[inline]
    fn raw_read_ch(&mut self) -> char {
        self.spend(1);
        self.text.raw_read_ch()
    }

    #[inline]
    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        self.spend(1);
        self.text.raw_read_non_breakz_ch()
    }

    #[inline]
    fn skip(&mut self) {
        self.text.skip();
        self.spend(1);
    }

    #[inline]
    fn skip_n(&mut self, count: usize) {
        self.text.skip_n(count);
        self.spend(count);
    }

    #[inline]
    fn skip_ws_to_eol(&mut self, skip_tabs: SkipTabs) -> (usize, Result<SkipTabs, &'static str>) {
        self.text.skip_ws_to_eol(skip_tabs)
    }

    #[inline]
    fn skip_while_non_breakz(&mut self) -> usize {
        self.text.skip_while_non_breakz()
    }

    #[inline]
    fn skip_while_blank(&mut self) -> usize {
        self.text.skip_while_blank()
    }

    #[inline]
    fn fetch_while_is_alpha(&mut self, out: &mut String) -> usize {
        let fetched = self.text.fetch_while_is_alpha(out);
        self.spend(fetched);
        fetched
    }

    #[inline]
    fn fetch_while_is_yaml_non_space(&mut self, out: &mut String) -> usize {
        let fetched = self.text.fetch_while_is_yaml_non_space(out);
        self.spend(fetched);
        fetched
    }
}
