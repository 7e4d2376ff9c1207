//! The page that every phone loads: one document without anything to load, and the policy that keeps it so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use raftdeck_deck::svg;
use sha2::{Digest, Sha256};

const DOCUMENT: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The page and its policy.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) document: String,
    /// The value of `Content-Security-Policy`: nothing but the page's own script and style runs, and it connects to its own server alone.
    pub(super) policy: String,
}

impl Page {
    /// The page below this path.
    pub(super) fn below(base: &str) -> Self {
        let style = style();
        let document = DOCUMENT.replacen("{{base}}", base, 1).replacen("{{style}}", &style, 1).replacen(
            "{{script}}",
            SCRIPT,
            1,
        );
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(SCRIPT),
            hash(&style),
        );
        Self { document, policy }
    }
}

/// The page's style, and that of the pictures of the cluster, which are sent without it.
fn style() -> String {
    format!("{STYLE}{}", svg::STYLE)
}

/// A picture without its style, which is a third of it: a class shares one network.
pub(super) fn without_style(picture: &str) -> String {
    picture.replacen(&format!("<style>{}</style>", svg::STYLE), "", 1)
}

/// A source of the policy: what has exactly this text.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_and_has_only_what_its_policy_permits() {
        let page = Page::below("/ACDEF3");
        assert!(page.document.contains(r#"data-base="/ACDEF3""#) && !page.document.contains("{{"));
        for foreign in
            ["http://", "https://", "//cdn", "@import", "url(", " onclick", " style=", "javascript:"]
        {
            assert!(!page.document.contains(foreign), "{foreign}");
        }
        let parts = [("<style>", "</style>", &*style()), ("<script>", "</script>", SCRIPT)];
        for (open, close, text) in parts {
            let (_, rest) = page.document.split_once(open).unwrap();
            assert_eq!(rest.split_once(close).unwrap().0, text, "what is hashed is what the browser hashes");
            assert!(page.policy.contains(&hash(text)));
        }
        assert!(!page.policy.contains("unsafe"), "{}", page.policy);
        assert_eq!(hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
    }
    #[test]
    fn a_picture_is_sent_without_the_style_that_the_page_has() {
        let whole = svg::picture(&raftdeck_model::World::default(), &std::collections::BTreeSet::new());
        let sent = without_style(&whole);
        assert!(whole.contains("<style>") && !sent.contains("<style>") && sent.ends_with("</svg>"));
        assert!(Page::below("/x").document.contains(svg::STYLE));
    }
}
