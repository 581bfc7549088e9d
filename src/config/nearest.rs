//! What an operator may have meant by a name that isn't known.

/// The one of `names` that is closest to `word`, if it is close: at most one change in three letters, and two in all.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.chars().collect();
    let most = (letters.len() / 3).min(2);
    names
        .into_iter()
        .filter(|name| name.len().abs_diff(word.len()) <= 4 * most)
        .map(|name| (distance(&letters, name), name))
        .filter(|(changes, _)| *changes <= most)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance: letters put in, taken out or replaced.
fn distance(word: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (line, letter) in name.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, &other) in word.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[word.len()]
}
