//! What the tasks of the loop share: the engine, the connections, the turn being gathered. All of it lives on one
//! thread; a borrow never reaches across an `.await`.

use super::conn::{Conn, Incoming, Stream, serve};
use super::reclaim::Reclaim;
use super::turn::Turn;
use crate::base::ids::{ClientId, UnixMs};
use crate::client::{ClientFlags, Endpoints};
use crate::engine::{Ask, ClientIndex, Engine, ShutdownHow};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What became of loading the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It is there.
    Serving,
    /// It cannot be loaded.
    Failed,
    /// Somebody asked for the end meanwhile.
    Ended,
}

/// The shared state of the rim.
pub struct Rim {
    /// The heart.
    pub engine: RefCell<Engine>,
    /// Connections, under the same index as their clients.
    pub conns: RefCell<Vec<Option<Box<Conn>>>>,
    /// What was read and is not run yet.
    pub turn: RefCell<Turn>,
    /// The same while a script is busy and the turn it is of is still running.
    pub busy_turn: RefCell<Option<Box<Turn>>>,
    /// A script is busy: the runtime stands still, and sockets are used past it.
    pub is_serving_others: Cell<bool>,
    /// What TLS connections are served by; none while the configuration wants no TLS.
    pub tls: RefCell<Option<Arc<rustls::ServerConfig>>>,
    /// Tasks that accept connections.
    pub listeners: RefCell<Option<super::listen::Accepting>>,
    /// Connections to other servers, for MIGRATE.
    pub links: RefCell<super::migrate::Links>,
    /// The attempt to connect to the primary that is being made.
    pub link: RefCell<Option<tokio::task::AbortHandle>>,
    /// Frees big things.
    pub reclaim: Reclaim,
    /// Set when the process is to end.
    pub ending: Cell<Option<ShutdownHow>>,
    /// The last snapshot is being written: nothing is executed.
    pub finishing: Cell<bool>,
    /// Who asked for it, to be told if it fails.
    pub ending_for: Cell<Option<ClientIndex>>,
    /// Clients whose output waits for the log to be durable.
    held_output: RefCell<Vec<ClientIndex>>,
    executor: Arc<Notify>,
    awake: Cell<bool>,
    this: RefCell<std::rc::Weak<Rim>>,
}

impl Rim {
    /// The rim around an engine.
    pub fn new(engine: Engine, executor: Arc<Notify>, tls: Option<Arc<rustls::ServerConfig>>) -> Rc<Rim> {
        let reclaim = Reclaim::start(engine.reclaim_pending.clone());
        let rim = Rc::new(Rim {
            engine: RefCell::new(engine),
            conns: RefCell::new(Vec::new()),
            turn: RefCell::new(Turn::default()),
            is_serving_others: Cell::new(false),
            tls: RefCell::new(tls),
            links: RefCell::default(),
            link: RefCell::default(),
            busy_turn: RefCell::new(None),
            listeners: RefCell::new(None),
            reclaim,
            ending: Cell::new(None),
            finishing: Cell::new(false),
            ending_for: Cell::new(None),
            held_output: RefCell::new(Vec::new()),
            executor,
            awake: Cell::new(false),
            this: RefCell::new(std::rc::Weak::new()),
        });
        *rim.this.borrow_mut() = Rc::downgrade(&rim);
        super::busy::install(&rim);
        rim
    }

    fn rc(&self) -> Rc<Rim> {
        // The weak reference is set at construction and the caller holds the rim alive.
        self.this.borrow().upgrade().expect("the rim is alive while it is borrowed")
    }

    /// Has the executor run after the tasks that are already due.
    pub fn wake(&self) {
        if !self.awake.replace(true) {
            self.executor.notify_one();
        }
    }

    /// The executor: runs a turn whenever something was read or fell due, until the process is to end.
    pub async fn execute(&self) {
        // Set anew only when it has gone off, or for something earlier: most turns are due to what was read, and going off
        // too early does no harm.
        let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
        let mut set_for = UnixMs(0);
        loop {
            let is_due = {
                let engine = self.engine.borrow();
                let due = engine.next_due();
                if due > engine.now && (due < set_for || alarm.is_elapsed()) {
                    set_for = due;
                    alarm.as_mut().reset(tokio::time::Instant::now() + engine.time_until(due));
                }
                due <= engine.now
            };
            if is_due {
                tokio::task::yield_now().await;
            } else {
                tokio::select! {
                    biased;
                    _ = self.executor.notified() => {}
                    _ = &mut alarm => {}
                }
            }
            self.awake.set(false);
            self.run_turn();
            if self.ending.get().is_some() {
                return;
            }
        }
    }

    /// Waits until a thread of ours has something to tell, or for a short while.
    pub async fn until_notified(&self) {
        tokio::select! {
            _ = self.executor.notified() => {}
            _ = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
        self.awake.set(false);
    }

    /// Begins to accept from these sockets.
    pub fn listen(&self, bound: super::listen::Bound, engine: &Engine) {
        match bound.accept(&self.rc(), &engine.config) {
            Ok(accepting) => *self.listeners.borrow_mut() = Some(accepting),
            Err(error) => tracing::warn!("Can't accept connections: {error}"),
        }
    }

    /// Accepts from these TCP sockets in place of the present ones.
    pub fn listen_instead(&self, successors: super::listen::Successors, engine: &Engine) {
        if let Some(accepting) = &mut *self.listeners.borrow_mut() {
            accepting.replace_tcp(&self.rc(), successors, &engine.config);
        }
    }

    /// Loads the data in slices, with turns between them for clients to be told so; then opens the log. As in Redis
    /// nobody is answered before some of it is loaded, so that little data is there with the first answer. Why that
    /// failed is in the log.
    pub async fn finish_loading(&self) -> Start {
        const SLICE_NS: u64 = 5_000_000;
        const SILENCE: Duration = Duration::from_millis(250);
        let began = Instant::now();
        loop {
            let slice = Instant::now();
            let ended = self.engine.borrow_mut().load_slice(SLICE_NS);
            let result = match ended {
                Some(Ok(loaded)) => {
                    let mut engine = self.engine.borrow_mut();
                    engine.go_on_with_history();
                    engine.start_log(loaded.folder)
                }
                Some(Err(line)) => Err(line),
                None => {
                    let silent = began.elapsed() < SILENCE && self.engine.borrow().may_load_in_silence();
                    if !silent {
                        self.run_turn();
                    }
                    if self.ending.get().is_some() {
                        tracing::warn!("User requested shutdown...");
                        tracing::warn!("Redis is now ready to exit, bye bye...");
                        return Start::Ended;
                    }
                    if slice.elapsed() >= Duration::from_nanos(SLICE_NS) {
                        // There is more to insert; connections have their share.
                        tokio::task::yield_now().await;
                        self.awake.set(false);
                    } else {
                        self.until_notified().await;
                    }
                    continue;
                }
            };
            if let Err(lines) = result {
                lines.lines().for_each(|line| tracing::warn!("{line}"));
                return Start::Failed;
            }
            return Start::Serving;
        }
    }

    /// Takes a connection over: the engine learns of the client, a task reads it.
    pub fn accept(&self, incoming: Incoming, stream: Stream, endpoints: Endpoints) {
        self.take_over(&mut self.engine.borrow_mut(), incoming, stream, endpoints);
    }

    /// As [`Rim::accept`], for who holds the engine.
    pub fn take_over(&self, engine: &mut Engine, incoming: Incoming, stream: Stream, endpoints: Endpoints) {
        let unix = matches!(stream, Stream::Unix(_));
        if let Incoming::Tls(incoming) = incoming {
            // Whoever is refused before the handshake cannot be told.
            if let Stream::Tls(tls) = &stream
                && !engine.refuse_tls_connection()
            {
                let tls = tls.clone();
                let (index, id) = self.connect(engine, stream, endpoints, false);
                tokio::task::spawn_local(super::tls::serve(self.rc(), index, id, incoming, tls));
            }
            return;
        }
        if let Some(refusal) = engine.refuse_connection(&endpoints, unix) {
            // The peer may be gone already; it is not told then.
            let _ = stream.try_write(refusal.as_bytes());
            return;
        }
        let (index, id) = self.connect(engine, stream, endpoints, unix);
        tokio::task::spawn_local(serve(self.rc(), index, id, incoming));
    }

    /// The engine learns of a client, whose connection is kept under the same index.
    pub(super) fn connect(
        &self,
        engine: &mut Engine,
        stream: Stream,
        endpoints: Endpoints,
        unix: bool,
    ) -> (ClientIndex, ClientId) {
        let index = engine.connect(endpoints, unix);
        let id = engine.clients[index].id;
        let mut conns = self.conns.borrow_mut();
        if conns.len() <= index {
            conns.resize_with(index + 1, || None);
        }
        conns[index] = Some(Box::new(Conn::new(id, stream)));
        (index, id)
    }

    /// A connection's reading task found the end.
    pub fn connection_ended(&self, index: ClientIndex, id: ClientId) {
        let ours = self.conns.borrow().get(index).and_then(Option::as_ref).is_some_and(|conn| conn.id == id);
        if ours {
            // What it sent before it left is still run, unless the process is about to end.
            if !self.turn.borrow().requests.is_empty() && !self.finishing.get() {
                self.run_turn();
            }
            let still = self.conns.borrow().get(index).and_then(Option::as_ref).is_some_and(|conn| conn.id == id);
            if still {
                let mut engine = self.engine.borrow_mut();
                self.drop_connection(&mut engine, index);
                if !engine.asks.is_empty() {
                    self.wake();
                }
            }
        }
    }

    /// Keeps a client's output until the log is durable up to its stamp.
    pub fn hold_output(&self, index: ClientIndex) {
        let mut held = self.held_output.borrow_mut();
        if !held.contains(&index) {
            held.push(index);
        }
    }

    /// Puts clients whose stamp is reached back on the list of those whose output is to be sent.
    pub fn release_output(&self, engine: &mut Engine) {
        if self.held_output.borrow().is_empty() {
            return;
        }
        self.held_output.borrow_mut().retain(|&index| {
            if !engine.clients.contains(index) {
                return false;
            }
            let wait = !engine.may_send(index);
            if !wait {
                engine.mark_dirty(index);
            }
            wait
        });
    }

    /// Starts a task that sends a client's remaining output as the socket takes it.
    pub fn start_writer(&self, index: ClientIndex) {
        let mut conns = self.conns.borrow_mut();
        let Some(conn) = conns.get_mut(index).and_then(Option::as_mut) else { return };
        if conn.writer_active {
            return;
        }
        conn.writer_active = true;
        let (rim, id) = (self.rc(), conn.id);
        tokio::task::spawn_local(async move {
            while poll_fn(|cx| rim.poll_writable(cx, index, id)).await && rim.send_more(index, id) {}
            rim.writer_ended(index, id);
        });
    }

    /// Whether a connection is there whose socket takes bytes again.
    fn poll_writable(&self, cx: &mut Context<'_>, index: ClientIndex, id: ClientId) -> Poll<bool> {
        match self.conns.borrow().get(index).and_then(Option::as_ref).filter(|conn| conn.id == id) {
            Some(conn) => conn.stream.poll_writable(cx).map(|ready| ready.is_ok()),
            None => Poll::Ready(false),
        }
    }

    /// Sends what the socket takes now; whether some is left.
    fn send_more(&self, index: ClientIndex, id: ClientId) -> bool {
        let mut engine = self.engine.borrow_mut();
        let conns = self.conns.borrow();
        let Some(conn) = conns.get(index).and_then(Option::as_ref) else { return false };
        if engine.client_by_id(id) != Some(index) {
            return false;
        }
        // A slice at a time, so that one greedy reader does not hold the loop.
        const SLICE_BYTES: usize = 64 * 1024;
        if engine.clients[index].output_bytes() == 0 {
            return false;
        }
        if !engine.may_send(index) {
            // Replies have been added that must wait for the log; the next turn that may starts a task again.
            self.hold_output(index);
            return false;
        }
        let client = &mut engine.clients[index];
        let output = &client.out.as_slice()[client.sent..];
        match conn.stream.try_write(&output[..output.len().min(SLICE_BYTES)]) {
            Ok(written) => {
                client.sent += written;
                client.net_out += written as u64;
                if client.sent > client.out.len() / 2 && client.sent > SLICE_BYTES {
                    client.out.discard_front(client.sent);
                    client.sent = 0;
                }
                let left = client.output_bytes() > 0;
                engine.stats.net_out += written as u64;
                left || engine.refill(index)
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => true,
            Err(_) => {
                engine.close(index, false);
                false
            }
        }
    }

    fn writer_ended(&self, index: ClientIndex, id: ClientId) {
        let mut engine = self.engine.borrow_mut();
        if engine.client_by_id(id) != Some(index) {
            return;
        }
        if let Some(conn) = self.conns.borrow_mut().get_mut(index).and_then(Option::as_mut) {
            conn.writer_active = false;
        }
        if engine.clients[index].output_bytes() == 0 {
            engine.reclaim_buffer(index);
        }
        if engine.replicas.await_snapshots() {
            // There is room for more of a snapshot.
            self.wake();
        }
        self.close_if_done(&mut engine, index);
    }

    /// Does what only the rim can do.
    pub fn do_asks(&self, engine: &mut Engine) {
        for ask in std::mem::take(&mut engine.asks) {
            match ask {
                Ask::Shutdown { how, client } => {
                    self.ending.set(Some(how));
                    self.ending_for.set(client);
                }
                Ask::ConfigChanged { keys, prepared } => super::follow::config(self, engine, &keys, prepared),
                Ask::Migrate(shipment) => self.rc().migrate(shipment),
                Ask::FollowPrimary(order) => self.rc().follow_primary(order),
                Ask::LeavePrimary => self.leave_primary(),
                Ask::RoleChanged => {
                    super::log::set_replica(engine.following.is_replica());
                    // What is refused is said in the log.
                    let _ = super::standing::adjust_oom_score(&engine.config);
                }
                Ask::GatherPackets(index) => {
                    if let Some(conn) = self.conns.borrow().get(index).and_then(Option::as_ref) {
                        conn.stream.gather_packets();
                    }
                }
                Ask::TrimMemory => self.reclaim.trim(),
                Ask::Crash => std::process::abort(),
                Ask::Fault => crate::structs::process::fault(),
            }
        }
    }

    /// The process goes on after all; who asked for its end is told.
    pub fn shutdown_failed(&self) {
        self.tell_shutdown_failed(&mut self.engine.borrow_mut());
        self.wake();
    }

    /// As [`Rim::shutdown_failed`], for who holds the engine.
    pub fn tell_shutdown_failed(&self, engine: &mut Engine) {
        self.ending.set(None);
        engine.end_farewell();
        if let Some(index) = self.ending_for.take()
            && engine.clients.contains(index)
        {
            engine.lend_buffer(index);
            engine.clients[index].out.error(b"ERR Errors trying to SHUTDOWN. Check logs.");
            engine.mark_dirty(index);
        }
    }

    /// Flushes what can be flushed before the process ends.
    pub fn flush_all(&self) {
        let mut engine = self.engine.borrow_mut();
        let pending: Vec<ClientIndex> =
            engine.clients.iter().filter(|(_, c)| c.output_bytes() > 0).map(|(i, _)| i).collect();
        for index in pending {
            engine.clients[index].flags.remove(ClientFlags::OUTPUT_PENDING);
            self.send(&mut engine, index);
        }
    }
}
