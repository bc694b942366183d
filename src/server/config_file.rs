//! The configuration file on disk: read at start, written anew by CONFIG REWRITE.

use crate::config::Config;
use std::io::Write;
use std::path::Path;

/// Writes the file anew, keeping its comments and order: to a temporary file in the same folder, synced, renamed.
/// Errors: a sentence for the client.
pub fn rewrite(path: &str, config: &Config, force_all: bool) -> Result<(), String> {
    if path.is_empty() {
        return Err("The server is running without a config file".into());
    }
    let path = Path::new(path);
    let old = match std::fs::read(path) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(format!("Rewriting config file: {error}")),
    };
    let new = if force_all {
        crate::config::rewrite::rewrite_all(&old, config)
    } else {
        crate::config::rewrite::rewrite(&old, config)
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = folder.join(format!(".larder-config-{}.tmp", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(&new)?;
        if let Ok(metadata) = std::fs::metadata(path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        format!("Rewriting config file: {error}")
    })
}
