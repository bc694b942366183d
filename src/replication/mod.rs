//! The primary's side of replication, as plain state: the history that is followed, who the replicas are, what they said of
//! themselves, and how far they have come. Does not know sockets nor the append-only file; the engine moves the bytes.
//!
//! Start at `history.rs`; `replicas.rs` stands beside it.

pub mod history;
pub mod link;
pub mod replicas;

pub use replicas::{Delivery, Replica, Replicas, Stage};

/// What a client says of itself before it asks for a snapshot (REPLCONF).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announced {
    /// The port it listens on, if any.
    pub port: u16,
    /// Its address, where that differs from its connection's.
    pub address: Option<String>,
    /// It understands a snapshot whose length is not told beforehand (`capa eof`).
    pub eof: bool,
    /// It understands that a history goes on under another name (`capa psync2`).
    pub renames: bool,
    /// It wants the snapshot and nothing behind it (`rdb-only`).
    pub only_snapshot: bool,
    /// It wants function libraries only, or nothing at all (`rdb-filter-only`).
    pub filter: Option<Filter>,
}

impl Announced {
    /// Whether one snapshot does for both.
    pub fn shares_snapshot(&self, other: &Announced) -> bool {
        self.eof == other.eof && self.filter == other.filter
    }
}

/// What is left in a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Function libraries.
    pub functions: bool,
}

impl Filter {
    /// Reads the words of `rdb-filter-only`. Errors: the word that is not known.
    pub fn parse(words: &[u8]) -> Result<Filter, Vec<u8>> {
        let mut filter = Filter::default();
        for word in words.split(|byte| *byte == b' ').filter(|word| !word.is_empty()) {
            match word.eq_ignore_ascii_case(b"functions") {
                true => filter.functions = true,
                false => return Err(word.to_vec()),
            }
        }
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_words() {
        assert_eq!(Filter::parse(b""), Ok(Filter { functions: false }));
        assert_eq!(Filter::parse(b" functions  FUNCTIONS"), Ok(Filter { functions: true }));
        assert_eq!(Filter::parse(b"functions keys"), Err(b"keys".to_vec()));
    }
}
