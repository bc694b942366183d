//! Settings from the environment: `LARDER_MAXMEMORY=1gb`, and `LARDER_REQUIREPASS_FILE=/run/secrets/password`.
//!
//! Owns how a variable names a directive: the prefix, capitals or not, underscores for dashes; with `_FILE` behind it
//! the value is what the named file holds, without its last line end. Promises: values stand between file and command
//! line, and are never shown in errors. Leaves out directives that only a file may hold. Variables that name no
//! directive are reported, not refused: other programs set variables with this prefix, too.

use super::file::{ConfigError, Loader, Origin};
use super::key::Key;
use super::table::{Directive, TABLE};
use std::sync::Arc;

const PREFIX: &str = "LARDER_";

/// Sets what the environment asks for, in the order of names; the variables that name nothing.
pub(super) fn apply(
    loader: &mut Loader<'_>,
    env: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
) -> Result<Vec<String>, ConfigError> {
    let mut vars: Vec<(String, Vec<u8>)> = env
        .into_iter()
        .filter_map(|(name, value)| Some((String::from_utf8(name).ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    vars.sort();
    let file: Arc<str> = "environment".into();
    let mut unknown = Vec::new();
    for (name, value) in vars {
        let short = &name[PREFIX.len()..];
        // A service of this name makes Kubernetes set LARDER_PORT to an address like tcp://10.0.0.1:6379.
        let by_other = value.windows(3).any(|three| three == b"://") && short.ends_with("PORT");
        let (row, value) = match (find(short), short.strip_suffix("_FILE").and_then(find)) {
            _ if by_other => {
                unknown.push(name);
                continue;
            }
            (Some(row), _) => (row, value),
            (None, Some(row)) => (row, content(loader, &value)?),
            (None, None) => {
                unknown.push(name);
                continue;
            }
        };
        let origin = Origin::new(&file, 0, name.as_bytes());
        let words = [value];
        loader.loaded.config.set_words(row, &words).map_err(|reason| origin.error(reason))?;
        loader.loaded.origins.directives.insert(row.key, origin);
        if row.key == Key::Save {
            // What the command line says replaces this, as it does for every other directive.
            loader.save_seen = false;
        }
    }
    Ok(unknown)
}

fn content(loader: &mut Loader<'_>, path: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let path = String::from_utf8_lossy(path);
    let mut bytes = loader.sources().read(&path).map_err(|error| ConfigError::unreadable(path, &error))?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(bytes)
}

/// The row whose name or alias this is, when dashes and underscores count as equal.
fn find(short: &str) -> Option<&'static Directive> {
    let dashed = |b: u8| if b == b'_' { b'-' } else { b.to_ascii_lowercase() };
    let is = |name: &str| name.len() == short.len() && name.bytes().map(dashed).eq(short.bytes().map(dashed));
    TABLE.iter().find(|row| is(row.name) || row.alias.is_some_and(is))
}
