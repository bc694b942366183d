//! Directives: network. How clients reach the server: addresses, ports, sockets and how long a silent connection may
//! live.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{INT_MAX, ListKind, Section, UINT_MAX, int, list, nullable, octal, yes_no};

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Network",
    intro: "How clients reach the server: addresses, ports, sockets and how long a silent connection may live.",
    rows: &[
        int(Key::Port, "port", 0, 65_535, "6379").works("TCP port for clients; 0 turns the TCP listener off."),
        list(Key::Bind, "bind", ListKind::Bind, "* -::*").works(
            "Addresses to listen on, separated by spaces; a leading '-' means that the address may \
                 be missing. Empty: no TCP listener.",
        ),
        nullable(Key::BindSourceAddr, "bind-source-addr").works("Address that connections to a primary start from."),
        yes_no(Key::ProtectedMode, "protected-mode", "yes")
            .works("Refuses clients from other hosts while the default user has no password."),
        int(Key::TcpBacklog, "tcp-backlog", 0, INT_MAX, "511").immutable().works(
            "Length of the queue of connections the kernel has accepted and the server has not; the \
                 kernel caps it.",
        ),
        nullable(Key::Unixsocket, "unixsocket")
            .immutable()
            .works("Path of a Unix socket to listen on; none when not set."),
        octal(Key::Unixsocketperm, "unixsocketperm", 0, 0o777, "0")
            .immutable()
            .works("Permission bits of the Unix socket, in octal; 0 leaves them to the umask."),
        int(Key::Timeout, "timeout", 0, INT_MAX, "0")
            .works("Seconds after which an idle client is disconnected; 0 never does."),
        int(Key::TcpKeepalive, "tcp-keepalive", 0, INT_MAX, "300")
            .works("Seconds between TCP keep-alive probes; 0 sends none."),
        int(Key::SocketMarkId, "socket-mark-id", 0, UINT_MAX, "0")
            .immutable()
            .not_yet("Mark put on listening sockets for packet filters, where the system has such marks."),
        int(Key::IoThreads, "io-threads", 1, 128, "1")
            .immutable()
            .no_meaning("Number of threads that read and write sockets; one loop does all of it here."),
        yes_no(Key::IoThreadsDoReads, "io-threads-do-reads", "no")
            .immutable()
            .no_meaning("Whether the socket threads read as well as write."),
    ],
};
