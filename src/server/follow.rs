//! Following CONFIG SET where only the rim can: the log, the listeners.

use super::listen;
use super::log;
use super::rim::Rim;
use crate::config::Key;
use crate::engine::Engine;

/// Brings the rim in line with directives that changed.
pub fn config(rim: &Rim, engine: &mut Engine) {
    let keys = std::mem::take(&mut *rim.config_changes.borrow_mut());
    for key in keys {
        match key {
            Key::Loglevel => log::set_level(engine.config.enum_name(Key::Loglevel)),
            Key::Port | Key::Bind | Key::TcpBacklog => relisten(rim, engine),
            Key::Maxclients => {
                raise_descriptor_limit(engine.options.max_clients);
            }
            _ => {}
        }
    }
}

/// Listens anew. CONFIG SET has checked beforehand that it can.
fn relisten(rim: &Rim, engine: &Engine) {
    // The old sockets go first: the new ones may want their ports.
    rim.listeners.borrow_mut().take();
    match listen::bind_tcp(&engine.config) {
        Ok(bound) => rim.listen(listen::Bound::tcp_only(bound), engine),
        Err(line) => tracing::warn!("{line}"),
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
