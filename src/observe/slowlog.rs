//! The slow log: the last commands that took longer than a threshold.

use std::collections::VecDeque;

/// Most arguments kept of a command.
const MAX_ARGS: usize = 32;
/// Most bytes kept of an argument.
const MAX_ARG_BYTES: usize = 128;

/// One slow command.
#[derive(Debug, Clone)]
pub struct SlowEntry {
    /// Ever-growing number.
    pub id: u64,
    /// Unix time in seconds.
    pub at_seconds: i64,
    /// Microseconds it took.
    pub took_us: u64,
    /// Its arguments, trimmed.
    pub args: Vec<Vec<u8>>,
    /// The client's address.
    pub peer: String,
    /// The client's name.
    pub client_name: Vec<u8>,
}

/// The ring of slow commands.
#[derive(Debug)]
pub struct SlowLog {
    /// `slowlog-log-slower-than` in microseconds; negative: off.
    pub threshold_us: i64,
    /// `slowlog-max-len`.
    pub max_len: usize,
    entries: VecDeque<SlowEntry>,
    next_id: u64,
}

impl Default for SlowLog {
    fn default() -> SlowLog {
        SlowLog { threshold_us: 10_000, max_len: 128, entries: VecDeque::new(), next_id: 0 }
    }
}

impl SlowLog {
    /// Whether a command that took this long belongs in the log.
    #[inline]
    pub fn is_slow(&self, took_us: u64) -> bool {
        self.threshold_us >= 0 && took_us >= self.threshold_us as u64
    }

    /// Adds a command, with long arguments trimmed as Redis trims them.
    pub fn push<'a>(
        &mut self,
        at_seconds: i64,
        took_us: u64,
        args: impl ExactSizeIterator<Item = &'a [u8]>,
        peer: &str,
        client_name: &[u8],
    ) {
        let argc = args.len();
        let mut kept = Vec::with_capacity(argc.min(MAX_ARGS));
        for (at, arg) in args.take(MAX_ARGS).enumerate() {
            if argc > MAX_ARGS && at == MAX_ARGS - 1 {
                kept.push(format!("... ({} more arguments)", argc - MAX_ARGS + 1).into_bytes());
            } else if arg.len() > MAX_ARG_BYTES {
                let mut short = arg[..MAX_ARG_BYTES].to_vec();
                short.extend_from_slice(format!("... ({} more bytes)", arg.len() - MAX_ARG_BYTES).as_bytes());
                kept.push(short);
            } else {
                kept.push(arg.to_vec());
            }
        }
        self.entries.push_front(SlowEntry {
            id: self.next_id,
            at_seconds,
            took_us,
            args: kept,
            peer: peer.to_owned(),
            client_name: client_name.to_vec(),
        });
        self.next_id += 1;
        self.entries.truncate(self.max_len);
    }

    /// The entries, newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &SlowEntry> {
        self.entries.iter()
    }

    /// Drops what a lowered `max_len` no longer allows.
    pub fn trim(&mut self) {
        self.entries.truncate(self.max_len);
    }

    /// Forgets all entries; numbers go on.
    pub fn reset(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_are_trimmed_and_say_so() {
        let mut log = SlowLog::default();
        let long = vec![b'x'; 200];
        let args: Vec<&[u8]> = std::iter::repeat_n(long.as_slice(), 40).collect();
        log.push(1, 20_000, args.into_iter(), "127.0.0.1:1", b"");
        let entry = log.iter().next().unwrap();
        assert_eq!(entry.args.len(), 32);
        assert!(entry.args[0].ends_with(b"... (72 more bytes)"));
        assert_eq!(entry.args[31], b"... (9 more arguments)");
    }

    #[test]
    fn the_ring_keeps_the_newest() {
        let mut log = SlowLog { max_len: 2, ..SlowLog::default() };
        for i in 0..5 {
            log.push(i, 1, [b"a".as_slice()].into_iter(), "", b"");
        }
        assert_eq!(log.iter().map(|entry| entry.id).collect::<Vec<_>>(), [4, 3]);
    }
}
