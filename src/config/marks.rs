//! The marked pass: where in the file each fault stands, and what is wrong with the structure.
//!
//! Run over the file's events once more when there is a fault to place, or where the first pass has met something odd or
//! refused. It keeps nothing of the file but the path to the present event, the keys of the maps on it, and what it is
//! asked for.

mod wanted;

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::fault::{Finding, MAX_FINDINGS, Placed, Subject, one_line, shown};
use super::input::{Allowance, MAX_AT_ONCE, Metered, shift};
use super::path::{KeyPath, Step};
use super::yaml::{MAX_DEPTH, MAX_VALUES, in_other_digits};
use wanted::{Position, Wanted};

/// Most refusals of one file, so that a file full of aliases is soon done with.
const MAX_REFUSED: usize = 1000;

/// What a marked pass found.
pub(super) struct Marks {
    /// The findings that were asked for, with their places.
    pub(super) placed: Vec<Placed>,
    /// Duplicate keys, and numbers in other than decimal digits: the rest of the file can still be judged.
    pub(super) oddities: Vec<Placed>,
    /// How many more of these there are.
    pub(super) more: usize,
    /// What makes the file unfit to be read: aliases, tags, merge keys, several documents, too deep a nesting.
    pub(super) refused: Vec<Placed>,
    /// Why the parser did not reach the end of the file.
    pub(super) broken: Option<Placed>,
}

/// Passes over `text` once: places `findings`, and finds what is wrong with the structure.
pub(super) fn scan(text: &str, findings: Vec<Finding>) -> Marks {
    let mut pass = Pass::new(&findings, shift(text));
    let allowance = Allowance::new();
    let mut parser = Parser::new(Metered::new(text, allowance.clone()));
    let mut documents = 0_usize;
    let mut broken = None;
    while let Some(next) = parser.next_event() {
        allowance.renew();
        if allowance.has_run_out() {
            pass.refuse_length(next.map_or_else(|error| *error.marker(), |(_, span)| span.start));
            break;
        }
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                // The scanner reads ahead, and gives up at 255 lists in lists before the pass hears of the first.
                if error.info() == "recursion limit exceeded" {
                    pass.refuse_depth(*error.marker());
                    break;
                }
                let rule = format!("must be YAML: {}", one_line(error.info()));
                broken = Some(pass.placed(*error.marker(), "broken YAML".to_owned(), &rule));
                break;
            }
        };
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
        }
        if documents > 1 {
            let rule =
                "only one document is taken; remove this `---` and what follows, or put it into another file";
            pass.refuse(span.start, "a second document".to_owned(), rule);
            break;
        }
        if !pass.event(event, span.start) {
            break;
        }
    }
    let placed = findings.into_iter().map(|finding| pass.wanted.place(finding)).collect();
    Marks { placed, oddities: pass.oddities, more: pass.more, refused: pass.refused, broken }
}

/// A map or list that has begun and not ended.
struct Frame {
    kind: Kind,
    /// The node of `Wanted` for this value, if anything in it is wanted.
    node: Option<usize>,
    /// It is itself a key, and its end is not the end of a value.
    is_key: bool,
}

enum Kind {
    List {
        next: usize,
    },
    Map {
        /// The key whose value comes next.
        key: Option<(String, Marker)>,
        /// The line of each key.
        seen: HashMap<String, usize>,
        /// The oddity or refusal whose shown value is the value that comes next.
        shows_next: Option<usize>,
    },
}

struct Pass {
    frames: Vec<Frame>,
    wanted: Wanted,
    oddities: Vec<Placed>,
    more: usize,
    refused: Vec<Placed>,
    values: usize,
    /// By how many columns the first line is shifted.
    shift: usize,
}

impl Pass {
    fn new(findings: &[Finding], shift: usize) -> Self {
        Self {
            frames: Vec::new(),
            wanted: Wanted::new(findings),
            oddities: Vec::new(),
            more: 0,
            refused: Vec::new(),
            values: 0,
            shift,
        }
    }

    /// Takes one event; `false` when the pass must stop.
    fn event(&mut self, event: Event<'_>, at: Marker) -> bool {
        let is_node = matches!(
            event,
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(_)
        );
        self.values += usize::from(is_node && !self.key_is_due());
        if self.values > MAX_VALUES {
            let rule = format!("a file may have at most {MAX_VALUES} values");
            self.refuse(at, "too many values".to_owned(), &rule);
            return false;
        }
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
            Event::Alias(_) => {
                self.refuse(at, "an alias".to_owned(), "aliases are not taken; write the value out");
                self.scalar(String::new(), ScalarStyle::Plain, at);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.adornments(anchor, tag.as_deref(), at);
                self.scalar(text.into_owned(), style, at);
            }
            Event::SequenceStart(anchor, tag) => {
                self.adornments(anchor, tag.as_deref(), at);
                self.enter("a list", Kind::List { next: 0 }, at);
            }
            Event::MappingStart(anchor, tag) => {
                self.adornments(anchor, tag.as_deref(), at);
                self.enter("a map", Kind::Map { key: None, seen: HashMap::new(), shows_next: None }, at);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let is_key = self.frames.pop().is_some_and(|frame| frame.is_key);
                if !is_key {
                    self.value_ended();
                }
            }
        }
        if self.frames.len() > MAX_DEPTH {
            self.refuse_depth(at);
            return false;
        }
        self.refused.len() < MAX_REFUSED
    }

    /// Anchors and tags in front of a value.
    fn adornments(&mut self, anchor: usize, tag: Option<&Tag>, at: Marker) {
        if anchor != 0 {
            self.refuse(at, "an anchor".to_owned(), "anchors are not taken; remove it");
        }
        if let Some(tag) = tag {
            let text = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
            self.refuse(at, shown(&text, false), "tags are not taken; remove it");
        }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, at: Marker) {
        if self.key_is_due() {
            self.key(text, style, at);
            return;
        }
        let spelling = match style {
            ScalarStyle::Plain if text.is_empty() => "null".to_owned(),
            ScalarStyle::Plain => shown(&text, false),
            ScalarStyle::SingleQuoted
            | ScalarStyle::DoubleQuoted
            | ScalarStyle::Literal
            | ScalarStyle::Folded => shown(&text, true),
        };
        let empty = style == ScalarStyle::Plain && text.is_empty();
        self.value_begins(&spelling, if empty { None } else { Some(at) });
        if style == ScalarStyle::Plain && in_other_digits(&text) {
            let rule = "must be written in plain decimal digits; if text is meant, put it in quotes";
            self.oddity(at, Subject::Value, spelling, rule);
        }
        self.value_ended();
    }

    fn enter(&mut self, what: &str, kind: Kind, at: Marker) {
        let is_key = self.key_is_due();
        let node = if is_key {
            self.refuse(at, what.to_owned(), "a key must be text");
            self.key(String::new(), ScalarStyle::DoubleQuoted, at);
            None
        } else {
            let in_list = matches!(self.frames.last(), Some(Frame { kind: Kind::List { .. }, .. }));
            self.value_begins(what, in_list.then_some(at))
        };
        self.frames.push(Frame { kind, node, is_key });
    }

    fn key_is_due(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { kind: Kind::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, text: String, style: ScalarStyle, at: Marker) {
        let Some(Frame { kind: Kind::Map { key, seen, .. }, .. }) = self.frames.last_mut() else { return };
        let earlier = seen.get(&text).copied();
        if earlier.is_none() {
            seen.insert(text.clone(), at.line());
        }
        let merge = style == ScalarStyle::Plain && text == "<<";
        *key = Some((text, at));
        if merge {
            self.refuse(at, "a merge key".to_owned(), "merge keys are not taken; write the keys out");
        } else if let Some(line) = earlier {
            let rule = format!("duplicate key, it stands in line {line} already; remove one of the two");
            let index = self.oddities.len();
            self.oddity(at, Subject::Key, String::new(), &rule);
            if let Some(Frame { kind: Kind::Map { shows_next, .. }, .. }) = self.frames.last_mut() {
                *shows_next = Some(index);
            }
        }
    }

    /// Notes the place of a value, which is its own or, without one, its key's; gives its node of `wanted`.
    fn value_begins(&mut self, spelling: &str, own: Option<Marker>) -> Option<usize> {
        let Some(frame) = self.frames.last_mut() else {
            self.wanted.found(0, (1, 1), (1, 1), spelling);
            return Some(0);
        };
        let (step, key_at) = match &mut frame.kind {
            Kind::List { next } => (Step::Item(*next), None),
            Kind::Map { key, shows_next, .. } => {
                if let Some(oddity) = shows_next.take().and_then(|index| self.oddities.get_mut(index)) {
                    spelling.clone_into(&mut oddity.finding.value);
                }
                let (text, at) = key.as_ref()?;
                (Step::Key(text.clone()), Some(*at))
            }
        };
        let node = self.wanted.child(frame.node?, &step)?;
        let key_at = key_at.or(own).map_or((1, 1), |at| self.position(at));
        self.wanted.found(node, key_at, own.map_or(key_at, |at| self.position(at)), spelling);
        Some(node)
    }

    fn value_ended(&mut self) {
        match self.frames.last_mut().map(|frame| &mut frame.kind) {
            Some(Kind::List { next }) => *next += 1,
            Some(Kind::Map { key, .. }) => *key = None,
            None => {}
        }
    }

    fn path(&self) -> KeyPath {
        let steps = self.frames.iter().filter_map(|frame| match &frame.kind {
            Kind::List { next } => Some(Step::Item(*next)),
            Kind::Map { key, .. } => key.as_ref().map(|(text, _)| Step::Key(text.clone())),
        });
        KeyPath(steps.collect())
    }

    fn placed(&self, at: Marker, value: String, rule: &str) -> Placed {
        let (line, column) = self.position(at);
        // The number of the file is for the caller to know.
        Placed { line, column, finding: Finding::at(0, self.path(), value, rule) }
    }

    /// Line and column, both from 1.
    fn position(&self, at: Marker) -> Position {
        let shift = if at.line() == 1 { self.shift } else { 0 };
        (at.line(), (at.col() + 1).saturating_sub(shift).max(1))
    }

    fn refuse(&mut self, at: Marker, value: String, rule: &str) {
        let placed = self.placed(at, value, rule);
        self.refused.push(placed);
    }

    fn refuse_depth(&mut self, at: Marker) {
        let rule = format!("maps and lists may be nested at most {MAX_DEPTH} deep");
        self.refuse(at, "nested too deep".to_owned(), &rule);
    }

    fn refuse_length(&mut self, at: Marker) {
        let rule = format!(
            "a text, and a list or map in brackets inside of others, may be at most {MAX_AT_ONCE} characters long; write \
             each item in a line of its own, without brackets"
        );
        self.refuse(at, "too long to be read at once".to_owned(), &rule);
    }

    fn oddity(&mut self, at: Marker, subject: Subject, value: String, rule: &str) {
        let mut placed = self.placed(at, value, rule);
        placed.finding.subject = subject;
        if self.oddities.len() < MAX_FINDINGS {
            self.oddities.push(placed);
        } else {
            self.more += 1;
        }
    }
}
