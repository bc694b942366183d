//! Listeners: TCP and TLS on every `bind` address, and the unix socket. Binding is done before anything is changed, so a
//! refused CONFIG SET leaves the old listeners in place.

use super::conn::{Incoming, Stream};
use super::rim::Rim;
use crate::client::{Address, Endpoints};
use crate::config::{Config, Key};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::AbortHandle;

/// What is spoken on a TCP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    /// RESP, on `port`.
    Plain,
    /// RESP in TLS, on `tls-port`.
    Tls,
}

impl Spoken {
    const ALL: [Spoken; 2] = [Spoken::Plain, Spoken::Tls];

    fn port(self, config: &Config) -> u16 {
        let key = match self {
            Spoken::Plain => Key::Port,
            Spoken::Tls => Key::TlsPort,
        };
        config.integer(key) as u16
    }

    fn word(self) -> &'static str {
        match self {
            Spoken::Plain => "TCP",
            Spoken::Tls => "TLS",
        }
    }
}

/// A TCP socket that nobody accepts from yet.
type BoundTcp = (std::net::TcpListener, Spoken);

/// Bound sockets that nobody accepts from yet.
pub struct Bound {
    tcp: Vec<BoundTcp>,
    unix: Option<std::os::unix::net::UnixListener>,
}

/// What TLS connections are served by.
type TlsSettings = RefCell<Option<Arc<rustls::ServerConfig>>>;

/// A listener that its task shares with whoever may close it.
type Shared<L> = Rc<RefCell<Option<L>>>;

/// Tasks that accept, with their sockets.
#[derive(Default)]
pub struct Accepting {
    tcp: Vec<(Shared<TcpListener>, Spoken, AbortHandle)>,
    unix: Option<(Shared<UnixListener>, AbortHandle)>,
    unix_path: String,
}

impl Accepting {
    /// Closes all sockets at the end of the process and removes the unix socket's file. Whoever sees a connection closed
    /// afterwards can be sure that nobody listens any more.
    pub fn close(mut self) {
        self.close_tcp();
        if let Some((listener, task)) = self.unix.take() {
            listener.borrow_mut().take();
            task.abort();
        }
        if !self.unix_path.is_empty() {
            let _ = std::fs::remove_file(&self.unix_path);
        }
    }

    /// Takes the connections that wait to be accepted, past the runtime, as far as that goes without waiting.
    pub fn accept_now(&self, config: &Config, tls: &TlsSettings) -> Vec<(Incoming, Stream, Endpoints)> {
        let mut accepted = Vec::new();
        for (listener, spoken, _) in &self.tcp {
            let Some(listener) = &*listener.borrow() else { continue };
            while let Ok((socket, peer)) = SockRef::from(listener).accept() {
                let Some(peer) = peer.as_socket() else { continue };
                let socket: std::net::TcpStream = socket.into();
                if let Ok(socket) = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket)) {
                    accepted.extend(tcp_connection(socket, peer, keepalive_s(config), *spoken, tls));
                }
            }
        }
        if let Some((listener, _)) = &self.unix
            && let Some(listener) = &*listener.borrow()
        {
            while let Ok((socket, _)) = SockRef::from(listener).accept() {
                let socket: std::os::unix::net::UnixStream = socket.into();
                if let Ok(socket) = socket.set_nonblocking(true).and_then(|()| UnixStream::from_std(socket)) {
                    accepted.push(unix_connection(socket, &self.unix_path));
                }
            }
        }
        accepted
    }

    /// Closes the TCP sockets now, so that their ports are free for others.
    fn close_tcp(&mut self) {
        for (listener, _, task) in self.tcp.drain(..) {
            listener.borrow_mut().take();
            task.abort();
        }
    }

    /// Accepts from these TCP sockets in place of the present ones.
    pub fn replace_tcp(&mut self, rim: &Rc<Rim>, successors: Successors, config: &Config) {
        self.close_tcp();
        let mut sockets = successors.bound;
        let backlog = config.integer(Key::TcpBacklog) as i32;
        for (address, spoken) in successors.after_closing {
            let port = spoken.port(config);
            match bind_address(&address, port, backlog) {
                Ok(socket) => sockets.push((socket, spoken)),
                Err(error) => tracing::warn!("Could not create server TCP listening socket {address}:{port}: {error}"),
            }
        }
        if let Err(error) = self.accept_tcp(rim, sockets, keepalive_s(config)) {
            tracing::warn!("Can't accept connections: {error}");
        }
    }

    fn accept_tcp(&mut self, rim: &Rc<Rim>, sockets: Vec<BoundTcp>, keepalive_s: u64) -> io::Result<()> {
        for (socket, spoken) in sockets {
            let listener = Rc::new(RefCell::new(Some(TcpListener::from_std(socket)?)));
            let task = tokio::task::spawn_local(accept_tcp(rim.clone(), listener.clone(), keepalive_s, spoken));
            self.tcp.push((listener, spoken, task.abort_handle()));
        }
        Ok(())
    }
}

fn keepalive_s(config: &Config) -> u64 {
    config.integer(Key::TcpKeepalive).max(0) as u64
}

/// TCP sockets that are to follow the present ones after CONFIG SET.
pub struct Successors {
    bound: Vec<BoundTcp>,
    /// Addresses that one of our own sockets still holds.
    after_closing: Vec<(String, Spoken)>,
}

/// Binds the sockets a change of `port`, `tls-port` or `bind` asks for, while those of before go on. What our own sockets hold (the
/// port is the same, and an old address covers the new one) is left for when they are closed. `None`: an address cannot
/// be bound, and the log says which; nothing has changed then.
pub fn succeed(old: &Config, new: &Config) -> Option<Successors> {
    let mut successors = Successors { bound: Vec::new(), after_closing: Vec::new() };
    let backlog = new.integer(Key::TcpBacklog) as i32;
    let own_ports = Spoken::ALL.map(|spoken| spoken.port(old));
    if Spoken::Plain.port(new) == Spoken::Tls.port(new) && Spoken::Tls.port(new) != 0 {
        tracing::warn!("port and tls-port are both {}", Spoken::Tls.port(new));
        return None;
    }
    for spoken in Spoken::ALL.into_iter().filter(|spoken| spoken.port(new) != 0) {
        let port = spoken.port(new);
        let mut missing = 0;
        for address in new.bind() {
            let (optional, address) = split_optional(address);
            match bind_address(&address, port, backlog) {
                Ok(socket) => successors.bound.push((socket, spoken)),
                Err(error) if own_ports.contains(&port) && error.kind() == io::ErrorKind::AddrInUse => {
                    successors.after_closing.push((address, spoken))
                }
                Err(error) => {
                    tracing::warn!("Warning: Could not create server TCP listening socket {address}:{port}: {error}");
                    if !(optional && is_absent(&error)) {
                        return None;
                    }
                    missing += 1;
                }
            }
        }
        if missing > 0 && missing == new.bind().len() {
            return None;
        }
    }
    Some(successors)
}

/// An address of `bind`, and whether it may be missing.
fn split_optional(address: &[u8]) -> (bool, String) {
    let address = String::from_utf8_lossy(address);
    match address.strip_prefix('-') {
        Some(rest) => (true, rest.to_owned()),
        None => (false, address.into_owned()),
    }
}

/// Whether this host has no such address, as against one that is taken.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// Binds the TCP and the TLS port on every configured address. A `-` before an address makes it optional. Errors: a
/// line that names the port.
fn bind_tcp(config: &Config) -> Result<Vec<BoundTcp>, String> {
    let mut bound = Vec::new();
    for spoken in Spoken::ALL {
        bind_port(config, spoken, &mut bound)?;
    }
    Ok(bound)
}

fn bind_port(config: &Config, spoken: Spoken, bound: &mut Vec<BoundTcp>) -> Result<(), String> {
    let port = spoken.port(config);
    let backlog = config.integer(Key::TcpBacklog) as i32;
    if port == 0 {
        return Ok(());
    }
    let failed = || Err(format!("Failed listening on port {port} ({}), aborting.", spoken.word()));
    let (before, mut wanted) = (bound.len(), 0);
    for address in config.bind() {
        let (optional, address) = split_optional(address);
        wanted += 1;
        match bind_address(&address, port, backlog) {
            Ok(listener) => bound.push((listener, spoken)),
            Err(error) => {
                tracing::warn!("Warning: Could not create server TCP listening socket {address}:{port}: {error}");
                if !(optional && is_absent(&error)) {
                    return failed();
                }
            }
        }
    }
    if bound.len() == before && wanted > 0 { failed() } else { Ok(()) }
}

fn bind_address(address: &str, port: u16, backlog: i32) -> io::Result<std::net::TcpListener> {
    let address: SocketAddr = match address {
        "*" => SocketAddr::from(([0, 0, 0, 0], port)),
        "::*" => SocketAddr::from(([0u16; 8], port)),
        name => (name, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?,
    };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Binds the unix socket, in place of a file an earlier process left. Errors: a line that names the path.
pub fn bind_unix(config: &Config) -> Result<Option<std::os::unix::net::UnixListener>, String> {
    let path = String::from_utf8_lossy(config.string(Key::Unixsocket)).into_owned();
    if path.is_empty() {
        return Ok(None);
    }
    let _ = std::fs::remove_file(&path);
    let bind = || -> io::Result<_> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&socket2::SockAddr::unix(&path)?)?;
        socket.listen(config.integer(Key::TcpBacklog) as i32)?;
        socket.set_nonblocking(true)?;
        let mode = config.integer(Key::Unixsocketperm) as u32;
        if mode != 0 {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        }
        Ok(socket.into())
    };
    bind().map(Some).map_err(|error| format!("Failed opening Unix socket: bind: {error} ({path})"))
}

/// Binds all listeners. Errors: a line for the log.
pub fn bind(config: &Config) -> Result<Bound, String> {
    Ok(Bound { tcp: bind_tcp(config)?, unix: bind_unix(config)? })
}

impl Bound {
    /// Whether there is nothing to listen to.
    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.unix.is_none()
    }

    /// Begins to accept.
    pub fn accept(self, rim: &Rc<Rim>, config: &Config) -> io::Result<Accepting> {
        let unix_path = String::from_utf8_lossy(config.string(Key::Unixsocket)).into_owned();
        let mut accepting = Accepting { unix_path: unix_path.clone(), ..Accepting::default() };
        accepting.accept_tcp(rim, self.tcp, keepalive_s(config))?;
        if let Some(socket) = self.unix {
            let listener = Rc::new(RefCell::new(Some(UnixListener::from_std(socket)?)));
            let task = tokio::task::spawn_local(accept_unix(rim.clone(), listener.clone(), unix_path));
            accepting.unix = Some((listener, task.abort_handle()));
        }
        Ok(accepting)
    }
}

/// Waits a little when the process is out of descriptors, so that a full server does not spin.
async fn after_accept_error(error: io::Error) {
    tracing::warn!("Accepting client connection: {error}");
    tokio::time::sleep(Duration::from_millis(10)).await;
}

async fn accept_tcp(rim: Rc<Rim>, listener: Shared<TcpListener>, keepalive_s: u64, spoken: Spoken) {
    loop {
        let accepted = poll_fn(|cx| match listener.borrow().as_ref() {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        });
        let (socket, peer) = match accepted.await {
            None => return,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                after_accept_error(error).await;
                continue;
            }
        };
        if let Some((incoming, stream, endpoints)) = tcp_connection(socket, peer, keepalive_s, spoken, &rim.tls) {
            rim.accept(incoming, stream, endpoints);
        }
    }
}

/// The two halves of a socket that was accepted, with what is known of it. `None`: TLS cannot be spoken on it, and the
/// log says why.
fn tcp_connection(
    socket: TcpStream,
    peer: SocketAddr,
    keepalive_s: u64,
    spoken: Spoken,
    tls: &TlsSettings,
) -> Option<(Incoming, Stream, Endpoints)> {
    // A socket that its peer has closed again refuses options; its first read will tell.
    let _ = socket.set_nodelay(true);
    if keepalive_s > 0 {
        let interval = Duration::from_secs((keepalive_s / 3).max(1));
        let keepalive =
            TcpKeepalive::new().with_time(Duration::from_secs(keepalive_s)).with_interval(interval).with_retries(3);
        let _ = SockRef::from(&socket).set_tcp_keepalive(&keepalive);
    }
    let endpoints = Endpoints {
        peer: peer.into(),
        local: socket.local_addr().map_or(Address::None, Address::from),
        fd: socket.as_raw_fd(),
        loopback: peer.ip().to_canonical().is_loopback(),
        tls: matches!(spoken, Spoken::Tls),
    };
    match spoken {
        Spoken::Plain => {
            let (incoming, outgoing) = socket.into_split();
            Some((Incoming::Tcp(incoming), Stream::Tcp(outgoing), endpoints))
        }
        Spoken::Tls => {
            let (incoming, stream) = super::tls::split(socket, tls.borrow().clone()?)?;
            Some((Incoming::Tls(incoming), stream, endpoints))
        }
    }
}

async fn accept_unix(rim: Rc<Rim>, listener: Shared<UnixListener>, path: String) {
    loop {
        let accepted = poll_fn(|cx| match listener.borrow().as_ref() {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        });
        let (socket, _) = match accepted.await {
            None => return,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                after_accept_error(error).await;
                continue;
            }
        };
        let (incoming, stream, endpoints) = unix_connection(socket, &path);
        rim.accept(incoming, stream, endpoints);
    }
}

fn unix_connection(socket: UnixStream, path: &str) -> (Incoming, Stream, Endpoints) {
    let name = Address::text(&format!("{path}:0"));
    let endpoints = Endpoints { peer: name.clone(), local: name, fd: socket.as_raw_fd(), loopback: true, tls: false };
    let (incoming, outgoing) = socket.into_split();
    (Incoming::Unix(incoming), Stream::Unix(outgoing), endpoints)
}
