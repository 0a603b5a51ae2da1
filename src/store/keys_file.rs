//! The file that holds the keys of the vault: beside the database, never in it, and readable by its owner alone.

use super::vault::VaultError;
use crate::base::chance::Entropy;
use crate::base::vault::Keyring;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const HEAD: &str = "\
# The keys of Usher's vault: they open what is sealed in the database. Without them it is lost, so keep a copy - but not with
# the backups of the database. One key per line; the first one seals, all of them open.
";
/// Where the file is when the database is no file.
const FOLDER: &str = "data";
const NAME: &str = "vault.key";

/// Where the file is when nothing is said: in the folder of the database's file.
pub(super) fn beside(database_url: &str) -> PathBuf {
    let path = database_url.strip_prefix("sqlite:").map(|path| {
        let path = path.trim_start_matches("//");
        path.split('?').next().unwrap_or(path)
    });
    let folder = path
        .and_then(|path| Path::new(path).parent())
        .unwrap_or(Path::new(FOLDER));
    folder.join(NAME)
}

fn failed(path: &Path, error: io::Error) -> VaultError {
    VaultError::File {
        place: path.display().to_string(),
        error,
    }
}

/// The keys in this file.
pub(super) async fn read(path: &Path) -> Result<Keyring, VaultError> {
    let text = tokio::fs::read_to_string(path)
        .await
        .map_err(|error| failed(path, error))?;
    Keyring::read(&text).map_err(|error| VaultError::Key {
        place: path.display().to_string(),
        error,
    })
}

/// May others than its owner read it?
pub(super) fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

/// Makes the file with one key. False when another process was faster.
pub(super) fn make(path: &Path, entropy: &dyn Entropy) -> Result<bool, VaultError> {
    let text = format!("{HEAD}{}\n", Keyring::new_key(entropy).expose());
    write(path, &text, |whole| {
        // Unlike a rename, a link takes nobody's place.
        match std::fs::hard_link(whole, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    })
    .map_err(|error| failed(path, error))
}

/// Puts a new key before those in the file, so that it seals from now on.
pub(super) fn put_first(path: &Path, entropy: &dyn Entropy) -> Result<(), VaultError> {
    let add = || {
        let known = std::fs::read_to_string(path)?;
        let remarks: Vec<&str> = known.lines().take_while(|line| line.starts_with('#')).collect();
        let keys: Vec<&str> = known.lines().skip(remarks.len()).collect();
        let new = Keyring::new_key(entropy);
        let mut lines = remarks;
        lines.push(new.expose());
        lines.extend(keys);
        let text = format!("{}\n", lines.join("\n"));
        write(path, &text, |whole| std::fs::rename(whole, path))
    };
    add().map_err(|error| failed(path, error))
}

/// Writes a file of its own beside `path`, waits until it is on the disk and lets `put` bring it to its place: no reader ever
/// sees half of it.
fn write<T>(path: &Path, text: &str, put: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let whole = folder.join(format!(".{NAME}.{}", std::process::id()));
    // One left by a process of the same number that died.
    let _ = std::fs::remove_file(&whole);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&whole)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let done = put(&whole);
    // After a rename it is gone already.
    let _ = std::fs::remove_file(&whole);
    File::open(folder)?.sync_all()?;
    done
}
