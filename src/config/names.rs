//! Names of VMs that are not what they seem. libvirt takes nearly any name, and so does roamd: these are warnings.

use std::collections::HashMap;

use unicode_security::MixedScript;
use unicode_security::confusable_detection::skeleton;

use crate::vm::VmName;

/// What is odd in names, as the end of a sentence, with those that it is said of.
pub(super) fn oddities<'a>(
    names: impl Iterator<Item = &'a VmName> + Clone,
) -> Vec<(String, Vec<&'a VmName>)> {
    let hidden = names.clone().filter(|name| name.as_str().chars().any(is_hidden));
    let padded = names.clone().filter(|name| name.as_str().trim() != name.as_str());
    let foreign = names.clone().filter(|name| !name.as_str().is_ascii());
    let mixed = foreign.clone().filter(|name| !name.as_str().is_single_script());
    let mut oddities = vec![
        ("has characters that are not seen, or that direct the others".to_owned(), hidden.collect()),
        ("begins or ends with a blank".to_owned(), padded.collect()),
        ("mixes letters of several scripts, as look-alikes do".to_owned(), mixed.collect()),
    ];
    // Two names in ASCII, `web-l` and `web-1` say, are left to the fonts.
    if foreign.clone().next().is_some() {
        oddities.extend(look_alikes(names, foreign));
    }
    oddities.retain(|(_, names)| !names.is_empty());
    oddities
}

/// Names that look like another VM's (UTS 39 section 4).
fn look_alikes<'a>(
    names: impl Iterator<Item = &'a VmName>,
    foreign: impl Iterator<Item = &'a VmName>,
) -> Vec<(String, Vec<&'a VmName>)> {
    let looks: HashMap<String, &VmName> =
        names.filter(|name| name.as_str().is_ascii()).map(|name| (look(name), name)).collect();
    let mut seen: HashMap<String, &VmName> = HashMap::new();
    let mut found = Vec::new();
    for name in foreign {
        let look = look(name);
        if let Some(other) = looks.get(&look).or_else(|| seen.get(&look)) {
            found.push((format!("looks like another VM, {other:?}"), vec![name]));
        } else {
            seen.insert(look, name);
        }
    }
    found
}

fn look(name: &VmName) -> String {
    skeleton(name.as_str()).collect()
}

/// Control characters that libvirt takes, those that direct the text or have no width, and blanks other than the usual.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}
