//! A bench for handlers: a keyspace without an engine, commands run by name with the arity check of the catalogue, and
//! what they answered, logged and asked to have repeated.

use crate::command::{Args, CommandError, DataCx, DataHandler, Effects, Outcome, OwnedArgs, Propagate, catalog};
use crate::keyspace::{Change, DbIndex, Keyspace, UnixMs};
use crate::object::Limits;
use crate::resp::reply::{Protocol, Reply};

/// A keyspace with everything a handler needs.
pub struct Bench {
    /// The keyspace.
    pub keyspace: Keyspace,
    /// The limits handlers see.
    pub limits: Limits,
    /// The selected database.
    pub db: DbIndex,
    /// The protocol of replies.
    pub protocol: Protocol,
    /// Whether the caller may read any key.
    pub reads_all_keys: bool,
    /// Whether requests come from a log.
    pub replayed: bool,
    /// Whether requests come from a script.
    pub in_script: bool,
    effects: Effects,
    rng: fastrand::Rng,
    started: u64,
}

impl Default for Bench {
    fn default() -> Bench {
        Bench::new()
    }
}

impl Bench {
    /// Sixteen empty databases at a fixed moment.
    pub fn new() -> Bench {
        let mut keyspace = Keyspace::new(16);
        keyspace.log.keep = true;
        let mut bench = Bench {
            keyspace,
            limits: Limits::default(),
            db: DbIndex(0),
            protocol: Protocol::Resp2,
            reads_all_keys: true,
            replayed: false,
            in_script: false,
            effects: Effects { wanted: true, ..Effects::default() },
            rng: fastrand::Rng::with_seed(1),
            started: 0,
        };
        bench.set_now(1_700_000_000_000);
        bench
    }

    fn set_now(&mut self, ms: i64) {
        self.keyspace.now = UnixMs(ms);
        self.keyspace.access.set_now(UnixMs(ms));
    }

    /// The moment, in Unix milliseconds.
    pub fn now(&self) -> i64 {
        self.keyspace.now.0
    }

    /// Lets milliseconds pass.
    pub fn wait(&mut self, ms: i64) {
        self.set_now(self.now() + ms);
    }

    /// Runs a command given as words between single spaces; the reply as text.
    pub fn run(&mut self, line: &str) -> String {
        let parts: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        String::from_utf8_lossy(&self.run_args(&parts)).into_owned()
    }

    /// Runs a command given as arguments; the reply's bytes.
    pub fn run_args(&mut self, parts: &[&[u8]]) -> Vec<u8> {
        self.run_ready(parts, None).expect("the command has to wait")
    }

    /// Runs a command, again for a key that became ready if one is given; `None` when it waits.
    pub fn run_ready(&mut self, parts: &[&[u8]], ready_key: Option<&[u8]>) -> Option<Vec<u8>> {
        let owned = OwnedArgs::of(parts);
        let args = owned.as_args();
        let mut reply = Reply::new(self.protocol);
        let (name, handler) = resolve(args);
        self.effects.clear();
        self.started = self.keyspace.log.dirty;
        let arity = catalog::find(&name).expect("every bound command is described").arity;
        let fits = if arity >= 0 { args.len() == arity as usize } else { args.len() >= arity.unsigned_abs() as usize };
        if !fits {
            reply.error(CommandError::arity(&name).text());
            return Some(reply.take());
        }
        let now = self.keyspace.now;
        let mark = reply.mark();
        let mut cx = DataCx {
            args,
            db: self.keyspace.db(self.db),
            reply: &mut reply,
            effects: &mut self.effects,
            limits: &self.limits,
            now,
            rng: &mut self.rng,
            ready_key,
            reads_all_keys: self.reads_all_keys,
            replayed: self.replayed,
            in_script: self.in_script,
        };
        match handler(&mut cx) {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Wait(_)) => return None,
            Err(error) => {
                assert_eq!(self.keyspace.log.dirty, self.started, "a failed command changed something: {args:?}");
                reply.rollback(mark);
                reply.error(error.text());
            }
        }
        Some(reply.take())
    }

    /// An error as it is replied.
    pub fn error(&self, error: &CommandError) -> String {
        format!("-{}\r\n", String::from_utf8_lossy(error.text()))
    }

    /// The changes logged since the last call, as `event key`.
    pub fn events(&mut self) -> Vec<String> {
        let name = |change| match change {
            Change::Key { key, event, .. } => format!("{} {}", event.name, String::from_utf8_lossy(&key)),
            Change::Flushed(_) => "flushed".to_owned(),
            Change::Swapped(..) => "swapped".to_owned(),
        };
        self.keyspace.log.take().into_iter().map(name).collect()
    }

    /// How many changes the last command counted.
    pub fn dirty(&self) -> u64 {
        self.keyspace.log.dirty - self.started
    }

    /// The requests the last command is to be repeated as, words joined by spaces; empty when as it was received.
    pub fn propagated(&self) -> Vec<String> {
        let text = |request: &OwnedArgs| {
            let words: Vec<_> = request.as_args().iter().map(String::from_utf8_lossy).collect();
            words.join(" ")
        };
        match &self.effects.propagate {
            Propagate::Instead(requests) => requests.iter().map(text).collect(),
            _ => Vec::new(),
        }
    }
}

fn resolve(args: Args<'_>) -> (String, DataHandler) {
    let word = |at: usize| String::from_utf8_lossy(args.get(at).unwrap_or_default()).to_ascii_lowercase();
    let names = [word(0), format!("{}|{}", word(0), word(1))];
    let mut all = super::ALL.iter().flat_map(|commands| commands.iter());
    let bound = all.find(|command| names.iter().any(|name| name == command.name));
    let bound = bound.unwrap_or_else(|| panic!("no family has {:?}", names[0]));
    (bound.name.to_owned(), bound.handler)
}
