//! The rim: everything that waits. Sockets, timers, signals, the log, background threads; it brings bytes and time to
//! the engine and carries its replies away. Knows no command.

pub mod busy;
pub mod clock;
pub mod command_line;
pub mod config_file;
pub mod conn;
pub mod crash;
pub mod follow;
pub mod listen;
pub mod log;
pub mod migrate;
pub mod primary_link;
pub mod reclaim;
pub mod rim;
pub mod standing;
pub mod start;
pub mod supervision;
pub mod tls;
pub mod turn;
