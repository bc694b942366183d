//! Newtypes for the numbers that must not be mistaken for one another.
//!
//! Each is a plain copyable integer with a public field; arithmetic is offered only where it has a meaning. Moments are
//! `UnixMs`; a span of time is a plain `i64` whose name ends in `_ms`.

use std::fmt;

macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

newtype!(
    /// The number of a database, as in SELECT.
    DbIndex(u32)
);
newtype!(
    /// The number of a client connection, as in CLIENT ID; never reused while the server runs.
    ClientId(u64)
);
newtype!(
    /// The number of a user of the access control lists; used again once the user is gone.
    UserId(u32)
);
newtype!(
    /// A hash slot of the cluster, below `Slot::COUNT`.
    Slot(u16)
);
newtype!(
    /// A position in the replication stream, in bytes since its beginning.
    ReplOffset(u64)
);
newtype!(
    /// A moment: milliseconds since the Unix epoch, negative before it.
    UnixMs(i64)
);

impl DbIndex {
    /// The number as an index into a list of databases.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl UserId {
    /// The user that connections have before they log in.
    pub const DEFAULT: Self = Self(0);
}

impl Slot {
    /// How many slots there are.
    pub const COUNT: u16 = 16384;

    /// The number as an index into a table of slots.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl ReplOffset {
    /// The offset `bytes` further on, held at the largest offset there is.
    #[must_use]
    pub const fn saturating_add(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// How many bytes this offset is ahead of `earlier`; zero when it is not.
    pub const fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl UnixMs {
    /// The moment `secs` seconds after the epoch, held at the ends of the range.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, rounded towards the past.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `span_ms` later (earlier when negative), held at the ends of the range.
    #[must_use]
    pub const fn saturating_add(self, span_ms: i64) -> Self {
        Self(self.0.saturating_add(span_ms))
    }

    /// The moment `span_ms` later, or `None` where the range ends.
    pub const fn checked_add(self, span_ms: i64) -> Option<Self> {
        match self.0.checked_add(span_ms) {
            Some(ms) => Some(Self(ms)),
            None => None,
        }
    }

    /// Milliseconds from `earlier` to this moment, negative when it is the later one.
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_round_towards_the_past_and_never_overflow() {
        assert_eq!(UnixMs(-1).as_secs(), -1);
        assert_eq!(UnixMs(1999).as_secs(), 1);
        assert_eq!(UnixMs(i64::MAX).saturating_add(1), UnixMs(i64::MAX));
        assert_eq!(UnixMs(i64::MIN).saturating_add(-1), UnixMs(i64::MIN));
        assert_eq!(UnixMs(i64::MAX).checked_add(1), None);
        assert_eq!(UnixMs::from_secs(i64::MAX), UnixMs(i64::MAX));
        assert_eq!(UnixMs(i64::MIN).ms_since(UnixMs(1)), i64::MIN);
    }

    #[test]
    fn offsets_measure_distance_without_wrapping() {
        assert_eq!(ReplOffset(10).bytes_since(ReplOffset(4)), 6);
        assert_eq!(ReplOffset(4).bytes_since(ReplOffset(10)), 0);
        assert_eq!(ReplOffset(u64::MAX).saturating_add(9), ReplOffset(u64::MAX));
    }

    #[test]
    fn ids_print_as_their_numbers() {
        assert_eq!(format!("{} {} {:>3}", DbIndex(3), Slot(16383), ClientId(7)), "3 16383   7");
    }
}
