//! Tells the program its version: the package's, and the commit when it is built from a checkout. Reads the checkout's own
//! files and runs nothing; without a checkout, as from a tarball, the package's version is all there is.

use std::fs;
use std::path::{Path, PathBuf};

/// As many digits as name a commit for a person.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let package = env!("CARGO_PKG_VERSION");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let version = match Checkout::at(&root) {
        Some(checkout) => {
            // What does not exist counts as changed each time, so only what exists is named.
            for file in checkout.files() {
                println!("cargo::rerun-if-changed={}", file.display());
            }
            checkout.commit().map_or_else(|| package.to_owned(), |commit| format!("{package} ({commit})"))
        }
        None => package.to_owned(),
    };
    println!("cargo::rustc-env=RAFTDECK_VERSION={version}");
}

/// A git checkout as it lies on the disk.
pub(crate) struct Checkout {
    /// What belongs to this work tree alone: `HEAD`.
    own: PathBuf,
    /// What all work trees share: the branches.
    shared: PathBuf,
}

impl Checkout {
    /// The checkout whose root this is. A directory above does not count: a tarball may lie in anybody's repository.
    pub(crate) fn at(root: &Path) -> Option<Self> {
        let git = root.join(".git");
        let own = if git.is_file() {
            let text = fs::read_to_string(&git).ok()?;
            root.join(text.strip_prefix("gitdir:")?.trim())
        } else {
            git
        };
        let shared = match fs::read_to_string(own.join("commondir")) {
            Ok(common) => own.join(common.trim()),
            Err(_) => own.clone(),
        };
        own.join("HEAD").is_file().then_some(Self { own, shared })
    }

    /// The first digits of the commit that is checked out.
    pub(crate) fn commit(&self) -> Option<String> {
        let full = match self.branch() {
            None => self.head()?,
            Some(branch) => {
                fs::read_to_string(self.shared.join(&branch)).ok().or_else(|| self.packed(&branch))?
            }
        };
        let digits = full.trim().get(..DIGITS)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| digits.to_owned())
    }

    /// The files that change when another commit is checked out.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let branch = self.branch().map(|branch| self.shared.join(branch));
        let all = [Some(self.own.join("HEAD")), branch, Some(self.shared.join("packed-refs"))];
        all.into_iter().flatten().filter(|file| file.is_file()).collect()
    }

    fn head(&self) -> Option<String> {
        fs::read_to_string(self.own.join("HEAD")).ok()
    }

    /// `refs/heads/main`; none when a commit itself is checked out.
    fn branch(&self) -> Option<String> {
        Some(self.head()?.strip_prefix("ref:")?.trim().to_owned())
    }

    fn packed(&self, branch: &str) -> Option<String> {
        let packed = fs::read_to_string(self.shared.join("packed-refs")).ok()?;
        let of = |line: &str| {
            line.split_once(' ').filter(|(_, name)| *name == branch).map(|(id, _)| id.to_owned())
        };
        packed.lines().find_map(of)
    }
}
