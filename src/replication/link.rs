//! The link of a replica to its primary, as plain state: how far it has come, and what the primary's answers mean. Knows
//! no sockets; `server/primary_link.rs` moves the bytes, and the engine draws the consequences.
//!
//! Promise: nothing that a primary says is taken for a length of memory.

use super::history::{ID_LEN, ReplicationId};

/// How far the link has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkState {
    /// It is to be tried again.
    #[default]
    Connect,
    /// The connection is being made.
    Connecting,
    /// Both sides introduce themselves.
    Handshake,
    /// The snapshot comes.
    Transfer,
    /// The stream of changes comes.
    Connected,
}

impl LinkState {
    /// As ROLE names it.
    pub fn name(self) -> &'static str {
        match self {
            LinkState::Connect => "connect",
            LinkState::Connecting => "connecting",
            LinkState::Handshake => "handshake",
            LinkState::Transfer => "sync",
            LinkState::Connected => "connected",
        }
    }
}

/// What a primary answers to PSYNC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A snapshot follows, of this history at this offset; `None` when that cannot be read.
    Full(Option<(ReplicationId, u64)>),
    /// The stream goes on where the replica is, under this name if it is told.
    Continue(Option<ReplicationId>),
    /// It may work later.
    Later,
    /// It does not know PSYNC, or what it says is not understood.
    Unsupported,
}

impl Answer {
    /// Reads the line, without its end.
    pub fn parse(line: &[u8]) -> Answer {
        if let Some(rest) = line.strip_prefix(b"+FULLRESYNC") {
            let mut words = rest.split(|byte| *byte == b' ').skip(1);
            let id = words.next().and_then(ReplicationId::parse);
            let offset = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse::<u64>().ok());
            return Answer::Full(id.zip(offset.filter(|offset| i64::try_from(*offset).is_ok())));
        }
        if let Some(rest) = line.strip_prefix(b"+CONTINUE") {
            return Answer::Continue(rest.strip_prefix(b" ").and_then(ReplicationId::parse));
        }
        if line.starts_with(b"-NOMASTERLINK") || line.starts_with(b"-LOADING") {
            return Answer::Later;
        }
        Answer::Unsupported
    }
}

/// How the end of a snapshot is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// By its length, said beforehand.
    Bytes(u64),
    /// By these bytes behind it.
    Mark([u8; ID_LEN]),
}

/// What a primary says before the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heading {
    /// Nothing but that it is there.
    Alive,
    /// The snapshot follows.
    Snapshot(Extent),
    /// It has refused: the reason.
    Refused(String),
    /// No such line can stand here: its begin.
    Unknown(String),
}

impl Heading {
    /// Reads the line, without its end.
    pub fn parse(line: &[u8]) -> Heading {
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(256)]).into_owned();
        match line.split_first() {
            None => Heading::Alive,
            Some((b'-', reason)) => Heading::Refused(text(reason)),
            Some((b'$', rest)) => {
                if let Some(mark) = rest.strip_prefix(b"EOF:").and_then(|mark| mark.first_chunk::<ID_LEN>()) {
                    return Heading::Snapshot(Extent::Mark(*mark));
                }
                let bytes = std::str::from_utf8(rest).ok().and_then(|digits| digits.parse::<u64>().ok());
                match bytes.filter(|bytes| i64::try_from(*bytes).is_ok()) {
                    Some(bytes) => Heading::Snapshot(Extent::Bytes(bytes)),
                    None => Heading::Unknown(text(line)),
                }
            }
            Some(_) => Heading::Unknown(text(line)),
        }
    }
}

/// Finds the end of a snapshot in the bytes that come.
///
/// A primary that tells it by a mark sends nothing behind the mark before it is answered, so the mark is at the end of
/// what has come, or not there yet. The last bytes are kept back as long as they might be its begin.
#[derive(Debug)]
pub struct EndFinder {
    extent: Extent,
    passed: u64,
    kept: Vec<u8>,
}

impl EndFinder {
    /// Nothing has come yet.
    pub fn new(extent: Extent) -> EndFinder {
        EndFinder { extent, passed: 0, kept: Vec::new() }
    }

    /// Takes what has come, and leaves in `bytes` what of it and of what was kept back belongs to the snapshot. `Some` at
    /// its end: what came behind it, which only a primary sends that has told the length.
    pub fn pass(&mut self, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
        match self.extent {
            Extent::Bytes(length) => {
                let left = length - self.passed;
                let ours = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.passed += ours as u64;
                let behind = bytes.split_off(ours);
                (self.passed == length).then_some(behind)
            }
            Extent::Mark(mark) => {
                if !self.kept.is_empty() {
                    bytes.splice(..0, self.kept.drain(..));
                }
                if bytes.ends_with(&mark) {
                    bytes.truncate(bytes.len() - mark.len());
                    self.passed += bytes.len() as u64;
                    return Some(Vec::new());
                }
                let sure = bytes.len().saturating_sub(mark.len() - 1);
                self.kept.extend(bytes.drain(sure..));
                self.passed += bytes.len() as u64;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn answers_to_psync_are_told_apart() {
        let id = ReplicationId::parse(ID.as_bytes());
        let parse = |line: &str| Answer::parse(line.as_bytes());
        assert_eq!(parse(&format!("+FULLRESYNC {ID} 17")), Answer::Full(id.map(|id| (id, 17))));
        for wrong in ["", " ", " abc 17", &format!(" {ID}"), &format!(" {ID} x"), &format!(" {ID} -1")] {
            assert_eq!(parse(&format!("+FULLRESYNC{wrong}")), Answer::Full(None), "{wrong:?}");
        }
        assert_eq!(parse(&format!("+FULLRESYNC {ID} 18446744073709551615")), Answer::Full(None));
        assert_eq!(parse("+CONTINUE"), Answer::Continue(None));
        assert_eq!(parse("+CONTINUE short"), Answer::Continue(None));
        assert_eq!(parse(&format!("+CONTINUE {ID}")), Answer::Continue(id));
        assert_eq!(parse("-NOMASTERLINK Can't SYNC"), Answer::Later);
        assert_eq!(parse("-LOADING Redis is loading"), Answer::Later);
        assert_eq!(parse("-ERR unknown command"), Answer::Unsupported);
        assert_eq!(parse("+OK"), Answer::Unsupported);
    }

    #[test]
    fn headings_of_snapshots_are_told_apart() {
        assert_eq!(Heading::parse(b""), Heading::Alive);
        assert_eq!(Heading::parse(b"$12"), Heading::Snapshot(Extent::Bytes(12)));
        let mark = *ID.as_bytes().first_chunk().unwrap();
        assert_eq!(Heading::parse(format!("$EOF:{ID}").as_bytes()), Heading::Snapshot(Extent::Mark(mark)));
        assert_eq!(Heading::parse(b"-ERR no"), Heading::Refused("ERR no".into()));
        for wrong in ["$EOF:short", "$-1", "$x", "$18446744073709551615", "*1", "+OK"] {
            assert_eq!(Heading::parse(wrong.as_bytes()), Heading::Unknown(wrong.into()));
        }
    }

    #[test]
    fn the_end_is_found_however_the_bytes_come() {
        let mark = *ID.as_bytes().first_chunk().unwrap();
        // The begin of the mark stands in the snapshot too.
        let snapshot = [&b"abc"[..], &mark[..39], b"x", &mark[..10]].concat();
        for size in 1..120 {
            let stream = [&snapshot[..], &mark].concat();
            let mut finder = EndFinder::new(Extent::Mark(mark));
            let (mut found, mut end) = (Vec::new(), None);
            for chunk in stream.chunks(size) {
                assert_eq!(end, None);
                let mut bytes = chunk.to_vec();
                end = finder.pass(&mut bytes);
                found.extend(bytes);
                assert!(finder.kept.len() < ID_LEN);
            }
            assert_eq!((found, end), (snapshot.clone(), Some(Vec::new())), "chunks of {size}");
        }
    }

    #[test]
    fn what_follows_a_counted_snapshot_is_given_back() {
        let mut finder = EndFinder::new(Extent::Bytes(5));
        let mut bytes = b"abc".to_vec();
        assert_eq!((finder.pass(&mut bytes), &bytes[..]), (None, &b"abc"[..]));
        let mut bytes = b"de*1".to_vec();
        assert_eq!((finder.pass(&mut bytes), &bytes[..]), (Some(b"*1".to_vec()), &b"de"[..]));
        let mut nothing = Vec::new();
        assert_eq!(EndFinder::new(Extent::Bytes(0)).pass(&mut nothing), Some(Vec::new()));
        let mut bytes = b"abc".to_vec();
        assert_eq!(EndFinder::new(Extent::Bytes(u64::MAX)).pass(&mut bytes), None);
    }
}
