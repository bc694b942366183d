//! Keys on their way to another server (MIGRATE).
//!
//! The loop does not wait for a network: the rim sends clones of the values (counted handles, taken in constant time)
//! from a thread, while the client is held. What is deleted is what was sent: a key is deleted only if its record is
//! still the very one that was cloned, since every change of a record that somebody else holds makes another one.
//! So that a change does not simply win against a migration, commands that may change a key under way are held until
//! its migration has ended, and run then. Reads go on: a key is here until the other side has confirmed it. What
//! changes a key without naming it (a FLUSHALL, its deadline, eviction) is not held; such a key is not deleted again.

use super::table::CommandId;
use super::{Ask, ClientIndex, Engine};
use crate::base::ids::{ClientId, DbIndex, UnixMs};
use crate::client::{Client, ClientFlags, Endpoints};
use crate::command::meta::Flag;
use crate::command::{Args, CommandError, OwnedArgs};
use crate::object::Object;
use std::collections::HashMap;
use std::time::Duration;

/// Who is to receive keys, and how.
#[derive(Clone)]
pub struct Target {
    /// Its name or address, as given.
    pub host: String,
    /// Its port, as given.
    pub port: String,
    /// The database there.
    pub db: i64,
    /// How long one step may take.
    pub timeout: Duration,
    /// The user, when one is named, and the password.
    pub auth: Option<(Option<Vec<u8>>, Vec<u8>)>,
    /// Whether keys of the same names are overwritten there.
    pub replace: bool,
}

/// What the rim is asked to send.
pub struct Shipment {
    /// To be given back with the outcome.
    pub id: u64,
    /// Where to.
    pub target: Target,
    /// The records, each with its key and deadline.
    pub records: Vec<Object>,
}

impl std::fmt::Debug for Shipment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shipment").field("id", &self.id).field("records", &self.records.len()).finish_non_exhaustive()
    }
}

/// How a shipment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// All that were sent are there.
    Done,
    /// The other side answered an error.
    Refused(Vec<u8>),
    /// It cannot be connected to.
    Unreachable,
    /// The connection broke or took too long.
    Broken {
        /// Whether while requests were written, as against answers being read.
        writing: bool,
    },
}

struct Running {
    client: ClientId,
    db: DbIndex,
    /// None of them is deleted (COPY).
    copy: bool,
    records: Vec<Object>,
}

/// Migrations that are under way.
#[derive(Default)]
pub struct Migrations {
    running: HashMap<u64, Running>,
    /// Keys that are to be deleted here.
    keys: HashMap<(DbIndex, Box<[u8]>), u64>,
    next_id: u64,
    /// Clients whose command waits for one of them, in order of arrival.
    pub waiting: Vec<ClientIndex>,
    /// Connections to other servers that are kept for the next time.
    pub cached_sockets: usize,
}

impl Migrations {
    /// Whether commands have to be looked at before they run.
    #[inline]
    pub fn hold_keys(&self) -> bool {
        !self.keys.is_empty()
    }
}

impl Engine {
    /// Asks the rim to send keys of the client's database. The client is to be held.
    pub(crate) fn begin_migration(&mut self, index: ClientIndex, target: Target, records: Vec<Object>, copy: bool) {
        self.migrations.next_id += 1;
        let id = self.migrations.next_id;
        let client = &self.clients[index];
        let (db, client) = (client.db, client.id);
        if !copy {
            self.migrations.keys.extend(records.iter().map(|record| ((db, record.key().into()), id)));
        }
        self.asks.push(Ask::Migrate(Box::new(Shipment { id, target, records: records.clone() })));
        self.migrations.running.insert(id, Running { client, db, copy, records });
    }

    /// A shipment has ended; the records at these positions are there. To be called after the rim's own handles of the
    /// records are gone.
    pub fn migration_ended(&mut self, id: u64, delivery: &Delivery, delivered: &[usize]) {
        let Some(running) = self.migrations.running.remove(&id) else { return };
        self.migrations.keys.retain(|_, owner| *owner != id);
        let logged = if running.copy { 0 } else { self.delete_migrated(running.db, running.records, delivered) };
        let replicated = if running.copy { 0 } else { self.history_offset() };
        if let Some(index) = self.client_by_id(running.client) {
            let client = &mut self.clients[index];
            client.logged = client.logged.max(logged);
            client.replicated = client.replicated.max(replicated);
            let error = match delivery {
                Delivery::Done => None,
                Delivery::Refused(line) => {
                    Some([b"ERR Target instance replied with error: ", line.as_slice()].concat())
                }
                Delivery::Unreachable => Some(b"IOERR error or timeout connecting to the client".to_vec()),
                Delivery::Broken { writing: true } => {
                    Some(b"IOERR error or timeout writing to target instance".to_vec())
                }
                Delivery::Broken { .. } => Some(b"IOERR error or timeout reading to target instance".to_vec()),
            };
            if let Some(text) = &error {
                let command = self.clients[index].last_command;
                self.table.get_mut(command).stats.failed += 1;
                self.count_error(&CommandError::from_bytes(text.clone()));
            }
            self.answer(index, |reply| match &error {
                None => reply.ok(),
                Some(text) => reply.error(text),
            });
        }
        for index in std::mem::take(&mut self.migrations.waiting) {
            self.execute_held(index);
        }
    }

    /// Deletes what is as it was sent, as one DEL. Returns the log's offset behind it.
    fn delete_migrated(&mut self, db: DbIndex, records: Vec<Object>, delivered: &[usize]) -> u64 {
        let mut request: Vec<Box<[u8]>> = vec![b"DEL"[..].into()];
        for record in delivered.iter().filter_map(|&at| records.get(at)) {
            let now = self.keyspace.db(db).peek(record.key()).map(|object| object.address());
            if now == Some(record.address()) {
                request.push(record.key().into());
            }
        }
        // The last handle of a large value is the one that DEL hands to the reclaim thread.
        drop(records);
        let Some(del) = self.table.find_top(b"del").filter(|_| request.len() > 1) else { return 0 };
        let mut client = Client::new(ClientId(u64::MAX), Endpoints::default(), self.now);
        client.db = db;
        client.flags = ClientFlags::AUTHENTICATED | ClientFlags::DENY_BLOCKING;
        let index = self.clients.insert(Box::new(client));
        let request = OwnedArgs::from_parts(request.iter().map(|part| &**part));
        self.run(index, del, request.as_args(), None);
        if !self.keyspace.log.is_empty() {
            self.settle(index);
        }
        self.disconnect_own(index)
    }

    /// Takes a client of the engine's own away again. Returns where the log is behind what it did.
    fn disconnect_own(&mut self, index: ClientIndex) -> u64 {
        let logged = self.clients[index].logged;
        self.disconnect(index);
        logged
    }

    /// Whether a command may change a key that is on its way elsewhere; EXEC does when a queued command does.
    #[cold]
    pub(super) fn touches_migrating(&self, index: ClientIndex, id: CommandId, args: Args<'_>) -> bool {
        let client = &self.clients[index];
        let names_one = |id: CommandId, args: Args<'_>| {
            !self.table.get(id).has(Flag::Readonly)
                && self
                    .key_positions(id, args)
                    .into_iter()
                    .any(|at| self.migrations.keys.contains_key(&(client.db, args.at(at).into())))
        };
        let queued = || {
            let transaction = client.transaction.as_ref();
            transaction.is_some_and(|t| t.queue.iter().any(|(id, args)| names_one(*id, args.as_args())))
        };
        if self.table.get(id).name == "exec" { queued() } else { names_one(id, args) }
    }

    /// The records of those of these keys that exist.
    pub(crate) fn records_of(&mut self, db: DbIndex, keys: Args<'_>) -> Vec<Object> {
        let mut db = self.keyspace.db(db);
        let mut records: Vec<Object> = Vec::new();
        for key in keys.iter() {
            if let Some(object) = db.read(key) {
                records.push(object.clone());
            }
        }
        records
    }
}

/// A deadline as RESTORE takes it: milliseconds from now, 0 for none. `None`: it has passed.
pub fn restore_ttl_ms(record: &Object, now: UnixMs) -> Option<i64> {
    match record.deadline() {
        None => Some(0),
        Some(at) if (at as i64) < now.0 => None,
        Some(at) => Some((at as i64 - now.0).max(1)),
    }
}
