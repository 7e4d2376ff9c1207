//! The crates that are linked into the programs for a system.

use crate::workspace::{cargo, read, root};
use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use std::collections::{BTreeMap, BTreeSet};

/// A crate from a registry.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) package: Package,
    /// Of the archive in the registry, according to Cargo.lock.
    pub(super) sha256: Option<String>,
}

impl Dependency {
    /// The address of its unchanged source, as it was used here.
    pub(super) fn source(&self) -> String {
        format!("https://crates.io/api/v1/crates/{}/{}/download", self.package.name, self.package.version)
    }

    pub(super) fn licence(&self) -> &str {
        self.package.license.as_deref().unwrap_or("see its text")
    }
}

/// All of them by name and version, without the workspace's own.
pub(super) fn linked(target: &str) -> Result<Vec<Dependency>> {
    let program = cargo(&[]).get_program().to_owned();
    let metadata = MetadataCommand::new()
        .cargo_path(program)
        .current_dir(crate::workspace::root())
        .other_options(["--locked".to_owned(), format!("--filter-platform={target}")])
        .exec()
        .context("cargo cannot describe the workspace")?;
    let reached = reached(&metadata)?;
    let sums = sums()?;
    let mut dependencies: Vec<Dependency> = metadata
        .packages
        .into_iter()
        .filter(|package| reached.contains(&package.id) && package.source.is_some())
        .map(|package| Dependency {
            sha256: sums.get(&(package.name.to_string(), package.version.to_string())).cloned(),
            package,
        })
        .collect();
    dependencies
        .sort_by(|a, b| (&a.package.name, &a.package.version).cmp(&(&b.package.name, &b.package.version)));
    Ok(dependencies)
}

/// What the program is built from and links; not what only builds or tests need.
fn reached(metadata: &Metadata) -> Result<BTreeSet<PackageId>> {
    let graph = metadata.resolve.as_ref().context("cargo gives no graph of dependencies")?;
    let nodes: BTreeMap<&PackageId, _> = graph.nodes.iter().map(|node| (&node.id, node)).collect();
    let program = metadata.packages.iter().find(|package| package.name == "raftdeck-tui");
    let mut open = vec![program.context("the workspace has no raftdeck-tui")?.id.clone()];
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        let is_linked = |dep: &&cargo_metadata::NodeDep| {
            dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
        };
        if reached.insert(id.clone()) {
            open.extend(nodes[&id].deps.iter().filter(is_linked).map(|dep| dep.pkg.clone()));
        }
    }
    Ok(reached)
}

/// The checksum of each name and version in Cargo.lock.
fn sums() -> Result<BTreeMap<(String, String), String>> {
    let lock = read(&root().join("Cargo.lock"))?;
    let entries = lock.split("[[package]]").skip(1);
    let field = |entry: &str, key: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_start_matches(" = ").trim_matches('"').to_owned())
    };
    Ok(entries
        .filter_map(|entry| {
            Some(((field(entry, "name")?, field(entry, "version")?), field(entry, "checksum")?))
        })
        .collect())
}
