//! A package for Debian and its derivatives, from the folder that the archive is packed from: the same programs, in the places that
//! Debian uses.

use super::archive::files;
use crate::workspace::{empty_folder, read, root, run, write};
use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where each part of the archive's folder goes; a folder brings all its files. Debian requires compressed man pages and a compressed
/// changelog.
const PLACES: &[(&str, &str)] = &[
    ("raftdeck", "usr/bin/raftdeck"),
    ("raftdeck-node", "usr/bin/raftdeck-node"),
    ("config.toml", "etc/raftdeck/config.toml"),
    ("man/man1", "usr/share/man/man1"),
    ("completions/raftdeck.bash", "usr/share/bash-completion/completions/raftdeck"),
    ("completions/_raftdeck", "usr/share/zsh/vendor-completions/_raftdeck"),
    ("completions/raftdeck.fish", "usr/share/fish/vendor_completions.d/raftdeck.fish"),
    ("LICENSE", "usr/share/doc/raftdeck/copyright"),
    ("THIRD-PARTY.txt", "usr/share/doc/raftdeck/THIRD-PARTY.txt"),
    ("README.md", "usr/share/doc/raftdeck/README.md"),
    ("CHANGELOG.md", "usr/share/doc/raftdeck/changelog.gz"),
];

const UNIT: &str = "usr/lib/systemd/system/raftdeck-node.service";

/// The scripts that run when the package is installed or removed.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Makes the package beside the folder.
pub(super) fn package(staged: &Path, version: &str, target: &str) -> Result<PathBuf> {
    let architecture = architecture(target)?;
    let name = format!("raftdeck_{version}_{architecture}");
    let tree = staged.with_file_name(&name);
    empty_folder(&tree)?;
    for (from, to) in PLACES {
        place(&staged.join(from), &tree.join(to))?;
    }
    let unit = read(&staged.join("raftdeck-node.service"))?;
    write(&tree.join(UNIT), unit.replace("/usr/local/bin/", "/usr/bin/"))?;
    let overrides = root().join("assets/packaging/debian/lintian-overrides");
    place(&overrides, &tree.join("usr/share/lintian/overrides/raftdeck"))?;
    control(&tree, version, architecture)?;
    permit(&tree)?;
    let package = staged.with_file_name(format!("{name}.deb"));
    run(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree).arg(&package))?;
    Ok(package)
}

/// Programs for musl are static, so the package has no dependencies and fits every release of Debian.
fn architecture(target: &str) -> Result<&'static str> {
    match target {
        "x86_64-unknown-linux-musl" => Ok("amd64"),
        "aarch64-unknown-linux-musl" => Ok("arm64"),
        _ => bail!("no package for Debian is made for {target}: give a --target that ends in -linux-musl"),
    }
}

/// Copies a file, or the files of a folder.
fn place(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        let inside = |file: &Path| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            to.join(if to.ends_with("man1") { format!("{name}.gz") } else { name.into_owned() })
        };
        return files(from)?.iter().try_for_each(|file| place(file, &inside(file)));
    }
    let mut bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if to.extension().is_some_and(|extension| extension == "gz") {
        let mut zipped = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        zipped.write_all(&bytes)?;
        bytes = zipped.finish()?;
    }
    write(to, bytes)
}

/// The folder with the package's metadata for dpkg.
fn control(tree: &Path, version: &str, architecture: &str) -> Result<()> {
    let source = root().join("assets/packaging/debian");
    let mut bytes = 0;
    for file in files(tree)? {
        bytes += fs::metadata(&file)?.len();
    }
    let control = read(&source.join("control"))?
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@SIZE@", &bytes.div_ceil(1024).to_string());
    write(&tree.join("DEBIAN/control"), control)?;
    write(&tree.join("DEBIAN/conffiles"), "/etc/raftdeck/config.toml\n")?;
    SCRIPTS.iter().try_for_each(|script| place(&source.join(script), &tree.join("DEBIAN").join(script)))
}

/// Everyone can run programs and scripts and read everything, whatever the umask of the user who packs.
fn permit(tree: &Path) -> Result<()> {
    let mut open = vec![tree.to_owned()];
    while let Some(path) = open.pop() {
        let is_program = path.is_dir()
            || path.parent().is_some_and(|parent| parent.ends_with("usr/bin"))
            || SCRIPTS.iter().any(|script| path.ends_with(Path::new("DEBIAN").join(script)));
        let mode = if is_program { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .with_context(|| format!("cannot set the mode of {}", path.display()))?;
        if path.is_dir() {
            for entry in fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
                open.push(entry?.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_made_of_static_programs_alone() {
        assert_eq!(architecture("x86_64-unknown-linux-musl").unwrap(), "amd64");
        assert_eq!(architecture("aarch64-unknown-linux-musl").unwrap(), "arm64");
        for other in ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin"] {
            assert!(architecture(other).is_err(), "{other}");
        }
    }
}
