//! Tells the programs which build they are: the commit when they are built from a checkout, the target, the profile, the compiler.
//! Reads the checkout's own files and runs the compiler alone; without a checkout, as from a tarball, there is no commit.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As many digits as name a commit for a person.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let checkout = Checkout::at(&root);
    // What does not exist counts as changed each time, so only what exists is named.
    for file in checkout.iter().flat_map(Checkout::files) {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let package = env!("CARGO_PKG_VERSION");
    let commit = checkout.and_then(|checkout| checkout.commit());
    tell(
        "VERSION",
        Some(commit.as_ref().map_or(package.to_owned(), |commit| format!("{package} ({commit})"))),
    );
    tell("COMMIT", commit);
    tell("TARGET", env::var("TARGET").ok());
    tell("PROFILE", profile());
    tell("RUSTC", compiler());
}

/// What is not known is not told.
fn tell(name: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo::rustc-env=RAFTDECK_{name}={value}");
    }
}

/// The profile's name: `TARGET-DIR[/TRIPLE]/PROFILE/build/PACKAGE/out` is where this is to write. Cargo tells no more than which
/// of its own two a profile is made from.
fn profile() -> Option<String> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let folder = out.ancestors().nth(3)?.file_name()?.to_str()?;
    Some(if folder == "debug" { "dev" } else { folder }.to_owned())
}

/// `1.95.0 (f2d3ce0bd 2026-03-21)`.
fn compiler() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    Some(line.trim().strip_prefix("rustc ")?.to_owned())
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
