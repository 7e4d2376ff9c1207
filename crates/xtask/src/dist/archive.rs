//! Archives: the same files give the same bytes, regardless of who packs them and when.

use crate::workspace::write;
use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// The time of every file in an archive, in seconds since 1970: a package is identified by its sums, not by its age.
const TIME: u64 = 1_500_000_000;

/// Packs a folder under its own name beside it.
pub(super) fn pack(folder: &Path) -> Result<PathBuf> {
    let name = folder.file_name().context("a folder to pack has a name")?.to_string_lossy().into_owned();
    let path = folder.with_file_name(format!("{name}.tar.gz"));
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let zipped = GzBuilder::new().mtime(0).write(BufWriter::new(file), Compression::best());
    let mut archive = Builder::new(zipped);
    for entry in files(folder)? {
        let inside =
            Path::new(&name).join(entry.strip_prefix(folder).expect("it was found below the folder"));
        append(&mut archive, &entry, &inside).with_context(|| format!("cannot pack {}", entry.display()))?;
    }
    archive.into_inner()?.finish()?.into_inner()?.sync_all()?;
    Ok(path)
}

fn append(archive: &mut Builder<impl std::io::Write>, file: &Path, inside: &Path) -> Result<()> {
    let bytes = fs::read(file)?;
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes.len().try_into()?);
    header.set_mode(if is_program(file)? { 0o755 } else { 0o644 });
    header.set_mtime(TIME);
    header.set_uid(0);
    header.set_gid(0);
    archive.append_data(&mut header, inside, &bytes[..])?;
    Ok(())
}

fn is_program(file: &Path) -> Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(file)?.permissions().mode() & 0o100 != 0)
}

/// All files below the folder, sorted.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// SHA256SUMS over the archives of a folder, as `sha256sum --check` reads it.
pub(super) fn sum(folder: &Path) -> Result<()> {
    let mut lines = String::new();
    for path in files(folder)?.iter().filter(|path| path.parent() == Some(folder)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.ends_with(".tar.gz") && !name.ends_with(".deb") {
            continue;
        }
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let hex: Vec<String> = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(lines, "{}  {name}", hex.concat())?;
    }
    write(&folder.join("SHA256SUMS"), lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_archive_whenever_they_were_written() {
        let base = tempfile::tempdir().unwrap();
        let pack_anew = |order: [&str; 2]| {
            let folder = base.path().join("raftdeck");
            if folder.exists() {
                fs::remove_dir_all(&folder).unwrap();
            }
            fs::create_dir_all(folder.join("man")).unwrap();
            for name in order {
                fs::write(folder.join(name), name).unwrap();
            }
            fs::read(pack(&folder).unwrap()).unwrap()
        };
        assert_eq!(pack_anew(["README.md", "man/raftdeck.1"]), pack_anew(["man/raftdeck.1", "README.md"]));
        sum(base.path()).unwrap();
        let sums = fs::read_to_string(base.path().join("SHA256SUMS")).unwrap();
        assert!(sums.lines().count() == 1 && sums.ends_with("  raftdeck.tar.gz\n"), "{sums}");
    }
}
