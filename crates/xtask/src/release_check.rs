//! What must hold before a version is tagged: crates that a registry accepts, texts that name the version, and dependencies that
//! comply with deny.toml. The tests are run by `.ci/run`.

use crate::grammar;
use crate::workspace::{cargo, metadata, read, root, run as carry_out, version};
use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, Package};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build each package as it was packed, which takes long
    #[arg(long)]
    verify: bool,
    /// Pack what is not committed, too
    #[arg(long)]
    allow_dirty: bool,
    /// Leave out what needs the network: advisories
    #[arg(long)]
    offline: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = metadata()?;
    let version = version(&workspace)?;
    let mut wrong: Vec<String> = published(&workspace).flat_map(|package| flaws(package, &version)).collect();
    wrong.extend(unnamed(&version)?);
    if !wrong.is_empty() {
        bail!("not ready to be released:\n  {}", wrong.join("\n  "));
    }
    println!("{} crates are described, and the texts name {version}", published(&workspace).count());
    grammar::check()?;
    deny(args.offline)?;
    package(&workspace, args)
}

/// The crates that go to a registry.
fn published(workspace: &Metadata) -> impl Iterator<Item = &Package> {
    workspace.packages.iter().filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()))
}

/// What a registry or its users would miss.
fn flaws(package: &Package, version: &str) -> Vec<String> {
    let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
    let has_file = |name: &str| folder.join(name).is_file();
    let bare = |dependency: &&cargo_metadata::Dependency| {
        dependency.path.is_some()
            && dependency.kind != DependencyKind::Development
            && dependency.req.comparators.is_empty()
    };
    let checks = [
        (package.version.to_string() == version, format!("its version is not {version}")),
        (package.description.is_some(), "it has no description".to_owned()),
        ((1..=5).contains(&package.keywords.len()), "it needs one to five keywords".to_owned()),
        ((1..=5).contains(&package.categories.len()), "it needs one to five categories".to_owned()),
        (package.repository.is_some(), "it names no repository".to_owned()),
        (package.license.is_some(), "it names no licence".to_owned()),
        (package.readme.is_some() && has_file("README.md"), "it has no README.md".to_owned()),
        (has_file("LICENSE"), "it has no LICENSE: ln -s ../../LICENSE".to_owned()),
        (
            !package.dependencies.iter().any(|dependency| bare(&dependency)),
            "it depends on a path without a version".to_owned(),
        ),
    ];
    let failed = checks.into_iter().filter(|(holds, _)| !holds);
    failed.map(|(_, flaw)| format!("{}: {flaw}", package.name)).collect()
}

/// Texts that must name the version, but do not.
fn unnamed(version: &str) -> Result<Vec<String>> {
    let texts = [
        ("CHANGELOG.md", format!("\n## {version}")),
        ("crates/node/src/http/openapi.json", format!("\"version\": \"{version}\"")),
        ("assets/packaging/raftdeck.rb", format!("version \"{version}\"")),
        ("docs/install.md", format!("raftdeck-{version}-")),
    ];
    let mut wrong = Vec::new();
    for (file, words) in texts {
        if !read(&root().join(file))?.contains(&words) {
            wrong.push(format!("{file} does not have `{}`", words.trim()));
        }
    }
    Ok(wrong)
}

fn deny(offline: bool) -> Result<()> {
    let mut deny = cargo(&["deny", "--log-level", "error", "check"]);
    if offline {
        deny.args(["licenses", "bans", "sources"]);
    }
    carry_out(&mut deny).context("if it is not there: cargo install cargo-deny --locked")
}

fn package(workspace: &Metadata, args: &Args) -> Result<()> {
    let mut package = cargo(&["package", "--locked", "--quiet", "--workspace"]);
    let is_published = |one: &Package| published(workspace).any(|other| other.id == one.id);
    for private in workspace.packages.iter().filter(|package| !is_published(package)) {
        package.args(["--exclude", private.name.as_str()]);
    }
    if !args.verify {
        package.arg("--no-verify");
    }
    if args.allow_dirty {
        package.arg("--allow-dirty");
    }
    carry_out(&mut package)
}
