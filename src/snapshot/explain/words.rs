//! How times, durations and lists are said.

use std::fmt::Display;
use std::time::Duration;

use super::super::Timestamp;

/// How many of a list are said one by one.
const SAID: usize = 8;

/// `since TIME (2 h 5 min ago)`
pub(super) fn since(time: Timestamp, now: Timestamp) -> String {
    format!("since {}", at(time, now))
}

/// `TIME (2 h 5 min ago)`
pub(super) fn at(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.0.as_second().saturating_sub(time.0.as_second()).max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let ago = match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s ago"),
        (0, 0, _) => format!("{minutes} min {} s ago", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min ago"),
        (1, ..) => format!("1 day {hours} h ago"),
        (..) => format!("{days} days {hours} h ago"),
    };
    format!("{time} ({ago})")
}

/// A duration as the configuration writes it.
pub(super) fn span(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// `a, b and c`; of many the first few and how many more.
pub(super) fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let all: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let said = if all.len() > SAID + 1 { SAID } else { all.len() };
    let more = all.len() - said;
    match all[..said].split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, first)) if more == 0 => format!("{} and {last}", first.join(", ")),
        Some(_) => format!("{} and {more} more", all[..said].join(", ")),
    }
}

/// The text as the end of a sentence: one full stop, whoever wrote it.
pub(super) fn ended(text: &str) -> String {
    format!("{}.", text.trim_end().trim_end_matches('.'))
}
