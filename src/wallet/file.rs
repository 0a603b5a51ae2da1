//! The files that settings name: read with a bound, and refused with the setting, the path and what to do.

use std::io::Read as _;
use std::path::Path;

/// Bytes a certificate, a key or a picture may have.
const BYTES_MAX: u64 = 1024 * 1024;

/// The whole file.
pub(super) fn read(setting: &str, path: &Path, remedy: &str) -> Result<Vec<u8>, String> {
    let wrong = |why: String| format!("{setting}: {}: {why}; {remedy}", path.display());
    let file = std::fs::File::open(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(wrong("is larger than 1 MiB".to_owned()));
    }
    Ok(bytes)
}

/// A setting without which the others mean nothing.
pub(super) fn needed<'s, T>(section: &str, name: &str, value: Option<&'s T>, remedy: &str) -> Result<&'s T, String> {
    value.ok_or_else(|| format!("{section}.{name}: is not set, but other settings of [{section}] are; {remedy}"))
}
