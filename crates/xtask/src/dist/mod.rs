//! An archive of the programs for one system: built, described, packed and summed by one command, on any machine that has the
//! toolchain for that system.

mod archive;
mod debian;
mod debug_info;
mod dependencies;
mod licences;
mod programs;
mod sbom;

use crate::workspace::{empty_folder, metadata, output, root, rustc, version, write};
use anyhow::{Context, Result};
use dependencies::Dependency;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The system that the programs are for, such as x86_64-unknown-linux-musl [default: this one]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// The profile that they are built with
    #[arg(long, default_value = "dist")]
    profile: String,
    /// Build nothing, and pack the programs that lie in this folder, as after they were signed
    #[arg(long, value_name = "DIR", conflicts_with = "profile")]
    built: Option<PathBuf>,
    /// A raftdeck of this version that runs here, to write completions and pages for man [default: the one that is built]
    #[arg(long, value_name = "FILE")]
    described_by: Option<PathBuf>,
    /// Make a package for Debian and its kin, too; needs dpkg-deb
    #[arg(long)]
    deb: bool,
}

/// What goes into every archive unchanged from the checkout.
const FILES: &[&str] =
    &["README.md", "CHANGELOG.md", "LICENSE", "examples/config.toml", "examples/raftdeck-node.service"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = metadata()?;
    let (version, target_directory) = (version(&workspace)?, workspace.target_directory.as_std_path());
    let target = match &args.target {
        Some(target) => target.clone(),
        None => host()?,
    };
    let built = match &args.built {
        Some(folder) => folder.clone(),
        None => programs::build(target_directory, &target, &args.profile)?,
    };
    let name = format!("raftdeck-{version}-{target}");
    let archives = target_directory.join("archives");
    let staged = archives.join(&name);
    let debug = archives.join(format!("{name}-debug"));
    for folder in [&staged, &debug] {
        empty_folder(folder)?;
    }
    for program in programs::names() {
        debug_info::separate(&built.join(program), &staged, &debug, &target)?;
    }
    let dependencies = dependencies::linked(&target)?;
    describe(&staged, args.described_by.as_deref(), &dependencies, &version)?;
    let mut made = vec![archive::pack(&staged)?, archive::pack(&debug)?];
    if args.deb {
        made.push(debian::package(&staged, &version, &target)?);
    }
    archive::sum(&archives)?;
    for path in made {
        println!("{} ({} bytes)", path.display(), fs::metadata(&path)?.len());
    }
    Ok(())
}

/// All files beside the programs.
fn describe(staged: &Path, by: Option<&Path>, dependencies: &[Dependency], version: &str) -> Result<()> {
    for file in FILES {
        let from = root().join(file);
        let to = staged.join(Path::new(file).file_name().expect("files have names"));
        fs::copy(&from, &to)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    let by = by.map_or_else(|| staged.join("raftdeck"), Path::to_owned);
    programs::describe(&by, staged)?;
    write(&staged.join("THIRD-PARTY.txt"), licences::text(dependencies)?)?;
    write(&staged.join("sbom.cdx.json"), sbom::text(dependencies, version)?)
}

/// The system that this runs on.
fn host() -> Result<String> {
    let said = output(&mut rustc(&["--version", "--verbose"]))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host: give --target")?.to_owned())
}
