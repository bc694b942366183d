//! One end of a connection: kept small, since every client has two, and written out only when somebody asks.

use core::net::{SocketAddr, SocketAddrV4};
use std::fmt;

/// An address as CLIENT LIST prints it. An IPv4 one has no allocation.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Address {
    /// There is none: the client is the server's own, or the socket is gone already.
    #[default]
    None,
    /// IPv4 address and port.
    V4(SocketAddrV4),
    /// Any other, as it is printed. In two boxes, so that it takes a single word here.
    Text(Box<Box<str>>),
}

impl Address {
    /// An address that is printed as `text`.
    pub fn text(text: &str) -> Address {
        Address::Text(Box::new(text.into()))
    }

    /// Whether it is printed as `text`.
    pub fn is(&self, text: &[u8]) -> bool {
        self.to_string().as_bytes() == text
    }
}

impl From<SocketAddr> for Address {
    /// An IPv4 address is taken as such, also when it came through an IPv6 socket.
    fn from(address: SocketAddr) -> Address {
        match SocketAddr::new(address.ip().to_canonical(), address.port()) {
            SocketAddr::V4(address) => Address::V4(address),
            SocketAddr::V6(address) => Address::text(&address.to_string()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::None => Ok(()),
            Address::V4(address) => address.fmt(f),
            Address::Text(text) => text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_printed_as_they_are_known() {
        let printed = |address: &str| Address::from(address.parse::<SocketAddr>().unwrap()).to_string();
        for address in ["127.0.0.1:6379", "10.1.2.3:1", "[::1]:65535", "[fe80::1]:7"] {
            assert_eq!(printed(address), address);
        }
        assert_eq!(printed("[::ffff:10.0.0.1]:5"), "10.0.0.1:5");
        assert_eq!(Address::text("/run/socket:0").to_string(), "/run/socket:0");
        assert_eq!(Address::default().to_string(), "");
        assert!(Address::text("a").is(b"a") && !Address::text("a").is(b"b"));
        assert_eq!(size_of::<Address>(), 16);
    }
}
