//! The integration tests: one binary, so that the library is linked once.
//!
//! Each test starts the real server on a free port in a directory of its own. `LARDER_TEST_SERVER=/usr/bin/redis-server`
//! runs the same tests against another server, which is how the tests themselves are proven.

mod acl;
mod commands;
mod persist;
mod replication;
mod support;
mod tls;
