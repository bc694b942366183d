//! One connection: its socket's two halves, the begin of a request that is not complete, and the task that reads.

use super::rim::Rim;
use super::turn::READ_BYTES;
use crate::base::ids::ClientId;
use crate::client::QueryBuffer;
use crate::engine::ClientIndex;
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
}

impl Stream {
    /// Writes what the socket takes without waiting.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(half) => half.try_write(bytes),
            Stream::Unix(half) => half.try_write(bytes),
        }
    }

    /// Reads what is there without waiting, past the runtime: while a script is busy, the runtime is not there.
    pub fn read_now(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(half) => (&*socket2::SockRef::from(half.as_ref())).read(into),
            Stream::Unix(half) => (&*socket2::SockRef::from(half.as_ref())).read(into),
        }
    }

    /// Writes what the socket takes without waiting, past the runtime, as [`Stream::read_now`].
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(half) => (&*socket2::SockRef::from(half.as_ref())).write(bytes),
            Stream::Unix(half) => (&*socket2::SockRef::from(half.as_ref())).write(bytes),
        }
    }

    /// Waits until the socket takes bytes again.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(half) => half.writable().await,
            Stream::Unix(half) => half.writable().await,
        }
    }

    /// Shuts both directions down; a task that reads finds the end.
    pub fn shutdown(&self) {
        // A socket that is already gone cannot be shut down, which is as well.
        let _ = match self {
            Stream::Tcp(half) => socket2::SockRef::from(half.as_ref()).shutdown(std::net::Shutdown::Both),
            Stream::Unix(half) => socket2::SockRef::from(half.as_ref()).shutdown(std::net::Shutdown::Both),
        };
    }
}

/// The reading half of a socket.
pub enum Incoming {
    /// TCP.
    Tcp(tcp::OwnedReadHalf),
    /// Unix domain.
    Unix(unix::OwnedReadHalf),
}

impl Incoming {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Incoming::Tcp(half) => Pin::new(half).poll_read(cx, into),
            Incoming::Unix(half) => Pin::new(half).poll_read(cx, into),
        }
    }
}

/// A connection as the rim keeps it.
pub struct Conn {
    /// The client's id, since its index is used again after it.
    pub id: ClientId,
    /// Where replies go.
    pub stream: Rc<Stream>,
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
            stream: Rc::new(stream),
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
        QueryBuffer { used: self.query.len() as u32, free: (self.query.capacity() - self.query.len()) as u32 }
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
            self.run_turn();
        }
        let mut conns = self.conns.borrow_mut();
        let Some(conn) = conns.get_mut(index).and_then(Option::as_mut).filter(|conn| conn.id == id) else {
            return Poll::Ready(Ok(None));
        };
        let mut turn = self.turn.borrow_mut();
        let turn = &mut *turn;
        let mut engine = self.engine.borrow_mut();
        let read;
        let full;
        if conn.query.is_empty() && !conn.held {
            let at = turn.used;
            let mut buffer = ReadBuf::new(&mut turn.arena[at..at + READ_BYTES]);
            ready!(incoming.poll_read(cx, &mut buffer))?;
            read = buffer.filled().len();
            full = read == READ_BYTES;
            if read == 0 {
                return Poll::Ready(Ok(None));
            }
            let limits = engine.parse_limits(index);
            // The arena is lent out of the turn while the turn's lists are filled from it.
            let arena = std::mem::take(&mut turn.arena);
            let used = turn.parse(index, &mut conn.parser, &arena[at..at + read], at, false, &limits);
            conn.query.extend_from_slice(&arena[at + used..at + read]);
            turn.arena = arena;
            turn.used = at + used;
        } else {
            const LARGEST_RESERVE: usize = 1024 * 1024;
            let wanted = conn.parser.needed_hint().clamp(READ_BYTES, LARGEST_RESERVE);
            if conn.query.capacity() - conn.query.len() < wanted.min(READ_BYTES) {
                conn.query.reserve(wanted);
            }
            read = ready!(poll_append(incoming, cx, &mut conn.query, wanted))?;
            full = read >= READ_BYTES;
            if read == 0 {
                return Poll::Ready(Ok(None));
            }
            if !conn.held {
                self.parse_query(&engine, turn, index, conn);
            }
            if conn.query.len() > engine.options.query_buffer_limit {
                engine.query_buffer_exceeded(index, &conn.query);
            }
        }
        engine.received(index, read);
        engine.clients[index].query = conn.sizes();
        if engine.clients[index].closing() || !turn.requests.is_empty() {
            self.wake();
        }
        Poll::Ready(Ok(Some(full)))
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
