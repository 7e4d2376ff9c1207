//! The files that scripts name, and those that the program itself writes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest script.
const MAX_BYTES: u64 = 16 << 20;

/// The content of a file, or why it cannot be read.
pub fn read(file: &str) -> Result<Vec<u8>, String> {
    let open = File::open(file).map_err(|error| error.to_string())?;
    let is_file = open.metadata().map_err(|error| error.to_string())?.is_file();
    if !is_file {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    open.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
    }
    Ok(bytes)
}

/// Writes a file, or says why it cannot be written.
pub fn write(file: &str, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| error.to_string())
}

/// Writes a file of the program's own: whole or not at all, whatever happens meanwhile. A device or pipe, such as `/dev/stdout`, is
/// written to as it is.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    if fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return fs::write(file, text);
    }
    let part = PathBuf::from(format!("{}.{}", file.display(), std::process::id()));
    fs::write(&part, text)?;
    fs::rename(part, file)
}
