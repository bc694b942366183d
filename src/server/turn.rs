//! One turn of the loop: what the connections read since the last one is run, replies are sent, and what fell due is
//! done. Reads gather many requests before the first is run, so their keys can be prefetched together
//! (engine idea 2).

use super::conn::{Conn, Stream};
use super::rim::Rim;
use crate::client::ClientFlags;
use crate::command::Args;
use crate::engine::intake::Lookahead;
use crate::engine::table::CommandId;
use crate::engine::{ClientIndex, Engine};
use crate::resp::parser::{Parsed, RequestParser, Span};
use std::cell::{Cell, RefCell};
use std::io::ErrorKind;

/// Where a request's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the turn's arena.
    Arena,
    /// In the connection's own query buffer.
    Query,
    /// In the turn's buffer of unquoted inline arguments.
    Inline,
}

/// What a connection sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A request.
    Request,
    /// Bytes that are none: answered, then the connection is closed.
    ProtocolError(u32),
    /// Blank lines of the primary, whose bytes count.
    Nothing,
}

/// One request of the turn.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who sent it.
    pub client: ClientIndex,
    /// What it is.
    pub what: What,
    /// Where its arguments' bytes are.
    pub source: Source,
    /// Start of what the spans count from.
    pub base: usize,
    /// Its spans in the turn's list.
    pub first_span: usize,
    /// Number of spans.
    pub spans: usize,
    /// Where its frame is in the arena or the query buffer.
    pub frame: (usize, usize),
    /// Whether the frame is in the query buffer (an inline request's arguments are not).
    pub frame_in_query: bool,
    /// Its command, once it was looked up.
    pub command: Cell<CommandId>,
    /// How many of its keys are being fetched into the cache.
    pub keys: Cell<u8>,
    /// It has run, or was kept for later.
    pub done: Cell<bool>,
}

/// Bytes one read takes at most.
pub const READ_BYTES: usize = 32 * 1024;
/// Size of the arena: what one turn reads at most before it runs. What is read is then still in the processor's cache.
const ARENA_BYTES: usize = 128 * 1024;
/// Requests from which on a turn runs before more is read.
const MOST_REQUESTS: usize = 512;

/// How often a replica's output is filled again within a turn.
const MOST_REFILLS: u32 = 16;

/// Most bytes of inline arguments and most arguments that room is kept for between turns.
const KEPT_INLINE_BYTES: usize = 64 * 1024;
const KEPT_SPANS: usize = 16 * 1024;

/// What was read and is not run yet.
pub struct Turn {
    /// Bytes read for connections that had no incomplete request.
    pub arena: Vec<u8>,
    /// How much of the arena is in use.
    pub used: usize,
    /// Arguments of inline requests.
    pub inline: Vec<u8>,
    /// The requests in order.
    pub requests: Vec<Request>,
    /// Their arguments.
    pub spans: Vec<Span>,
    /// Keys that are being fetched into the cache.
    pub ahead: RefCell<Lookahead>,
    /// Texts of protocol errors.
    pub errors: Vec<Vec<u8>>,
    /// Connections whose query buffer holds requests of this turn.
    pub from_query: RefCell<Vec<ClientIndex>>,
}

impl Default for Turn {
    fn default() -> Turn {
        Turn {
            arena: vec![0; ARENA_BYTES],
            used: 0,
            inline: Vec::new(),
            requests: Vec::new(),
            spans: Vec::new(),
            ahead: RefCell::default(),
            errors: Vec::new(),
            from_query: RefCell::default(),
        }
    }
}

impl Turn {
    /// Whether another read may go into the arena.
    pub fn has_room(&self) -> bool {
        self.has_room_for(READ_BYTES)
    }

    /// Whether so many bytes may go into the arena.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.arena.len() - self.used >= bytes && self.requests.len() < MOST_REQUESTS
    }

    fn reset(&mut self) {
        const LARGEST_KEPT: usize = 16 * 1024;
        self.used = 0;
        self.inline.clear();
        self.requests.clear();
        self.spans.clear();
        // A request of a million arguments must not leave its mark on an idle server.
        self.spans.shrink_to(LARGEST_KEPT);
        self.requests.shrink_to(LARGEST_KEPT);
        self.inline.shrink_to(LARGEST_KEPT);
        self.errors.clear();
        self.from_query.get_mut().clear();
        // One request of a hundred thousand arguments is no reason to keep room for the next.
        self.inline.shrink_to(KEPT_INLINE_BYTES);
        self.spans.shrink_to(KEPT_SPANS);
    }

    /// Parses the complete requests of `bytes`, which begin `at` in the arena or the query buffer. Returns how many
    /// bytes are used up; what is left is the begin of a request. After a protocol error nothing more is parsed.
    pub fn parse(
        &mut self,
        client: ClientIndex,
        parser: &mut RequestParser,
        bytes: &[u8],
        at: usize,
        in_query: bool,
        limits: &crate::resp::parser::ParseLimits,
    ) -> usize {
        let mut start = 0;
        while start < bytes.len() {
            let first_span = self.spans.len();
            let mut request = Request {
                client,
                what: What::Request,
                source: if in_query { Source::Query } else { Source::Arena },
                base: at + start,
                first_span,
                spans: 0,
                frame: (at + start, at + start),
                frame_in_query: in_query,
                command: Cell::new(CommandId::MAX),
                keys: Cell::new(0),
                done: Cell::new(false),
            };
            match parser.parse(&bytes[start..], &mut self.spans, limits) {
                Parsed::NeedMore => break,
                Parsed::Empty { consumed } => {
                    start += consumed;
                    if limits.from_primary {
                        request.what = What::Nothing;
                        request.frame.1 = at + start;
                        self.requests.push(request);
                    }
                }
                Parsed::Request { consumed } => {
                    start += consumed;
                    request.spans = self.spans.len() - first_span;
                    request.frame.1 = at + start;
                    self.requests.push(request);
                }
                Parsed::Inline { args, consumed } => {
                    start += consumed;
                    request.base = self.inline.len();
                    for arg in &args {
                        self.spans.push(Span { start: self.inline.len() - request.base, len: arg.len() });
                        self.inline.extend_from_slice(arg);
                    }
                    request.source = Source::Inline;
                    request.spans = args.len();
                    request.frame.1 = at + start;
                    self.requests.push(request);
                }
                Parsed::Error(error) => {
                    request.what = What::ProtocolError(self.errors.len() as u32);
                    self.errors.push(error.reply_text());
                    self.requests.push(request);
                    return bytes.len();
                }
            }
        }
        start
    }
}

impl Rim {
    /// Runs everything read, sends replies, and goes on until nobody was unblocked.
    pub fn run_turn(&self) {
        loop {
            let mut engine = self.engine.borrow_mut();
            engine.begin_turn();
            engine.look_at_threads();
            self.release_output(&mut engine);
            self.run_requests(&mut engine, &self.turn.borrow(), None);
            self.end_requests(&mut engine, &mut self.turn.borrow_mut());
            engine.due();
            engine.end_turn();
            let again = self.after_requests(&mut engine);
            if !again {
                break;
            }
        }
    }

    /// Runs the requests of a turn that have not run, but for those of one client if its script is running. Nothing is
    /// borrowed while a request runs: a script that runs for long comes back here for the others' sake.
    pub(super) fn run_requests(&self, engine: &mut Engine, turn: &Turn, but_for: Option<ClientIndex>) {
        // Empty when this is called again by a script.
        let mut ahead = turn.ahead.take();
        ahead.begin(turn.requests.len());
        let mut looked_at = 0;
        for (at, request) in turn.requests.iter().enumerate() {
            while looked_at < turn.requests.len() && (looked_at <= at || ahead.reaches(looked_at - at)) {
                Self::look_ahead(engine, turn, &turn.requests[looked_at], &self.conns.borrow(), &mut ahead);
                looked_at += 1;
            }
            engine.fetch_ahead(&mut ahead, request.keys.get());
            // The primary's requests wait for the end of a script that takes long: none of them may be refused.
            let waits = Some(request.client) == but_for || but_for.is_some() && engine.is_primary(request.client);
            if !waits && !request.done.replace(true) {
                self.run_request(engine, turn, request);
            }
        }
        turn.ahead.replace(ahead);
    }

    fn run_request(&self, engine: &mut Engine, turn: &Turn, request: &Request) {
        let mut query = Vec::new();
        {
            let mut conns = self.conns.borrow_mut();
            let Some(conn) = conns.get_mut(request.client).and_then(Option::as_mut) else { return };
            let client = &engine.clients[request.client];
            if conn.held || client.blocked.is_some() || client.closing() {
                return Self::hold_back(turn, conn, request);
            }
            if request.source == Source::Query {
                query = std::mem::take(&mut conn.query);
            }
        }
        let command = request.command.get();
        match request.what {
            What::Request if engine.is_primary(request.client) => {
                let (args, frame) = (arguments(turn, &query, request), frame(turn, &query, request));
                engine.execute_from_primary(request.client, args, command, frame);
            }
            What::Request => engine.execute(request.client, arguments(turn, &query, request), command),
            What::ProtocolError(at) => engine.protocol_error(request.client, &turn.errors[at as usize]),
            What::Nothing => engine.stream_passed(request.client, frame(turn, &query, request)),
        }
        if request.frame_in_query
            && let Some(conn) = self.conns.borrow_mut().get_mut(request.client).and_then(Option::as_mut)
        {
            if request.source == Source::Query {
                conn.query = query;
            }
            if !matches!(request.what, What::ProtocolError(_)) {
                conn.executed_to = request.frame.1;
            }
        }
    }

    /// The requests of a turn have run: what they were made of is forgotten.
    pub(super) fn end_requests(&self, engine: &mut Engine, turn: &mut Turn) {
        let mut conns = self.conns.borrow_mut();
        for &index in turn.from_query.get_mut().iter() {
            if let Some(conn) = conns.get_mut(index).and_then(Option::as_mut) {
                conn.after_turn();
                engine.clients[index].query = conn.sizes();
            }
        }
        turn.reset();
    }

    /// Keeps a request of a client that may not go on; its bytes are parsed again when it may.
    fn hold_back(turn: &Turn, conn: &mut Conn, request: &Request) {
        conn.held = true;
        if !request.frame_in_query {
            conn.stash.extend_from_slice(&turn.arena[request.frame.0..request.frame.1]);
            let mut from_query = turn.from_query.borrow_mut();
            if !from_query.contains(&request.client) {
                from_query.push(request.client);
            }
        }
    }

    /// Notes the keys of a request, to be fetched before it runs.
    #[inline]
    fn look_ahead(engine: &Engine, turn: &Turn, request: &Request, conns: &[Option<Box<Conn>>], ahead: &mut Lookahead) {
        request.keys.set(0);
        if request.what == What::Request
            && !request.done.get()
            && let Some(conn) = conns.get(request.client).and_then(Option::as_ref)
            && engine.clients.contains(request.client)
        {
            let (command, keys) = engine.look_ahead(request.client, arguments(turn, &conn.query, request), ahead);
            request.command.set(command);
            request.keys.set(keys);
        }
    }

    /// Sends, closes, resumes. Returns whether there are requests again.
    fn after_requests(&self, engine: &mut Engine) -> bool {
        self.do_asks(engine);
        self.send_and_close(engine);
        self.reclaim.hand_over(engine.take_garbage(), engine.options.max_memory != 0);
        let mut again = false;
        for index in std::mem::take(&mut engine.unblocked) {
            again |= self.resume(engine, index);
        }
        again || !engine.dirty.is_empty() || !engine.closing.is_empty()
    }

    /// Sends what was written for clients, and closes those that are to be closed.
    pub(super) fn send_and_close(&self, engine: &mut Engine) {
        let mut dirty = std::mem::take(&mut engine.dirty);
        for index in dirty.drain(..) {
            if engine.clients.contains(index) {
                engine.clients[index].flags.remove(ClientFlags::OUTPUT_PENDING);
                self.send(engine, index);
                if engine.clients.get(index).is_some_and(|client| client.closing()) {
                    engine.closing.push(index);
                }
            }
        }
        if engine.dirty.is_empty() {
            // Its room is kept for the next turn.
            engine.dirty = dirty;
        }
        for index in std::mem::take(&mut engine.closing) {
            self.close_if_done(engine, index);
        }
    }

    /// Parses what a client sent while it was held back.
    fn resume(&self, engine: &mut Engine, index: ClientIndex) -> bool {
        let mut conns = self.conns.borrow_mut();
        let Some(conn) = conns.get_mut(index).and_then(Option::as_mut) else { return false };
        if engine.clients[index].blocked.is_some() || !conn.held {
            return false;
        }
        conn.held = false;
        self.parse_query(engine, &mut self.turn.borrow_mut(), index, conn);
        true
    }

    /// Parses the complete requests in a connection's query buffer.
    pub fn parse_query(&self, engine: &Engine, turn: &mut Turn, index: ClientIndex, conn: &mut Conn) {
        let limits = engine.parse_limits(index);
        let from = conn.parsed_to;
        let query = std::mem::take(&mut conn.query);
        let used = turn.parse(index, &mut conn.parser, &query[from..], from, true, &limits);
        conn.query = query;
        conn.parsed_to = from + used;
        if used > 0 {
            turn.from_query.get_mut().push(index);
        }
    }

    /// Writes as much of a client's output as the socket takes.
    pub fn send(&self, engine: &mut Engine, index: ClientIndex) {
        let conns = self.conns.borrow();
        let Some(conn) = conns.get(index).and_then(Option::as_ref) else { return };
        if engine.clients[index].flags.contains(ClientFlags::CLOSE_NOW) {
            return;
        }
        if conn.writer_active {
            engine.check_output_limit(index);
            return;
        }
        if engine.clients[index].flags.contains(ClientFlags::CLOSE_NOW) {
            return;
        }
        if !engine.may_send(index) {
            return self.hold_output(index);
        }
        let mut refills = 0;
        loop {
            let client = &mut engine.clients[index];
            let output = &client.out.as_slice()[client.sent..];
            if output.is_empty() {
                if engine.refill(index) {
                    refills += 1;
                    if refills <= MOST_REFILLS {
                        continue;
                    }
                    // The rest goes out slice by slice, so that others have their turn.
                    break;
                }
                engine.reclaim_buffer(index);
                if engine.replicas.await_snapshots() {
                    // There is room for more of a snapshot.
                    self.wake();
                }
                return;
            }
            let sent = if self.is_serving_others.get() {
                conn.stream.write_now(output)
            } else {
                conn.stream.try_write(output)
            };
            match sent {
                Ok(0) => return,
                Ok(written) => {
                    client.sent += written;
                    client.net_out += written as u64;
                    engine.stats.net_out += written as u64;
                    engine.stats.writes_processed += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    engine.close(index, false);
                    return;
                }
            }
        }
        drop(conns);
        engine.check_output_limit(index);
        self.start_writer(index);
    }

    /// Closes a connection that is to be closed, unless output is still to be sent first.
    pub fn close_if_done(&self, engine: &mut Engine, index: ClientIndex) {
        let Some(client) = engine.clients.get(index) else { return };
        if !client.closing() {
            return;
        }
        let writing = self.conns.borrow().get(index).and_then(Option::as_ref).is_some_and(|conn| conn.writer_active);
        if client.flags.contains(ClientFlags::CLOSE_NOW) || !writing && client.output_bytes() == 0 {
            self.drop_connection(engine, index);
        }
    }

    /// Ends a connection: the engine forgets the client, and the reading task finds the socket shut down.
    pub fn drop_connection(&self, engine: &mut Engine, index: ClientIndex) {
        if engine.clients.contains(index) {
            engine.disconnect(index);
        }
        if let Some(conn) = self.conns.borrow_mut().get_mut(index).and_then(Option::take) {
            Stream::shutdown(&conn.stream);
        }
    }
}

/// The bytes a request came as, which are not inline.
fn frame<'a>(turn: &'a Turn, query: &'a [u8], request: &Request) -> &'a [u8] {
    let (from, to) = request.frame;
    if request.frame_in_query { &query[from..to] } else { &turn.arena[from..to] }
}

/// A request's arguments, wherever its bytes are.
fn arguments<'a>(turn: &'a Turn, query: &'a [u8], request: &Request) -> Args<'a> {
    let bytes = match request.source {
        Source::Arena => &turn.arena[request.base..],
        Source::Query => &query[request.base..],
        Source::Inline => &turn.inline[request.base..],
    };
    Args::new(bytes, &turn.spans[request.first_span..request.first_span + request.spans])
}
