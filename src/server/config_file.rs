//! The configuration file and the file of users on disk, written anew by CONFIG REWRITE and ACL SAVE: to a temporary file
//! in the same folder, synced, renamed, the folder synced. Whatever fails, the old file is whole. Knows nothing of the
//! files' contents.

use super::follow::reason_of;
use crate::config::Config;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Writes the settings into the file at this path, keeping its comments and order; with `all` those too that have
/// their default value and no line. Errors: the system's reason.
pub fn rewrite(path: &str, config: &Config, all: bool) -> Result<(), String> {
    let rewritten = if all { crate::config::rewrite::rewrite_all } else { crate::config::rewrite::rewrite };
    replace(Path::new(path), |old| rewritten(old, config)).map_err(|error| reason_of(&error))
}

/// The bytes of the file at this path. Errors: the system's reason.
pub fn read(path: &str) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| reason_of(&error))
}

/// Puts these bytes in place of the file at this path. Errors: the system's reason.
pub fn replace_with(path: &str, bytes: &[u8]) -> Result<(), String> {
    replace(Path::new(path), |_| bytes.to_vec()).map_err(|error| reason_of(&error))
}

fn replace(path: &Path, rewritten: impl FnOnce(&[u8]) -> Vec<u8>) -> io::Result<()> {
    let old = match fs::read(path) {
        Ok(old) => old,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let new = rewritten(&old);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = folder.join(format!(".larder-config-{}.tmp", std::process::id()));
    let written = write_synced(&temporary, &new, path)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| File::open(folder)?.sync_all());
    if written.is_err() {
        // The first error is the one to tell; a temporary file that was renamed is not there any more.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Writes a file with the permissions of the one it is to replace.
fn write_synced(path: &Path, bytes: &[u8], like: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    if let Ok(metadata) = fs::metadata(like) {
        file.set_permissions(metadata.permissions())?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_temporary_one() {
        let folder = std::env::temp_dir().join(format!("larder-config-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("larder.conf");
        fs::write(&path, "port 1\n").unwrap();
        replace(&path, |old| [old, b"hz 20\n"].concat()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"port 1\nhz 20\n");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error_in_the_systems_words() {
        let error = rewrite("/nowhere/at/all/larder.conf", &Config::default(), false).unwrap_err();
        assert_eq!(error, "No such file or directory");
    }
}
