//! The `.pkpass`: a zip of a pass's files, a manifest of their hashes, and the signature over the manifest.

use super::signer::Signer;
use crate::base::time::Timestamp;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// The files with manifest and signature, packed. The same files at the same time give the same bytes.
pub(super) fn packed(mut files: BTreeMap<String, Vec<u8>>, signer: &Signer, at: Timestamp) -> Result<Vec<u8>, String> {
    let manifest = manifest(&files)?;
    let signature = signer.sign(&manifest, at)?;
    files.insert("manifest.json".to_owned(), manifest);
    files.insert("signature".to_owned(), signature);
    zipped(&files).map_err(|error| format!("the pass cannot be packed: {error}"))
}

/// Every file by its SHA-1, as Apple wants it; the signature over the manifest is what is trusted.
fn manifest(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, String> {
    let hash = |bytes: &[u8]| {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes)
            .as_ref()
            .iter()
            .fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    };
    let hashes: BTreeMap<&String, String> = files.iter().map(|(name, bytes)| (name, hash(bytes))).collect();
    serde_json::to_vec(&hashes).map_err(|error| error.to_string())
}

fn zipped(files: &BTreeMap<String, Vec<u8>>) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Pictures are compressed already, and the rest is small.
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in files {
        zip.start_file(name, stored)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}
