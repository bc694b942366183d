//! One connection: its socket's two halves, the begin of a request that is not complete, and the task that reads.

use super::rim::Rim;
use super::tls::TlsStream;
use super::turn::{READ_BYTES, Turn};
use crate::base::ids::ClientId;
use crate::client::QueryBuffer;
use crate::engine::{ClientIndex, Engine};
use crate::resp::parser::RequestParser;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{tcp, unix};

/// The writing half of a socket.
pub enum Stream {
    /// TCP.
    Tcp(tcp::OwnedWriteHalf),
    /// Unix domain.
    Unix(unix::OwnedWriteHalf),
    /// TLS over TCP, with the session of both directions.
    Tls(Rc<TlsStream>),
}

impl Stream {
    /// Writes what the socket takes without waiting.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(half) => half.try_write(bytes),
            Stream::Unix(half) => half.try_write(bytes),
            Stream::Tls(tls) => tls.try_write(bytes),
        }
    }

    /// Reads what is there without waiting, past the runtime: while a script is busy, the runtime is not there. Appends
    /// it, in plaintext, and returns how many bytes the socket had, 0 at its end.
    pub fn receive_now(&self, into: &mut Vec<u8>) -> io::Result<usize> {
        let before = into.len();
        let read = match self {
            Stream::Tls(tls) => return tls.receive_now(&mut |plain| into.extend_from_slice(plain)),
            Stream::Tcp(half) => {
                into.resize(before + READ_BYTES, 0);
                (&*socket2::SockRef::from(half.as_ref())).read(&mut into[before..])
            }
            Stream::Unix(half) => {
                into.resize(before + READ_BYTES, 0);
                (&*socket2::SockRef::from(half.as_ref())).read(&mut into[before..])
            }
        };
        into.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Writes what the socket takes without waiting, past the runtime, as [`Stream::receive_now`].
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(half) => (&*socket2::SockRef::from(half.as_ref())).write(bytes),
            Stream::Unix(half) => (&*socket2::SockRef::from(half.as_ref())).write(bytes),
            Stream::Tls(tls) => tls.try_write(bytes),
        }
    }

    /// Whether the socket takes bytes again; the task is woken when it does. One task at a time.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Stream::Unix(half) => half.as_ref().poll_write_ready(cx),
            Stream::Tls(tls) => tls.poll_writable(cx),
        }
    }

    /// Has the kernel gather what is written into fewer packets.
    pub fn gather_packets(&self) {
        // A socket that its peer has closed again refuses options.
        let _ = match self {
            Stream::Tcp(half) => half.as_ref().set_nodelay(false),
            Stream::Unix(_) => Ok(()),
            Stream::Tls(tls) => tls.gather_packets(),
        };
    }

    /// Shuts both directions down; a task that reads finds the end.
    pub fn shutdown(&self) {
        // A socket that is already gone cannot be shut down, which is as well.
        let _ = match self {
            Stream::Tcp(half) => socket2::SockRef::from(half.as_ref()).shutdown(std::net::Shutdown::Both),
            Stream::Unix(half) => socket2::SockRef::from(half.as_ref()).shutdown(std::net::Shutdown::Both),
            Stream::Tls(tls) => {
                tls.shutdown();
                Ok(())
            }
        };
    }
}

/// The reading half of a socket.
pub enum Incoming {
    /// TCP.
    Tcp(tcp::OwnedReadHalf),
    /// Unix domain.
    Unix(unix::OwnedReadHalf),
    /// TLS over TCP; read by `tls::serve`, since what arrives are records.
    Tls(tcp::OwnedReadHalf),
}

impl Incoming {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Incoming::Tcp(half) => Pin::new(half).poll_read(cx, into),
            Incoming::Unix(half) => Pin::new(half).poll_read(cx, into),
            Incoming::Tls(half) => Pin::new(half).poll_read(cx, into),
        }
    }

    /// Whether a read would find something, as far as is known without asking the system.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Incoming::Tcp(half) | Incoming::Tls(half) => half.as_ref().poll_read_ready(cx),
            Incoming::Unix(half) => half.as_ref().poll_read_ready(cx),
        }
    }
}

/// A connection as the rim keeps it.
pub struct Conn {
    /// The client's id, since its index is used again after it.
    pub id: ClientId,
    /// Where replies go.
    pub stream: Stream,
    /// Bytes of requests that are incomplete or held back; empty, without allocation, most of the time.
    pub query: Vec<u8>,
    /// How far `query` is parsed.
    pub parsed_to: usize,
    /// How far `query` is executed.
    pub executed_to: usize,
    /// Requests held back that lay in the arena; they come before `query`.
    pub stash: Vec<u8>,
    /// The parser with what it knows of the incomplete request.
    pub parser: RequestParser,
    /// The client is blocked or closing: nothing is parsed.
    pub held: bool,
    /// A task sends the rest of the output.
    pub writer_active: bool,
}

impl Conn {
    /// A new connection.
    pub fn new(id: ClientId, stream: Stream) -> Conn {
        Conn {
            id,
            stream,
            query: Vec::new(),
            parsed_to: 0,
            executed_to: 0,
            stash: Vec::new(),
            parser: RequestParser::new(),
            held: false,
            writer_active: false,
        }
    }

    /// Drops what was executed and puts held requests back in order.
    pub fn after_turn(&mut self) {
        let done = if self.held { self.executed_to } else { self.parsed_to };
        if self.held {
            // What was parsed but not run is parsed again, from the start of its frame.
            self.parsed_to = done;
            self.parser = RequestParser::new();
        }
        self.query.drain(..done);
        self.parsed_to -= done;
        self.executed_to = 0;
        if !self.stash.is_empty() {
            self.stash.append(&mut self.query);
            self.query = std::mem::take(&mut self.stash);
            self.parsed_to = 0;
            self.parser = RequestParser::new();
        }
        if self.query.is_empty() {
            self.query = Vec::new();
        }
    }

    /// Sizes for CLIENT LIST.
    pub fn sizes(&self) -> QueryBuffer {
        let parsed = (self.parsed_to + self.parser.understood()).min(self.query.len());
        let shown = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        QueryBuffer {
            used: shown(self.query.len() - parsed),
            parsed: shown(parsed),
            free: shown(self.query.capacity() - self.query.len()),
        }
    }
}

/// Reads a connection until it ends.
pub async fn serve(rim: Rc<Rim>, index: ClientIndex, id: ClientId, mut incoming: Incoming) {
    while let Ok(Some(full)) = poll_fn(|cx| rim.poll_read(cx, index, id, &mut incoming)).await {
        if full {
            // More is there: others first.
            tokio::task::yield_now().await;
        }
    }
    rim.connection_ended(index, id);
}

impl Rim {
    /// Reads once. `Some(true)`: there may be more to read; `None`: the connection ended.
    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        index: ClientIndex,
        id: ClientId,
        incoming: &mut Incoming,
    ) -> Poll<io::Result<Option<bool>>> {
        if !self.turn.borrow().has_room() {
            if self.finishing.get() {
                // Nothing is executed while the process ends; it may come to nothing.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.run_turn();
        }
        let mut conns = self.conns.borrow_mut();
        let Some(conn) = conns.get_mut(index).and_then(Option::as_mut).filter(|conn| conn.id == id) else {
            return Poll::Ready(Ok(None));
        };
        let mut turn = self.turn.borrow_mut();
        let turn = &mut *turn;
        let mut engine = self.engine.borrow_mut();
        let mut read = 0;
        let mut full = false;
        let mut through_query = true;
        if conn.query.is_empty() && !conn.held {
            let at = turn.used;
            let mut buffer = ReadBuf::new(&mut turn.arena[at..at + READ_BYTES]);
            ready!(incoming.poll_read(cx, &mut buffer))?;
            read = buffer.filled().len();
            full = read == READ_BYTES;
            if read == 0 {
                return Poll::Ready(Ok(None));
            }
            self.parse_arena(&engine, turn, index, conn, read);
            // The rest of a large argument has most often arrived as well.
            through_query = full && conn.parser.needed_hint() > READ_BYTES;
        }
        if through_query {
            const LARGEST_READ: usize = 1024 * 1024;
            if read == 0 {
                // Nobody is to hold room for what has not come.
                ready!(incoming.poll_readable(cx))?;
            }
            make_room(&mut conn.query, conn.parser.needed_hint());
            match poll_append(incoming, cx, &mut conn.query, LARGEST_READ) {
                Poll::Pending if read == 0 => {
                    engine.clients[index].query = conn.sizes();
                    return Poll::Pending;
                }
                Poll::Ready(Err(error)) if read == 0 => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(0)) if read == 0 => return Poll::Ready(Ok(None)),
                // What was read before is told first; the next call finds the same again.
                Poll::Pending | Poll::Ready(Err(_) | Ok(0)) => {}
                Poll::Ready(Ok(more)) => {
                    full = more >= READ_BYTES;
                    read += more;
                }
            }
            self.parse_appended(&mut engine, turn, index, conn);
        }
        engine.received(index, read);
        engine.clients[index].query = conn.sizes();
        if engine.clients[index].closing() || !turn.requests.is_empty() {
            self.wake();
        }
        Poll::Ready(Ok(Some(full)))
    }

    /// Parses what was just read behind the used part of the arena; what is left of it goes to the query buffer.
    #[inline]
    pub fn parse_arena(&self, engine: &Engine, turn: &mut Turn, index: ClientIndex, conn: &mut Conn, read: usize) {
        let at = turn.used;
        let limits = engine.parse_limits(index);
        // The arena is lent out of the turn while the turn's lists are filled from it.
        let arena = std::mem::take(&mut turn.arena);
        let used = turn.parse(index, &mut conn.parser, &arena[at..at + read], at, false, &limits);
        conn.query.extend_from_slice(&arena[at + used..at + read]);
        turn.arena = arena;
        turn.used = at + used;
    }

    /// Parses the query buffer after bytes were appended to it.
    pub fn parse_appended(&self, engine: &mut Engine, turn: &mut Turn, index: ClientIndex, conn: &mut Conn) {
        if !conn.held {
            self.parse_query(engine, turn, index, conn);
        }
        if conn.query.len() > engine.options.query_buffer_limit {
            engine.query_buffer_exceeded(index, &conn.query);
        }
    }
}

/// Makes room for a read; `lacking` is how much the argument that is being received needs. For a large one there is
/// room for no more than was announced, nor for much more than has arrived.
fn make_room(query: &mut Vec<u8>, lacking: usize) {
    const LARGEST_GUESS: usize = 1024 * 1024;
    let free = query.capacity() - query.len();
    if free >= READ_BYTES || lacking != 0 && free >= lacking {
        return;
    }
    if lacking > READ_BYTES {
        query.reserve_exact(lacking.min(LARGEST_GUESS.max(query.len())));
    } else {
        query.reserve(READ_BYTES);
    }
}

/// Appends up to `most` bytes of a socket to a buffer.
fn poll_append(
    incoming: &mut Incoming,
    cx: &mut Context<'_>,
    buffer: &mut Vec<u8>,
    most: usize,
) -> Poll<io::Result<usize>> {
    let before = buffer.len();
    buffer.resize(before + most.min(buffer.capacity() - before).max(1), 0);
    let mut into = ReadBuf::new(&mut buffer[before..]);
    let polled = incoming.poll_read(cx, &mut into);
    let read = into.filled().len();
    buffer.truncate(before + read);
    ready!(polled)?;
    Poll::Ready(Ok(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_follows_what_has_arrived_and_ends_where_the_argument_does() {
        const ARGUMENT: usize = 10_000_000;
        let mut query = vec![b'x'; READ_BYTES];
        query.shrink_to_fit();
        let mut reallocations = 0;
        while query.len() < ARGUMENT {
            let before = query.capacity();
            let lacking = ARGUMENT - query.len();
            make_room(&mut query, lacking);
            reallocations += usize::from(query.capacity() != before);
            assert!(query.capacity() <= (2 * query.len()).max(query.len() + 1024 * 1024).min(ARGUMENT));
            let read = (query.capacity() - query.len()).min(100_000);
            query.resize(query.len() + read, b'x');
        }
        assert!(reallocations < 8, "{reallocations}");
    }

    #[test]
    fn many_small_arguments_do_not_cost_a_reallocation_each() {
        let mut query = Vec::new();
        let mut reallocations = 0;
        for _ in 0..2000 {
            let before = query.capacity();
            make_room(&mut query, 500);
            reallocations += usize::from(query.capacity() != before);
            let read = (query.capacity() - query.len()).min(1000);
            query.resize(query.len() + read, b'x');
        }
        assert!(reallocations < 12, "{reallocations}");
    }
}
