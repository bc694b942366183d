//! Who looks after the process: nobody when it goes into the background, or a service manager that is told how it goes.

use crate::config::{Config, Key};
use crate::structs::process;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The service manager that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supervisor {
    Systemd,
    Upstart,
}

/// Which manager looks after the process, if any: `supervised`, where `auto` goes by the environment.
fn manager(config: &Config) -> Option<Supervisor> {
    let asked = config.enum_name(Key::Supervised);
    let is_set = |variable| std::env::var_os(variable).is_some();
    match asked {
        "systemd" => Some(Supervisor::Systemd),
        "upstart" => Some(Supervisor::Upstart),
        "auto" if is_set("UPSTART_JOB") => Some(Supervisor::Upstart),
        "auto" if is_set("NOTIFY_SOCKET") => Some(Supervisor::Systemd),
        _ => None,
    }
}

/// Goes into the background if it is to. To be called while there is one thread. Errors: the system's.
pub fn detach(config: &Config) -> io::Result<()> {
    if config.boolean(Key::Daemonize) && manager(config).is_none() { process::into_background() } else { Ok(()) }
}

/// Whether a file with the process id is expected although none is named.
pub fn runs_in_background(config: &Config) -> bool {
    config.boolean(Key::Daemonize) && manager(config).is_none()
}

/// Tells that clients are served from now on.
pub fn ready(config: &Config) {
    match manager(config) {
        Some(Supervisor::Systemd) => notify("STATUS=Ready to accept connections\nREADY=1\n"),
        Some(Supervisor::Upstart) if std::env::var_os("UPSTART_JOB").is_some() => {
            tracing::info!("supervised by upstart, will stop to signal readiness");
            process::stop_self();
        }
        _ => {}
    }
}

/// Tells that the process is about to end.
pub fn stopping(config: &Config) {
    if manager(config) == Some(Supervisor::Systemd) {
        notify("STOPPING=1\n");
    }
}

fn notify(message: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        tracing::warn!("systemd supervision requested, but NOTIFY_SOCKET not found");
        return;
    };
    if let Err(error) = send(name.as_encoded_bytes(), message) {
        tracing::warn!("Can't send notification to systemd: {error}");
    }
}

/// Sends to a socket named as systemd does: a path, or behind '@' an abstract name.
fn send(name: &[u8], message: &str) -> io::Result<()> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(String::from_utf8_lossy(name).as_ref())?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_by_path_and_by_abstract_name() {
        let id = std::process::id();
        let mut buffer = [0; 64];
        let path = std::env::temp_dir().join(format!("larder-notify-{id}"));
        let _ = std::fs::remove_file(&path);
        let listener = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str().as_encoded_bytes(), "READY=1\n").unwrap();
        let length = listener.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\n");
        std::fs::remove_file(&path).unwrap();
        let name = format!("larder-notify-{id}");
        let listener = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(format!("@{name}").as_bytes(), "STOPPING=1\n").unwrap();
        let length = listener.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"STOPPING=1\n");
        assert!(send(b"/nowhere/at/all", "x").is_err());
    }
}
