//! The link to the primary while it is made: connect, introduce this server, read the snapshot. When both sides are in step
//! the connection becomes a client like any other, whose flag says that it is the primary.
//!
//! One task for each attempt; the engine numbers them, and a task whose number is no longer the engine's ends at its next
//! step. Promises: the loop waits for nothing here; of what the primary sends no more is kept than a line, or the blocks
//! that the decoding thread has not taken yet.

use super::conn::{Incoming, Stream, serve};
use super::follow::reason_of;
use super::migrate::append_auth;
use super::rim::Rim;
use super::tls::TlsStream;
use crate::client::{Address, Endpoints};
use crate::engine::following::{LinkOrder, Next};
use crate::persist::aof::append_request;
use crate::persist::arrival::Arrival;
use crate::replication::link::{EndFinder, Extent, Heading};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::Notify;

/// The longest line a primary may send before the stream begins, in bytes.
const LONGEST_LINE: usize = 1024;
/// Bytes of a read while the snapshot comes.
const BLOCK_BYTES: usize = 128 * 1024;
/// How often the primary is told that this server is still there while it decodes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Why an attempt has come to nothing.
struct Failure {
    line: String,
    /// It had come far enough for another attempt to be worth making at once.
    at_once: bool,
}

impl Failure {
    fn new(line: impl Into<String>) -> Failure {
        Failure { line: line.into(), at_once: false }
    }

    fn late(line: impl Into<String>) -> Failure {
        Failure { line: line.into(), at_once: true }
    }

    fn unanswered(error: &io::Error) -> Failure {
        let reason = reason_of(error);
        Failure::new(format!("Master did not respond to command during SYNC handshake: {reason}"))
    }

    fn unsent(error: io::Error) -> Failure {
        Failure::new(format!("Sending command to master in replication handshake: {}", reason_of(&error)))
    }
}

/// The connection, plain or sealed.
enum Socket {
    Plain(TcpStream),
    Tls(OwnedReadHalf, Rc<TlsStream>),
}

/// The connection, and what was read and not looked at.
struct Link {
    socket: Socket,
    unread: Vec<u8>,
}

impl Link {
    async fn send(&mut self, requests: &[u8]) -> Result<(), Failure> {
        let sent = match &mut self.socket {
            Socket::Plain(socket) => socket.write_all(requests).await,
            Socket::Tls(_, tls) => tls.write_all(requests).await,
        };
        sent.map_err(Failure::unsent)
    }

    /// Tells the primary that this server is there. If it cannot be told now it will be later.
    fn give_sign_of_life(&self) {
        let _ = match &self.socket {
            Socket::Plain(socket) => socket.try_write(b"\n"),
            Socket::Tls(_, tls) => tls.try_write(b"\n"),
        };
    }

    /// Reads some more behind what is unread.
    async fn read_more(&mut self, most: usize) -> io::Result<()> {
        match &mut self.socket {
            Socket::Plain(socket) => {
                self.unread.reserve_exact(most);
                match socket.read_buf(&mut self.unread).await? {
                    0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection lost")),
                    _ => Ok(()),
                }
            }
            Socket::Tls(incoming, tls) => tls.read_plain(incoming, &mut self.unread).await,
        }
    }

    /// The next line, without its end.
    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.unread.len() >= LONGEST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
            }
            let room = LONGEST_LINE - self.unread.len();
            self.read_more(room).await?;
        }
    }

    /// The answer to a request of the handshake.
    async fn answer(&mut self) -> Result<String, Failure> {
        let line = self.line().await.map_err(|error| Failure::unanswered(&error))?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

impl Rim {
    /// Begins an attempt, in place of any other.
    pub fn follow_primary(self: &Rc<Rim>, order: Box<LinkOrder>) {
        self.leave_primary();
        let rim = self.clone();
        let task = tokio::task::spawn_local(async move {
            if let Err(failure) = attempt(&rim, &order).await {
                rim.engine.borrow_mut().link_failed(order.attempt, &failure.line, failure.at_once);
            }
            rim.wake();
        });
        *self.link.borrow_mut() = Some(task.abort_handle());
    }

    /// Ends the attempt that is being made, if there is one.
    pub fn leave_primary(&self) {
        if let Some(task) = self.link.borrow_mut().take() {
            task.abort();
        }
    }
}

async fn attempt(rim: &Rc<Rim>, order: &LinkOrder) -> Result<(), Failure> {
    let connected = connect(order).await;
    let socket = connected
        .map_err(|error| Failure::new(format!("Error condition on socket for SYNC: {}", reason_of(&error))))?;
    rim.engine.borrow_mut().link_connected(order.attempt);
    let mut link = match order.tls {
        false => Link { socket: Socket::Plain(socket), unread: Vec::new() },
        true => {
            let settings = super::tls::settings::client(&rim.engine.borrow().config).map_err(Failure::new)?;
            let refused = |error| Failure::new(format!("Error condition on socket for SYNC: {error}"));
            let (incoming, tls, unread) = super::tls::connect(socket, settings).await.map_err(refused)?;
            Link { socket: Socket::Tls(incoming, tls), unread }
        }
    };
    introduce(rim, order, &mut link).await?;
    match ask(rim, order, &mut link).await? {
        Next::Over => Ok(()),
        Next::Stream => {
            rim.take_primary_over(link, order.attempt, None);
            Ok(())
        }
        next => {
            if next == Next::Sync {
                link.send(b"SYNC\r\n").await?;
            }
            receive(rim, order, link).await
        }
    }
}

/// Connects to the first of the primary's addresses that can be reached.
async fn connect(order: &LinkOrder) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    let sources: Vec<SocketAddr> = match order.source.is_empty() {
        true => Vec::new(),
        false => lookup_host((order.source.as_str(), 0)).await?.collect(),
    };
    for address in lookup_host((order.primary.host.as_str(), order.primary.port)).await? {
        match connect_to(address, &sources).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(address: SocketAddr, sources: &[SocketAddr]) -> io::Result<TcpStream> {
    const KEEPALIVE: Duration = Duration::from_secs(300);
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    if let Some(source) = sources.iter().find(|source| source.is_ipv6() == address.is_ipv6()) {
        socket.set_reuseaddr(true)?;
        socket.bind(*source)?;
    }
    let socket = socket.connect(address).await?;
    socket.set_nodelay(true)?;
    // It only makes a peer that is gone known sooner.
    let _ = SockRef::from(&socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
    Ok(socket)
}

/// Says who this server is.
async fn introduce(rim: &Rc<Rim>, order: &LinkOrder, link: &mut Link) -> Result<(), Failure> {
    let mut request = Vec::new();
    append_request(&mut request, [&b"PING"[..]]);
    link.send(&request).await?;
    let pong = link.answer().await?;
    const GOOD: [&str; 4] = ["+", "-NOAUTH", "-NOPERM", "-ERR operation not permitted"];
    if !GOOD.iter().any(|good| pong.starts_with(good)) {
        return Err(Failure::new(format!("Error reply to PING from master: '{pong}'")));
    }
    tracing::info!("Master replied to PING, replication can continue...");
    rim.engine.borrow_mut().link_lives(order.attempt);
    let mut requests = Vec::new();
    let mut asked = Vec::new();
    if let Some((user, password)) = &order.auth {
        append_auth(&mut requests, user.as_deref(), password);
        asked.push("AUTH");
    }
    let port = order.listening_port.to_string();
    append_request(&mut requests, [&b"REPLCONF"[..], b"listening-port", port.as_bytes()]);
    asked.push("REPLCONF listening-port");
    if let Some(address) = &order.announce_ip {
        append_request(&mut requests, [&b"REPLCONF"[..], b"ip-address", address]);
        asked.push("REPLCONF ip-address");
    }
    append_request(&mut requests, [&b"REPLCONF"[..], b"capa", b"eof", b"capa", b"psync2"]);
    asked.push("REPLCONF capa");
    link.send(&requests).await?;
    for request in asked {
        let answer = link.answer().await?;
        rim.engine.borrow_mut().link_lives(order.attempt);
        match (answer.starts_with('-'), request) {
            (true, "AUTH") => return Err(Failure::new(format!("Unable to AUTH to MASTER: {answer}"))),
            (true, _) => tracing::info!("(Non critical) Master does not understand {request}: {answer}"),
            _ => {}
        }
    }
    Ok(())
}

/// Asks to go on where this server is, or for everything.
async fn ask(rim: &Rc<Rim>, order: &LinkOrder, link: &mut Link) -> Result<Next, Failure> {
    let (id, position) = match &order.from {
        Some((id, position)) => {
            tracing::info!("Trying a partial resynchronization (request {id}:{position}).");
            (id.to_string(), position.to_string())
        }
        None => {
            tracing::info!("Partial resynchronization not possible (no cached master)");
            ("?".to_owned(), "-1".to_owned())
        }
    };
    let mut parts = vec![&b"PSYNC"[..], id.as_bytes(), position.as_bytes()];
    if order.failover {
        parts.push(b"FAILOVER");
    }
    let mut request = Vec::new();
    append_request(&mut request, parts);
    link.send(&request).await?;
    loop {
        let line = link.line().await.map_err(|error| {
            let reason = reason_of(&error);
            Failure::new(format!("Master did not reply to PSYNC, will try later: {reason}"))
        })?;
        let mut engine = rim.engine.borrow_mut();
        if !line.is_empty() {
            engine.begin_turn();
            return Ok(engine.link_answered(order.attempt, &line));
        }
        // It says only that it is there.
        if !engine.link_lives(order.attempt) {
            return Ok(Next::Over);
        }
    }
}

/// Reads the snapshot, has it decoded, and goes on with the stream behind it.
async fn receive(rim: &Rc<Rim>, order: &LinkOrder, mut link: Link) -> Result<(), Failure> {
    let attempt = order.attempt;
    let extent = loop {
        let line = link.line().await.map_err(|error| {
            Failure::late(format!("I/O error reading bulk count from MASTER: {}", reason_of(&error)))
        })?;
        match Heading::parse(&line) {
            Heading::Snapshot(extent) => break extent,
            Heading::Alive if rim.engine.borrow_mut().link_lives(attempt) => {}
            Heading::Alive => return Ok(()),
            Heading::Refused(reason) => {
                return Err(Failure::late(format!("MASTER aborted replication with an error: {reason}")));
            }
            Heading::Unknown(line) => {
                return Err(Failure::late(format!(
                    "Bad protocol from MASTER, the first byte is not '$' (we received '{line}'), are you sure the host and \
                     port are right?"
                )));
            }
        }
    };
    let Some(begun) = rim.engine.borrow_mut().snapshot_begins(attempt, extent) else { return Ok(()) };
    let room = Arc::new(Notify::new());
    let notify = room.clone();
    let mut arrival =
        Arrival::start(begun.options, begun.access, begun.progress, Arc::new(move || notify.notify_one()))
            .map_err(|error| Failure::new(format!("Can't start a thread for the snapshot: {error}")))?;
    let mut finder = EndFinder::new(extent);
    if extent == Extent::Bytes(0) {
        arrival.end();
    }
    // Before the end there is an outcome only if it cannot be used.
    while arrival.is_open() && !arrival.is_over() {
        if link.unread.is_empty()
            && let Err(error) = link.read_more(BLOCK_BYTES).await
        {
            rim.engine.borrow_mut().snapshot_lost(attempt, &reason_of(&error));
            return Ok(());
        }
        let mut block = std::mem::take(&mut link.unread);
        if !rim.engine.borrow_mut().snapshot_read(attempt, block.len()) {
            return Ok(());
        }
        let behind = finder.pass(&mut block);
        while let Err(back) = arrival.offer(block) {
            block = back;
            decode_on(rim, &mut link, attempt, &room).await;
        }
        if let Some(behind) = behind {
            link.unread = behind;
            arrival.end();
            rim.engine.borrow_mut().snapshot_received(attempt);
        }
    }
    let outcome = loop {
        match arrival.outcome() {
            Some(outcome) => break outcome,
            None => decode_on(rim, &mut link, attempt, &room).await,
        }
    };
    if rim.engine.borrow_mut().snapshot_arrived(attempt, outcome) {
        rim.take_primary_over(link, attempt, Some(extent));
    }
    Ok(())
}

/// Waits for the decoding thread, and tells the primary now and then that this server is there.
async fn decode_on(rim: &Rc<Rim>, link: &mut Link, attempt: u64, room: &Notify) {
    if tokio::time::timeout(SIGN_OF_LIFE, room.notified()).await.is_err() {
        rim.engine.borrow_mut().link_lives(attempt);
        link.give_sign_of_life();
    }
}

impl Rim {
    /// Makes the connection a client. `after`: how the end of the snapshot was told that came before the stream, if one did.
    fn take_primary_over(self: &Rc<Rim>, link: Link, attempt: u64, after: Option<Extent>) {
        let Link { socket, unread } = link;
        let mut engine = self.engine.borrow_mut();
        if !engine.is_attempt(attempt) {
            return;
        }
        engine.begin_turn();
        let (known, tls) = match &socket {
            Socket::Plain(socket) => (socket, false),
            Socket::Tls(_, tls) => (tls.socket(), true),
        };
        let peer = known.peer_addr();
        let endpoints = Endpoints {
            loopback: peer.as_ref().is_ok_and(|peer| peer.ip().to_canonical().is_loopback()),
            peer: peer.map_or(Address::None, Address::from),
            local: known.local_addr().map_or(Address::None, Address::from),
            fd: known.as_raw_fd(),
            tls,
        };
        let (incoming, stream) = match socket {
            Socket::Plain(socket) => {
                let (incoming, outgoing) = socket.into_split();
                (Incoming::Tcp(incoming), Stream::Tcp(outgoing))
            }
            Socket::Tls(incoming, tls) => (Incoming::Tls(incoming), Stream::Tls(tls)),
        };
        let session = match &stream {
            Stream::Tls(tls) => Some(tls.clone()),
            _ => None,
        };
        let (index, id) = self.connect(&mut engine, stream, endpoints, false);
        engine.primary_connected(attempt, index, after);
        if let Some(conn) = self.conns.borrow_mut().get_mut(index).and_then(Option::as_mut) {
            conn.query = unread;
            self.parse_query(&engine, &mut self.turn.borrow_mut(), index, conn);
        }
        match (incoming, session) {
            (Incoming::Tls(incoming), Some(session)) => {
                tokio::task::spawn_local(super::tls::serve(self.clone(), index, id, incoming, session));
            }
            (incoming, _) => {
                tokio::task::spawn_local(serve(self.clone(), index, id, incoming));
            }
        }
        self.wake();
    }
}
