//! Tables in Markdown.

/// A table with these headings.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |")
    };
    let mut text = line(headings.iter().map(|heading| (*heading).to_owned()).collect());
    text.push_str(&line(headings.iter().map(|_| "---".to_owned()).collect()));
    for row in rows {
        assert_eq!(row.len(), headings.len());
        text.push_str(&line(row));
    }
    text
}

/// `` `text` ``
pub(crate) fn code(text: impl AsRef<str>) -> String {
    format!("`{}`", text.as_ref())
}

/// Several of them.
pub(crate) fn codes<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(code).collect::<Vec<_>>().join(", ")
}

/// As a sentence begins, with its line breaks gone.
pub(crate) fn sentence(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
