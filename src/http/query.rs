//! Numbers in the query of a request (`after=SEQ&limit=N`). Pure.

#[cfg(test)]
mod tests;

/// The values of these parameters, each `None` where it is not there. What else stands in the query is ignored, as on every
/// other path; the error says in words what is wrong with one of these.
pub(super) fn numbers<const N: usize>(
    query: Option<&str>,
    names: [&str; N],
) -> Result<[Option<u64>; N], String> {
    let mut values = [None; N];
    for pair in query.unwrap_or_default().split('&') {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(place) = names.iter().position(|known| *known == name) else { continue };
        let value = number(text).ok_or_else(|| format!("`{name}` must be a whole number"))?;
        if values[place].replace(value).is_some() {
            return Err(format!("`{name}` must be given once"));
        }
    }
    Ok(values)
}

/// Digits alone: Rust's own parser would take a sign.
pub(super) fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
