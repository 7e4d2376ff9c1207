//! The text of the file of contexts: what it says, and how it is changed. What a person wrote by hand stays, comments included.

use super::{ClusterContext, ClusterEngine, Contexts, valid_address, valid_name};
use raftdeck_deck::settings::mistake::{Mistake, near};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml_edit::{Array, Document, DocumentMut, Item, Key, Table, TableLike, Value, value};

/// The names at the top of the file.
const TOP: [&str; 2] = ["current", "contexts"];

/// The names in a context.
const NAMES: [&str; 10] = [
    "engine",
    "addresses",
    "tls-ca",
    "tls-cert",
    "tls-key",
    "client-token-file",
    "manager-token-file",
    "user",
    "password-file",
    "links",
];

/// What a new file begins with.
const HEAD: &str = "# Clusters that raftdeck attaches to, by name: raftdeck context --help\n\n";

/// What a text says. Paths in it that are not absolute are relative to `folder`, the file's own.
pub fn parse(text: &str, folder: &Path) -> Result<Contexts, Mistake> {
    let reader = Reader { text, folder };
    let document = Document::parse(text).map_err(|error| {
        let why = error.message().replace('\n', ", ");
        reader.mistake(error.span(), format!("this is not valid TOML: {why}"))
    })?;
    let mut contexts = Contexts::default();
    let mut current = None;
    for (name, item) in document.iter() {
        match name {
            "current" => {
                let name = reader.text_of(item, "current")?;
                current = Some((name.to_owned(), item.span()));
            }
            "contexts" => contexts.all = reader.contexts(item)?,
            other => {
                let what = format!("the file has nothing called {other}; {}", near(other, &TOP));
                return Err(reader.mistake(place(document.as_table(), other, item), what));
            }
        }
    }
    if let Some((name, at)) = current {
        contexts.named(&name).map_err(|why| reader.mistake(at, why))?;
        contexts.current = Some(name);
    }
    Ok(contexts)
}

/// Where a key is, else where its value is.
fn place(table: &dyn TableLike, name: &str, item: &Item) -> Option<Range<usize>> {
    table.key(name).and_then(Key::span).or_else(|| item.span())
}

/// A text while it is read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    text: &'a str,
    folder: &'a Path,
}

impl Reader<'_> {
    fn mistake(self, at: Option<Range<usize>>, what: impl Into<String>) -> Mistake {
        let before = self.text.as_bytes().iter().take(at.unwrap_or_default().start);
        Mistake { line: 1 + before.filter(|byte| **byte == b'\n').count(), what: what.into() }
    }

    fn wrong(self, item: &Item, name: &str, wanted: &str) -> Mistake {
        self.mistake(item.span(), format!("{name} should be {wanted}, and is {}", called(item)))
    }

    fn text_of<'i>(self, item: &'i Item, name: &str) -> Result<&'i str, Mistake> {
        item.as_str().ok_or_else(|| self.wrong(item, name, "a string"))
    }

    /// A list of strings, or one string.
    fn texts(self, item: &Item, name: &str) -> Result<Vec<String>, Mistake> {
        if let Some(one) = item.as_str() {
            return Ok(vec![one.to_owned()]);
        }
        let wrong = || self.wrong(item, name, "a list of strings");
        let list = item.as_array().ok_or_else(wrong)?;
        list.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    }

    fn path(self, item: &Item, name: &str) -> Result<Option<PathBuf>, Mistake> {
        // An absolute path replaces the folder.
        Ok(Some(self.folder.join(self.text_of(item, name)?)))
    }

    fn contexts(self, item: &Item) -> Result<Vec<(String, ClusterContext)>, Mistake> {
        let table = item.as_table_like().ok_or_else(|| self.wrong(item, "contexts", "a table"))?;
        let named = |(name, item): (&str, &Item)| {
            let at = place(table, name, item);
            valid_name(name).map_err(|why| self.mistake(at.clone(), format!("{name}: {why}")))?;
            let inner = item.as_table_like().ok_or_else(|| self.wrong(item, name, "a table"))?;
            Ok((name.to_owned(), self.context(name, inner, at)?))
        };
        table.iter().map(named).collect()
    }

    fn context(
        self,
        name: &str,
        table: &dyn TableLike,
        at: Option<Range<usize>>,
    ) -> Result<ClusterContext, Mistake> {
        let mut context = ClusterContext::default();
        let mut addresses_at = None;
        for (key, item) in table.iter() {
            match key {
                "engine" => context.engine = self.engine(item)?,
                "addresses" => {
                    context.addresses = self.texts(item, key)?;
                    addresses_at = item.span();
                }
                "tls-ca" => context.tls_ca = self.path(item, key)?,
                "tls-cert" => context.tls_cert = self.path(item, key)?,
                "tls-key" => context.tls_key = self.path(item, key)?,
                "client-token-file" => context.client_token_file = self.path(item, key)?,
                "manager-token-file" => context.manager_token_file = self.path(item, key)?,
                "user" => context.user = Some(self.text_of(item, key)?.to_owned()),
                "password-file" => context.password_file = self.path(item, key)?,
                "links" => context.links = self.texts(item, key)?,
                other => {
                    let what = format!("a context has nothing called {other}; {}", near(other, &NAMES));
                    return Err(self.mistake(place(table, other, item), what));
                }
            }
        }
        if context.addresses.is_empty() {
            let what = format!("the context {name} has no addresses: addresses = [\"HOST:PORT\"]");
            return Err(self.mistake(addresses_at.or(at), what));
        }
        for address in &context.addresses {
            valid_address(context.engine, address).map_err(|why| self.mistake(addresses_at.clone(), why))?;
        }
        Ok(context)
    }

    fn engine(self, item: &Item) -> Result<ClusterEngine, Mistake> {
        let name = self.text_of(item, "engine")?;
        let known = [ClusterEngine::Raftdeck, ClusterEngine::Etcd];
        let found = known.into_iter().find(|engine| engine.name() == name);
        found.ok_or_else(|| {
            let what =
                format!("there is no engine called {name}; {}", near(name, &known.map(ClusterEngine::name)));
            self.mistake(item.span(), what)
        })
    }
}

fn called(item: &Item) -> &'static str {
    match item.type_name() {
        "string" => "a string",
        "integer" | "float" => "a number",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" => "a list",
        _ => "a table",
    }
}

/// The text with one more context. Where none was current, it is.
#[must_use]
pub fn with(text: &str, name: &str, context: &ClusterContext) -> String {
    let new = format!("{HEAD}current = \"{name}\"\n");
    edited(if text.trim().is_empty() { &new } else { text }, |document| {
        if !document.contains_key("current") {
            document.insert("current", value(name));
        }
        if let Some(all) = contexts_of(document) {
            all.insert(name, Item::Table(table(context)));
        }
    })
}

/// The text with another current context.
#[must_use]
pub fn using(text: &str, name: &str) -> String {
    edited(text, |document| set_current(document, name))
}

/// The text without a context. If it was the current one, none is.
#[must_use]
pub fn without(text: &str, name: &str) -> String {
    let mut above = String::new();
    let rest = edited(text, |document| {
        if is_current(document, name)
            && let Some((key, _)) = document.remove_entry("current")
        {
            // A comment at the top of the file is about all of it.
            let comment = key.leaf_decor().prefix().and_then(|prefix| prefix.as_str());
            comment.unwrap_or_default().clone_into(&mut above);
        }
        if let Some(all) = contexts_of(document) {
            all.remove(name);
        }
    });
    if above.trim().is_empty() { rest } else { format!("{}\n\n{}", above.trim_end(), rest.trim_start()) }
}

/// The text with another name for a context.
#[must_use]
pub fn renamed(text: &str, from: &str, to: &str) -> String {
    edited(text, |document| {
        if is_current(document, from) {
            set_current(document, to);
        }
        if let Some(all) = contexts_of(document)
            && let Some(item) = all.remove(from)
        {
            all.insert(to, item);
        }
    })
}

/// Keeps what stands beside the old value, such as a comment.
fn set_current(document: &mut DocumentMut, name: &str) {
    match document.get_mut("current").and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = Value::from(name);
            *old.decor_mut() = decor;
        }
        None => {
            document.insert("current", value(name));
        }
    }
}

fn is_current(document: &DocumentMut, name: &str) -> bool {
    document.get("current").and_then(Item::as_str) == Some(name)
}

/// The table of all contexts, made where there is none.
fn contexts_of(document: &mut DocumentMut) -> Option<&mut dyn TableLike> {
    let made = || {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    };
    document.entry("contexts").or_insert_with(made).as_table_like_mut()
}

/// A text that has been parsed without a mistake stays as it is but for the change.
fn edited(text: &str, change: impl FnOnce(&mut DocumentMut)) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text.to_owned() };
    change(&mut document);
    document.to_string()
}

fn table(context: &ClusterContext) -> Table {
    let mut table = Table::new();
    if context.engine != ClusterEngine::default() {
        table.insert("engine", value(context.engine.name()));
    }
    table.insert("addresses", list(&context.addresses));
    for (name, text) in context.texts() {
        if let Some(text) = text {
            table.insert(name, value(text));
        }
    }
    if !context.links.is_empty() {
        table.insert("links", list(&context.links));
    }
    table
}

fn list(texts: &[String]) -> Item {
    value(texts.iter().map(String::as_str).collect::<Array>())
}

impl ClusterContext {
    /// What lets one in, by its names in the file.
    #[must_use]
    pub fn texts(&self) -> [(&'static str, Option<String>); 7] {
        let shown = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        [
            ("tls-ca", shown(&self.tls_ca)),
            ("tls-cert", shown(&self.tls_cert)),
            ("tls-key", shown(&self.tls_key)),
            ("client-token-file", shown(&self.client_token_file)),
            ("manager-token-file", shown(&self.manager_token_file)),
            ("user", self.user.clone()),
            ("password-file", shown(&self.password_file)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Contexts, String> {
        parse(text, Path::new("/etc/raftdeck")).map_err(|mistake| mistake.to_string())
    }

    fn whole() -> ClusterContext {
        let path = |name: &str| Some(PathBuf::from(format!("/keys/{name}")));
        ClusterContext {
            engine: ClusterEngine::Etcd,
            addresses: vec!["https://10.0.0.1:2379".to_owned(), "10.0.0.2:2379".to_owned()],
            tls_ca: path("ca.pem"),
            tls_cert: path("cert.pem"),
            tls_key: path("key.pem"),
            client_token_file: path("client"),
            manager_token_file: path("manager"),
            user: Some("root".to_owned()),
            password_file: path("password"),
            links: vec!["10.0.0.1:9000".to_owned()],
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_the_first_becomes_the_current_one() {
        let small = ClusterContext { addresses: vec!["a:1".to_owned()], ..ClusterContext::default() };
        let text = with(&with("", "prod", &whole()), "eu.1", &small);
        let contexts = parsed(&text).unwrap();
        assert_eq!(contexts.current.as_deref(), Some("prod"));
        assert_eq!(contexts.all, [("prod".to_owned(), whole()), ("eu.1".to_owned(), small)]);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_a_person_wrote_stays() {
        let text = "# mine\ncurrent = 'a' # the usual one\n\n# the one in the cellar\n[contexts.a]\naddresses = 'h:1' # one\n\n[contexts.b]\naddresses = ['h:2']\n";
        let using = using(text, "b");
        assert_eq!(using, text.replace("'a' #", "\"b\" #"));
        let renamed = renamed(text, "a", "cellar");
        assert_eq!(parsed(&renamed).unwrap().current.as_deref(), Some("cellar"));
        for comment in ["# mine", "# the usual one", "# the one in the cellar", "# one"] {
            assert!(renamed.contains(comment), "{comment}: {renamed}");
        }
        let without = without(text, "a");
        assert_eq!(parsed(&without).unwrap().names().collect::<Vec<_>>(), ["b"]);
        assert_eq!(parsed(&without).unwrap().current, None, "none is current without being chosen");
        assert_eq!(without, "# mine\n\n[contexts.b]\naddresses = ['h:2']\n");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let contexts =
            parsed("[contexts.a]\naddresses = 'h:1'\ntls-ca = 'ca.pem'\ntls-key = '/k.pem'").unwrap();
        let context = contexts.named("a").unwrap();
        assert_eq!(context.tls_ca.as_deref(), Some(Path::new("/etc/raftdeck/ca.pem")));
        assert_eq!(context.tls_key.as_deref(), Some(Path::new("/k.pem")));
    }

    #[test]
    fn a_mistake_has_its_line_and_what_to_do() {
        for (text, says) in [
            ("curent = 'a'", "1: the file has nothing called curent; did you mean current?"),
            ("current = 'a'", "1: there is no context called a: there are no contexts yet"),
            ("current = 1", "1: current should be a string, and is a number"),
            ("contexts = 1", "1: contexts should be a table, and is a number"),
            (
                "\n[contexts.a]\naddress = 'h:1'",
                "3: a context has nothing called address; did you mean addresses?",
            ),
            ("[contexts.a]\nuser = 'u'", "1: the context a has no addresses"),
            ("[contexts.a]\naddresses = []", "2: the context a has no addresses"),
            ("[contexts.a]\naddresses = [1]", "2: addresses should be a list of strings, and is a list"),
            ("[contexts.a]\naddresses = 'h'", "2: "),
            (
                "[contexts.a]\naddresses = 'h:1'\nengine = 'etdc'",
                "3: there is no engine called etdc; did you mean etcd?",
            ),
            (
                "[contexts.a]\naddresses = 'h:1'\npassword = 'p'",
                "3: a context has nothing called password; did you mean password-file?",
            ),
            ("[contexts.'a b']\naddresses = 'h:1'", "1: a b: a context's name has letters"),
            ("[contexts", "1: this is not valid TOML"),
        ] {
            let mistake = parsed(text).unwrap_err();
            assert!(mistake.starts_with(says), "{text}: {mistake}");
        }
    }
}
