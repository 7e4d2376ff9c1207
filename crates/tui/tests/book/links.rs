//! Every link of the README, the book and the pages that it takes in leads to something that is there. The net is not asked.

use crate::pages::{Page, chapters, other_pages, page, pages, root};
use std::path::{Component, Path, PathBuf};

/// The links of a page outside of its blocks of code.
fn links(page: &Page) -> Vec<String> {
    let mut is_code = false;
    let mut links = Vec::new();
    for line in page.text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        // What stands in backticks is no link.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        links.extend(prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        links.extend(
            prose.split("src=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())),
        );
    }
    links
}

/// The names under which a page's headings can be reached.
fn anchors(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut anchors: Vec<String> = Vec::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let Some((_, heading)) = heading.split_once(' ') else { continue };
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = anchors.iter().filter(|other| **other == anchor).count();
        anchors.push(if times == 0 { anchor } else { format!("{anchor}-{times}") });
    }
    anchors
}

/// `docs/../examples/x` is `examples/x`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(plain.pop(), "{} leaves the repository", path.display()),
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    for from in pages().into_iter().chain(other_pages()) {
        let is_elsewhere = |link: &String| link.starts_with("https://") || link.starts_with("http://");
        for link in links(&from).into_iter().filter(|link| !is_elsewhere(link)) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let beside = from.path.parent().expect("a page lies in a folder");
            let target = if file.is_empty() { from.path.clone() } else { plain(&beside.join(file)) };
            let name = target.display().to_string();
            assert!(root().join(&target).exists(), "{}: {link}: there is no {name}", from.path.display());
            if !anchor.is_empty() {
                let known = anchors(&page(&name).text);
                assert!(
                    known.iter().any(|other| other == anchor),
                    "{}: {link}: {name} has no such heading: {known:?}",
                    from.path.display()
                );
            }
            count += 1;
        }
    }
    assert!(count > 100, "only {count} links were found");
}

/// What `cargo xtask book` puts beside the chapters, so that links lead there in the book too.
const TAKEN_ALONG: [&str; 5] = ["assets/", "examples/", "LICENSE", "README.md", "docs/"];

#[test]
fn chapters_lead_only_to_what_the_book_takes_along() {
    let chapters: Vec<PathBuf> = chapters().iter().map(|name| plain(&Path::new("docs").join(name))).collect();
    for from in pages().iter().skip(1) {
        for link in links(from).into_iter().filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            let target = plain(&from.path.parent().expect("a folder").join(file));
            let name = target.display().to_string();
            let is_taken =
                chapters.contains(&target) || TAKEN_ALONG.iter().any(|taken| name.starts_with(taken));
            assert!(is_taken, "{}: {link} is not in the book", from.path.display());
        }
    }
}
