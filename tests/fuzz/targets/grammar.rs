//! The lines that ExaBGP may be told, read by a grammar of their own: anything else, and be it a second line, is a fault.

use std::net::IpAddr;
use std::str::Split;

use roamd::route::Prefix;

/// What is left of a line.
type Words<'a> = std::iter::Peekable<Split<'a, char>>;

/// The prefix that one line is about, where it is about one.
///
/// # Panics
///
/// On a line that is none of ours.
pub fn prefix_of(line: &str) -> Option<Prefix> {
    assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "more than one line of ASCII: {line:?}");
    if matches!(
        line,
        "# roamd"
            | "version"
            | "show neighbor summary"
            | "show neighbor configuration"
            | "show adj-rib out extensive"
    ) {
        return None;
    }
    let mut words = line.split(' ').peekable();
    let prefix = command(&mut words).unwrap_or_else(|| panic!("no command of ours: {line:?}"));
    assert_eq!(words.next(), None, "something stands behind the command: {line:?}");
    prefix
}

/// `None`: it is no command; `Some(None)`: it is about no prefix.
fn command(words: &mut Words<'_>) -> Option<Option<Prefix>> {
    while words.next_if_eq(&"neighbor").is_some() {
        let address = words.next()?;
        let (address, another) =
            address.strip_suffix(',').map_or((address, false), |address| (address, true));
        address.parse::<IpAddr>().ok()?;
        if another != (words.peek() == Some(&"neighbor")) {
            return None;
        }
    }
    let verb = words.next()?;
    match (verb, words.next()?) {
        ("announce", "eor") => {
            matches!((words.next()?, words.next()?), ("ipv4" | "ipv6", "unicast")).then_some(None)
        }
        ("announce" | "withdraw", "route") => {
            let prefix: Prefix = words.next()?.parse().ok()?;
            if verb == "announce" || words.peek().is_some() {
                attributes(words)?;
            }
            Some(Some(prefix))
        }
        _ => None,
    }
}

fn attributes(words: &mut Words<'_>) -> Option<()> {
    let next_hop = (words.next()? == "next-hop").then(|| words.next())??;
    let is_address = next_hop == "self" || next_hop.parse::<IpAddr>().is_ok();
    let origin = (words.next()? == "origin").then(|| words.next())??;
    if !is_address || !matches!(origin, "igp" | "egp" | "incomplete") {
        return None;
    }
    let is_u32 = |word: &str| word.parse::<u32>().is_ok();
    list(words, "as-path", is_u32)?;
    for name in ["med", "local-preference"] {
        if words.next()? != name || !is_u32(words.next()?) {
            return None;
        }
    }
    list(words, "community", |word| numbers::<u16>(word, 2))?;
    list(words, "large-community", |word| numbers::<u32>(word, 3))?;
    list(words, "extended-community", |word| match word.split_once(':') {
        Some(("target" | "origin", rest)) => numbers::<u32>(rest, 2),
        _ => {
            word.strip_prefix("0x").is_some_and(|hex| hex.len() == 16 && u64::from_str_radix(hex, 16).is_ok())
        }
    })
}

/// `name [ item item ]`, or nothing of it.
fn list(words: &mut Words<'_>, name: &str, is_item: impl Fn(&str) -> bool) -> Option<()> {
    if words.next_if_eq(&name).is_none() {
        return Some(());
    }
    let mut items = 0;
    (words.next()? == "[").then_some(())?;
    loop {
        match words.next()? {
            "]" => return (items > 0).then_some(()),
            item => is_item(item).then(|| items += 1)?,
        }
    }
}

/// So many numbers between colons, as Rust writes them.
fn numbers<N: std::str::FromStr + ToString>(word: &str, count: usize) -> bool {
    let is_number = |part: &str| part.parse::<N>().is_ok_and(|number| number.to_string() == part);
    word.split(':').count() == count && word.split(':').all(is_number)
}
