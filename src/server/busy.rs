//! Serving the other clients while a script runs for too long. The loop stands still then, so what the tasks of the
//! runtime do otherwise is done here by hand and without waiting: accept, read, run, send. The gate answers BUSY to all
//! but the few commands that may end the script.
//!
//! Promises: the client whose script runs is left alone; requests of the turn that the script is of come before those
//! read now, so that no client's requests change their order; nothing is borrowed while a request runs.

use super::conn::Stream;
use super::rim::Rim;
use super::turn::Turn;
use crate::engine::{ClientIndex, Engine, Work};
use crate::structs::process;
use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::{Rc, Weak};

thread_local! {
    /// The rim of this thread's loop.
    static RIM: RefCell<Weak<Rim>> = const { RefCell::new(Weak::new()) };
}

/// Makes a rim the one that serves others on this thread.
pub fn install(rim: &Rc<Rim>) {
    RIM.with(|slot| *slot.borrow_mut() = Rc::downgrade(rim));
}

/// Serves the clients other than the script's caller once, without waiting.
pub fn serve_others(engine: &mut Engine) {
    let rim = RIM.with(|slot| slot.borrow().upgrade());
    if let Some(rim) = rim {
        rim.is_serving_others.set(true);
        rim.serve_others(engine);
        rim.is_serving_others.set(false);
    }
}

/// Waits until a client has sent something and appends it; the others are served meanwhile. False: nothing more will
/// come.
pub fn receive(engine: &mut Engine, client: ClientIndex, into: &mut Vec<u8>) -> bool {
    // What others wait for an answer at most.
    const LOOK_EVERY_MS: i32 = 10;
    loop {
        serve_others(engine);
        let rim = RIM.with(|slot| slot.borrow().upgrade());
        let (Some(rim), Some(known)) = (rim, engine.clients.get(client)) else { return false };
        if known.closing() || engine.script_is_killed() {
            return false;
        }
        if !process::await_readable(known.endpoints.fd, LOOK_EVERY_MS) {
            continue;
        }
        let conns = rim.conns.borrow();
        let Some(conn) = conns.get(client).and_then(Option::as_ref) else { return false };
        let before = into.len();
        match conn.stream.receive_now(into) {
            Ok(0) => return false,
            Ok(_) if into.len() > before => return true,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
    }
}

/// Runs something on a thread of its own, with as much stack as the loop has. Errors: the reason why there is none.
pub fn spawn(name: &str, act: Work) -> Result<(), String> {
    const STACK_BYTES: usize = 8 << 20;
    let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    thread.spawn(act).map(drop).map_err(|error| error.to_string())
}

/// How many bytes a read gave, if any. Closes a connection that has ended.
pub fn some_bytes(engine: &mut Engine, index: ClientIndex, read: std::io::Result<usize>) -> Option<usize> {
    let ended = match &read {
        Ok(read) => *read == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    };
    if ended {
        engine.close(index, false);
    }
    read.ok().filter(|_| !ended)
}

impl Rim {
    fn serve_others(&self, engine: &mut Engine) {
        let caller = engine.script_caller();
        if let Ok(turn) = self.turn.try_borrow() {
            self.run_requests(engine, &turn, caller);
        }
        let accepted =
            self.listeners.borrow().as_ref().map(|listeners| listeners.accept_now(&engine.config, &self.tls));
        for (incoming, stream, endpoints) in accepted.unwrap_or_default() {
            self.take_over(engine, incoming, stream, endpoints);
        }
        // Taken out while it is used, so that nothing is borrowed.
        let mut turn = self.busy_turn.take().unwrap_or_default();
        for index in self.readable(engine, caller) {
            self.read_now(engine, &mut turn, index);
        }
        self.run_requests(engine, &turn, caller);
        self.end_requests(engine, &mut turn);
        *self.busy_turn.borrow_mut() = Some(turn);
        self.do_asks(engine);
        self.send_and_close(engine);
        if let Some(how) = self.ending.get() {
            match engine.finish(how) {
                Ok(()) => self.end_process(),
                Err(line) => {
                    tracing::warn!("{line}");
                    self.tell_shutdown_failed(engine);
                }
            }
        }
    }

    /// Clients that have sent something and may go on.
    fn readable(&self, engine: &Engine, caller: Option<ClientIndex>) -> Vec<ClientIndex> {
        let conns = self.conns.borrow();
        let mut indices = Vec::new();
        let mut descriptors = Vec::new();
        for (index, conn) in conns.iter().enumerate() {
            let Some(conn) = conn else { continue };
            let Some(client) = engine.clients.get(index) else { continue };
            if Some(index) == caller
                || engine.is_primary(index)
                || conn.held
                || client.blocked.is_some()
                || client.closing()
            {
                continue;
            }
            indices.push(index);
            descriptors.push(client.endpoints.fd);
        }
        let readable = process::poll_readable(&descriptors);
        indices.into_iter().zip(readable).filter(|(_, readable)| *readable).map(|(index, _)| index).collect()
    }

    /// Reads once. A connection that has ended is closed: a script may wait for a replica to go.
    fn read_now(&self, engine: &mut Engine, turn: &mut Turn, index: ClientIndex) {
        let mut conns = self.conns.borrow_mut();
        let Some(conn) = conns.get_mut(index).and_then(Option::as_mut) else { return };
        if let Stream::Tls(tls) = &conn.stream {
            let tls = tls.clone();
            return self.read_tls_now(engine, turn, index, conn, &tls);
        }
        let read = conn.stream.receive_now(&mut conn.query);
        let Some(read) = some_bytes(engine, index, read) else { return };
        self.parse_query(engine, turn, index, conn);
        if conn.query.len() > engine.options.query_buffer_limit {
            engine.query_buffer_exceeded(index, &conn.query);
        }
        engine.received(index, read);
        engine.clients[index].query = conn.sizes();
    }

    /// The process ends in the middle of the script.
    fn end_process(&self) -> ! {
        if let Some(listeners) = self.listeners.borrow_mut().take() {
            listeners.close();
        }
        tracing::warn!("Redis is now ready to exit, bye bye...");
        std::process::exit(0);
    }
}
