//! Following CONFIG SET where only the rim can: the folder, the limit of descriptors, the listeners, TLS, the log. What may
//! fail is done in [`prepare`], before the client is answered; [`config`] does the rest, which cannot.

use super::listen::{self, Successors};
use super::log;
use super::rim::Rim;
use super::standing;
use super::tls::settings;
use crate::config::{Config, Key};
use crate::engine::{Engine, Prepared};
use crate::persist::disk::FolderLock;
use crate::persist::{Disk, RealDisk};
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

thread_local! {
    /// The folders that other servers are kept off: the working folder, and the one where the log is if that is another.
    static LOCKS: RefCell<Vec<(PathBuf, Box<dyn FolderLock>)>> = const { RefCell::new(Vec::new()) };
}

/// Keeps other servers off the working folder. False: it cannot be locked because nothing can be written there, which
/// is said in the log. Errors: another server has it.
pub fn lock_working_folder() -> io::Result<bool> {
    let here = std::env::current_dir()?;
    if LOCKS.with_borrow(|locks| locks.iter().any(|(folder, _)| *folder == here)) {
        return Ok(true);
    }
    match RealDisk::new().lock_folder(Path::new(".")) {
        Ok(lock) => {
            LOCKS.with_borrow_mut(|locks| locks.push((here, lock)));
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
        Err(error) => {
            tracing::warn!("Can't lock the folder {}: {}", here.display(), reason_of(&error));
            Ok(false)
        }
    }
}

/// Lets other servers have all folders but the working one.
fn unlock_others() {
    if let Ok(here) = std::env::current_dir() {
        LOCKS.with_borrow_mut(|locks| locks.retain(|(folder, _)| *folder == here));
    }
}

/// What is ready to take the place of what is there.
#[derive(Default)]
struct Change {
    successors: Option<Successors>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// Does of a change what may fail. Errors: the key to blame and the reason for the client; all is as it was then.
pub fn prepare(old: &Config, new: &Config, keys: &[Key]) -> Result<Prepared, (Key, String)> {
    let mut prepared = Prepared::default();
    if keys.contains(&Key::Maxclients) {
        let wanted = new.integer(Key::Maxclients).max(1) as usize;
        let granted = raise_descriptor_limit(wanted);
        if granted < wanted {
            let reason = format!(
                "The operating system is not able to handle the specified number of clients, try with {granted}"
            );
            return Err((Key::Maxclients, reason));
        }
    }
    let mut change = Change { tls: tls_settings(old, new, keys)?, ..Change::default() };
    if let Some(&key) = keys.iter().find(|key| matches!(key, Key::Port | Key::TlsPort | Key::Bind)) {
        let reason = match key {
            Key::Bind => "Failed to bind to specified addresses.",
            _ => "Unable to listen on this port. Check server logs.",
        };
        change.successors = Some(listen::succeed(old, new).ok_or((key, reason.to_owned()))?);
    }
    if change.tls.is_some() || change.successors.is_some() {
        prepared.handle = Some(Box::new(change));
    }
    if keys.contains(&Key::Appendonly)
        && new.boolean(Key::Appendonly)
        && let Err(error) = lock_working_folder()
    {
        return Err((Key::Appendonly, error.to_string()));
    }
    let scores = keys.iter().any(|key| matches!(key, Key::OomScoreAdj | Key::OomScoreAdjValues));
    if scores && standing::adjust_oom_score(new).is_err() {
        // What was refused has changed nothing.
        let key = if keys.contains(&Key::OomScoreAdj) { Key::OomScoreAdj } else { Key::OomScoreAdjValues };
        let _ = standing::adjust_oom_score(old);
        return Err((key, "Failed to apply new oom_score_adj configuration, check server logs.".into()));
    }
    if keys.contains(&Key::Dir) {
        // Last, since it is not taken back.
        use std::os::unix::ffi::OsStrExt;
        let dir = Path::new(std::ffi::OsStr::from_bytes(new.string(Key::Dir)));
        let before = std::env::current_dir();
        let moved = std::env::set_current_dir(dir)
            .map_err(|error| reason_of(&error))
            .and_then(|()| lock_working_folder().map_err(|error| error.to_string()));
        if let Err(reason) = moved {
            if let Ok(before) = before {
                // Where it was a moment ago; if that is gone by now, so is what was in it.
                let _ = std::env::set_current_dir(before);
            }
            if scores {
                // It was allowed a moment ago.
                let _ = standing::adjust_oom_score(old);
            }
            return Err((Key::Dir, reason));
        }
        if !old.boolean(Key::Appendonly) {
            unlock_others();
        }
        prepared.dir = std::env::current_dir().ok().map(|here| here.as_os_str().as_bytes().to_vec());
    }
    Ok(prepared)
}

/// New settings of TLS, when a change asks for them and the server uses TLS.
fn tls_settings(old: &Config, new: &Config, keys: &[Key]) -> Result<Option<Arc<rustls::ServerConfig>>, (Key, String)> {
    if !settings::are_wanted(new) {
        return Ok(None);
    }
    let begins = |key: &&Key| **key == Key::TlsPort && !settings::are_wanted(old);
    let made = if let Some(key) = keys.iter().find(|key| settings::KEYS.contains(key) || begins(key)) {
        settings::server(new).map_err(|line| (*key, line))
    } else if keys.contains(&Key::TlsAuthClients) {
        settings::build(new).map_err(|line| (Key::TlsAuthClients, line))
    } else {
        return Ok(None);
    };
    made.map(Some).map_err(|(key, line)| {
        tracing::warn!("{line}");
        (key, "Unable to update TLS configuration. Check server logs.".to_owned())
    })
}

/// The system's own words for an error, without its number.
pub fn reason_of(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Brings the rim in line with directives that changed.
pub fn config(rim: &Rim, engine: &Engine, keys: &[Key], prepared: Prepared) {
    if keys.contains(&Key::CrashLogEnabled) {
        super::crash::follow(&engine.config);
    }
    if keys.contains(&Key::Loglevel) {
        log::set_level(engine.config.enum_name(Key::Loglevel));
    }
    if keys.iter().any(|key| matches!(key, Key::ProcTitleTemplate | Key::Port | Key::Bind | Key::TlsPort)) {
        standing::show_title(&engine.config, &super::start::program(), &engine.facts.config_file);
    }
    if let Some(change) = prepared.handle.and_then(|handle| handle.downcast::<Change>().ok()) {
        if let Some(settings) = change.tls {
            *rim.tls.borrow_mut() = Some(settings);
        }
        if let Some(successors) = change.successors {
            rim.listen_instead(successors, engine);
        }
    }
}

/// Room for this many clients and what the server itself keeps open. Returns how many clients the system allows.
pub fn raise_descriptor_limit(clients: usize) -> usize {
    const OWN_DESCRIPTORS: u64 = 32;
    let wanted = clients as u64 + OWN_DESCRIPTORS;
    match rlimit(wanted) {
        Some(granted) if granted < wanted => {
            tracing::warn!(
                "The open files limit of {granted} allows {} clients",
                granted.saturating_sub(OWN_DESCRIPTORS)
            );
            granted.saturating_sub(OWN_DESCRIPTORS) as usize
        }
        _ => clients,
    }
}

fn rlimit(wanted: u64) -> Option<u64> {
    crate::structs::process::raise_open_files(wanted)
}
