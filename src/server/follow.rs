//! Following CONFIG SET where only the rim can: the folder, the limit of descriptors, the listeners, TLS, the log. What may
//! fail is done in [`prepare`], before the client is answered; [`config`] does the rest, which cannot.

use super::listen::{self, Successors};
use super::log;
use super::rim::Rim;
use super::standing;
use super::tls::settings;
use crate::config::{Config, Key};
use crate::engine::{Engine, Prepared};
use std::sync::Arc;

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
        let dir = std::path::Path::new(std::ffi::OsStr::from_bytes(new.string(Key::Dir)));
        if let Err(error) = std::env::set_current_dir(dir) {
            if scores {
                // It was allowed a moment ago.
                let _ = standing::adjust_oom_score(old);
            }
            return Err((Key::Dir, reason_of(&error)));
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
