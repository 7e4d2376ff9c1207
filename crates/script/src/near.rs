//! The word that was probably meant.

/// The nearest of these words, if it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    if given.is_empty() || given.len() > 40 {
        return None;
    }
    let far = |word: &str| {
        let lower = word.to_lowercase();
        if given.len() >= 2 && lower.starts_with(&given) { 1 } else { distance(&given, &lower) }
    };
    let most = 1 + given.chars().count() / 4;
    let (distance, word) = words.into_iter().map(|word| (far(word), word)).min_by_key(|(far, _)| *far)?;
    (distance <= most.min(3)).then_some(word)
}

/// `: did you mean kill?`, or nothing.
pub(crate) fn hint<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, words).map(|word| format!(": did you mean {word}?")).unwrap_or_default()
}

/// How many letters must be added, left out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let words = ["kill", "heal", "halves", "delay", "deaf"];
        for (given, meant) in
            [("klil", "kill"), ("kil", "kill"), ("heall", "heal"), ("Halfes", "halves"), ("del", "delay")]
        {
            assert_eq!(nearest(given, words), Some(meant), "{given}");
        }
        for given in ["", "xyz", "frobnicate", &"k".repeat(99)] {
            assert_eq!(nearest(given, words), None, "{given}");
        }
    }
}
