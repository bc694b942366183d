//! A TLS session on its socket: what the rim writes is sealed and sent with one write, what it reads goes through the
//! thread's buffer into the turn's arena or the query buffer, with one read. The task that reads also sees the handshake
//! through, within its time.

use super::HANDSHAKE_SECONDS;
use super::session::{MOST_KEPT, SEALED_BYTES, Session, Stage};
use crate::base::ids::ClientId;
use crate::engine::{ClientIndex, Engine};
use crate::server::conn::{Conn, Stream};
use crate::server::rim::Rim;
use crate::server::turn::{READ_BYTES, Turn};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// What a read takes: one record of full size, or four when a large argument is under way.
const RECORD_BYTES: usize = READ_BYTES + 1024;
const LARGE_READ_BYTES: usize = 4 * RECORD_BYTES;

thread_local! {
    /// Records that were just read: those of before, then those of now.
    static RECEIVED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// Records that were just sealed.
    static SEALED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The writing half of a socket with its session.
pub struct TlsStream {
    half: OwnedWriteHalf,
    session: RefCell<Session>,
}

impl TlsStream {
    /// Has the kernel gather what is written into fewer packets.
    pub fn gather_packets(&self) -> io::Result<()> {
        self.half.as_ref().set_nodelay(false)
    }

    /// Writes what the socket takes without waiting. Plaintext counts as written when all its records have gone out;
    /// until then this is to be called again with the same bytes in front, as with a socket that takes none.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let session = &mut *self.session.borrow_mut();
        let gone = self.flush(session)?;
        if gone > 0 || bytes.is_empty() {
            return Ok(gone);
        }
        SEALED.with_borrow_mut(|records| {
            let (plain, len) = session.seal(bytes, records).map_err(io::Error::other)?;
            let sent = match self.half.try_write(&records[..len]) {
                Ok(sent) => sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            if sent == len {
                return Ok(plain);
            }
            session.keep_unsent(&records[sent..len], plain);
            Err(ErrorKind::WouldBlock.into())
        })
    }

    /// Sends records that wait; how much plaintext has gone out with the last of them.
    fn flush(&self, session: &mut Session) -> io::Result<usize> {
        let mut gone = 0;
        while !session.is_flushed() {
            let sent = self.half.try_write(session.unsent())?;
            gone += session.sent(sent);
        }
        Ok(gone)
    }

    /// Sends what the handshake has to say.
    async fn flush_handshake(&self) -> io::Result<()> {
        loop {
            {
                let session = &mut *self.session.borrow_mut();
                if session.stands_for_plaintext() {
                    // The task that sends the replies sees to it.
                    return Ok(());
                }
                match self.flush(session) {
                    Ok(_) => return Ok(()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            self.half.writable().await?;
        }
    }

    /// As [`Stream::poll_writable`].
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.as_ref().poll_write_ready(cx)
    }

    /// Tells the peer that nothing more comes, when it can be told at once, and shuts both directions down.
    pub fn shutdown(&self) {
        if let Ok(mut session) = self.session.try_borrow_mut()
            && session.stage() != Stage::Handshake
        {
            // A peer that is gone or takes nothing is not told.
            let _ = self.half.try_write(&session.farewell());
        }
        let _ = socket2::SockRef::from(self.half.as_ref()).shutdown(std::net::Shutdown::Both);
    }

    /// Reads records that are there without waiting, past the runtime, and gives their plaintext. Returns how many bytes
    /// the socket had, 0 at its end. What a handshake has to say is sent. After an error of the peer's the session has
    /// ended, and so does the connection once its task runs again.
    pub fn receive_now(&self, sink: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
        let session = &mut *self.session.borrow_mut();
        if session.has_ended() {
            return Ok(0);
        }
        RECEIVED.with_borrow_mut(|buffer| {
            buffer.resize(MOST_KEPT + LARGE_READ_BYTES, 0);
            let socket = socket2::SockRef::from(self.half.as_ref());
            let read = (&*socket).read(&mut buffer[MOST_KEPT..MOST_KEPT + RECORD_BYTES])?;
            let from = MOST_KEPT - session.kept().len();
            buffer[from..MOST_KEPT].copy_from_slice(session.kept());
            let _ = session.received(&mut buffer[from..MOST_KEPT + read], sink);
            while !session.is_flushed() && !session.stands_for_plaintext() {
                match (&*socket).write(session.unsent()) {
                    Ok(sent) => session.sent(sent),
                    Err(_) => break,
                };
            }
            Ok(read)
        })
    }

    fn stage(&self) -> Stage {
        self.session.borrow().stage()
    }
}

/// The two halves of a connection that begins. `None`: the settings do not allow a session, and the log says why.
pub fn split(socket: TcpStream, settings: std::sync::Arc<rustls::ServerConfig>) -> Option<(OwnedReadHalf, Stream)> {
    let session = match Session::new(settings) {
        Ok(session) => session,
        Err(error) => {
            tracing::warn!("Error accepting a client connection: {error}");
            return None;
        }
    };
    let (incoming, half) = socket.into_split();
    Some((incoming, Stream::Tls(Rc::new(TlsStream { half, session: RefCell::new(session) }))))
}

/// The two halves of a connection to another server, once both sides have agreed on keys; with what has come behind that.
pub async fn connect(
    socket: TcpStream,
    settings: std::sync::Arc<rustls::ClientConfig>,
) -> io::Result<(OwnedReadHalf, Rc<TlsStream>, Vec<u8>)> {
    let session = Session::to_server(settings).map_err(io::Error::other)?;
    let (mut incoming, half) = socket.into_split();
    let tls = Rc::new(TlsStream { half, session: RefCell::new(session) });
    let mut plain = Vec::new();
    let handshake = async {
        tls.flush_handshake().await?;
        while tls.stage() == Stage::Handshake {
            tls.read_plain(&mut incoming, &mut plain).await?;
        }
        Ok(())
    };
    match tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS), handshake).await {
        Ok(done) => done.map(|()| (incoming, tls, plain)),
        Err(_) => Err(io::Error::new(ErrorKind::TimedOut, "the handshake took too long")),
    }
}

impl TlsStream {
    /// Reads once and appends the plaintext. Errors: also the end of the connection.
    pub async fn read_plain(&self, incoming: &mut OwnedReadHalf, into: &mut Vec<u8>) -> io::Result<()> {
        let lost = || io::Error::new(ErrorKind::UnexpectedEof, "connection lost");
        let mut records = self.session.borrow().kept().to_vec();
        let kept = records.len();
        records.resize(kept + RECORD_BYTES, 0);
        let mut buffer = ReadBuf::new(&mut records[kept..]);
        poll_fn(|cx| Pin::new(&mut *incoming).poll_read(cx, &mut buffer)).await?;
        let read = buffer.filled().len();
        if read == 0 || self.session.borrow().has_ended() {
            return Err(lost());
        }
        records.truncate(kept + read);
        let received = self.session.borrow_mut().received(&mut records, &mut |plain| into.extend_from_slice(plain));
        // The other side is told what was wrong, if it can be.
        self.flush_handshake().await?;
        received.map_err(io::Error::other)
    }

    /// Sends all of it.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.half.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The socket.
    pub fn socket(&self) -> &TcpStream {
        self.half.as_ref()
    }
}

/// Reads a connection until it ends, the handshake first.
pub async fn serve(rim: Rc<Rim>, index: ClientIndex, id: ClientId, mut incoming: OwnedReadHalf, tls: Rc<TlsStream>) {
    let handshake = async {
        while tls.stage() == Stage::Handshake {
            if !step(&rim, index, id, &mut incoming, &tls).await {
                return false;
            }
        }
        true
    };
    match tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS), handshake).await {
        Ok(true) => while step(&rim, index, id, &mut incoming, &tls).await {},
        Ok(false) => {}
        Err(_) => rim.log_refused(index, id, "the handshake took too long"),
    }
    rim.connection_ended(index, id);
}

/// Reads once, and sends what the handshake has to say to that. Whether the connection goes on.
async fn step(rim: &Rim, index: ClientIndex, id: ClientId, incoming: &mut OwnedReadHalf, tls: &TlsStream) -> bool {
    let Ok(Some(full)) = poll_fn(|cx| rim.poll_read_tls(cx, index, id, incoming)).await else { return false };
    if tls.flush_handshake().await.is_err() {
        return false;
    }
    if full {
        // More is there: others first.
        tokio::task::yield_now().await;
    }
    true
}

impl Rim {
    /// Reads once. `Some(true)`: there may be more to read; `None`: the connection ended.
    fn poll_read_tls(
        &self,
        cx: &mut Context<'_>,
        index: ClientIndex,
        id: ClientId,
        incoming: &mut OwnedReadHalf,
    ) -> Poll<io::Result<Option<bool>>> {
        if !self.turn.borrow().has_room_for(MOST_KEPT + LARGE_READ_BYTES) {
            self.run_turn();
        }
        let mut conns = self.conns.borrow_mut();
        let Some(conn) = conns.get_mut(index).and_then(Option::as_mut).filter(|conn| conn.id == id) else {
            return Poll::Ready(Ok(None));
        };
        let Stream::Tls(tls) = &conn.stream else { return Poll::Ready(Ok(None)) };
        let tls = tls.clone();
        let session = &mut *tls.session.borrow_mut();
        if session.has_ended() {
            return Poll::Ready(Ok(None));
        }
        RECEIVED.with_borrow_mut(|buffer| {
            buffer.resize(MOST_KEPT + LARGE_READ_BYTES, 0);
            let wanted = if conn.parser.needed_hint() > READ_BYTES { LARGE_READ_BYTES } else { RECORD_BYTES };
            let mut into = ReadBuf::new(&mut buffer[MOST_KEPT..MOST_KEPT + wanted]);
            ready!(Pin::new(incoming).poll_read(cx, &mut into))?;
            let read = into.filled().len();
            if read == 0 {
                return Poll::Ready(Ok(None));
            }
            let from = MOST_KEPT - session.kept().len();
            buffer[from..MOST_KEPT].copy_from_slice(session.kept());
            let received = self.take_records(index, conn, session, &mut buffer[from..MOST_KEPT + read]);
            if let Err(error) = received {
                // The peer is told if it can be told at once.
                let _ = tls.flush(session);
                self.log_refused(index, id, &error.to_string());
                return Poll::Ready(Err(io::Error::other(error)));
            }
            Poll::Ready(Ok(Some(read == wanted)))
        })
    }

    /// Decrypts records and takes their plaintext in as a plain connection's bytes are taken in.
    fn take_records(
        &self,
        index: ClientIndex,
        conn: &mut Conn,
        session: &mut Session,
        records: &mut [u8],
    ) -> Result<(), rustls::Error> {
        let mut turn = self.turn.borrow_mut();
        let turn = &mut *turn;
        let engine = &mut *self.engine.borrow_mut();
        let handshake = session.stage() == Stage::Handshake;
        let mut read = 0;
        let received;
        if conn.query.is_empty() && !conn.held {
            let at = turn.used;
            let arena = &mut turn.arena;
            received = session.received(records, &mut |plain| {
                arena[at + read..at + read + plain.len()].copy_from_slice(plain);
                read += plain.len();
            });
            if read > 0 {
                self.parse_arena(engine, turn, index, conn, read);
            }
        } else {
            let query = &mut conn.query;
            received = session.received(records, &mut |plain| {
                query.extend_from_slice(plain);
                read += plain.len();
            });
            if read > 0 {
                self.parse_appended(engine, turn, index, conn);
            }
        }
        if read > 0 {
            engine.received(index, read);
            engine.clients[index].query = conn.sizes();
        }
        if handshake && session.stage() != Stage::Handshake {
            engine.refuse_if_protected(index);
        }
        if engine.clients[index].closing() || !turn.requests.is_empty() {
            self.wake();
        }
        received
    }

    /// Reads once while a script is busy and the runtime is not there, also the messages of a handshake. An end of the
    /// connection is left for its task to find.
    pub fn read_tls_now(
        &self,
        engine: &mut Engine,
        turn: &mut Turn,
        index: ClientIndex,
        conn: &mut Conn,
        tls: &TlsStream,
    ) {
        let handshake = tls.stage() == Stage::Handshake;
        let before = conn.query.len();
        let query = &mut conn.query;
        let read = tls.receive_now(&mut |plain| query.extend_from_slice(plain));
        if crate::server::busy::some_bytes(engine, index, read).is_none() {
            return;
        }
        let appended = conn.query.len() - before;
        if appended > 0 {
            self.parse_appended(engine, turn, index, conn);
            engine.received(index, appended);
            engine.clients[index].query = conn.sizes();
        }
        if handshake && tls.stage() != Stage::Handshake {
            engine.refuse_if_protected(index);
        }
    }

    /// Says in the log why a TLS connection ends.
    fn log_refused(&self, index: ClientIndex, id: ClientId, reason: &str) {
        let engine = self.engine.borrow();
        let Some(client) = engine.clients.get(index).filter(|client| client.id == id) else { return };
        let endpoints = &client.endpoints;
        tracing::warn!(
            "Error accepting a client connection: {reason} (conn: fd={} addr={} laddr={})",
            endpoints.fd,
            endpoints.peer,
            endpoints.local
        );
    }
}

// A slice of a greedy reader's output is one call's worth of records.
const _: () = assert!(SEALED_BYTES >= 64 * 1024);
