//! Larder: a Redis-compatible in-memory key-value server.
//!
//! The rooms and the floors they stand on are described in `ARCHITECTURE.md`. The heart (everything below
//! `server`) is a synchronous, deterministic program: it is given bytes, a time and an origin, and leaves
//! reply bytes and a list of effects.

pub mod acl;
pub mod base;
pub mod client;
pub mod command;
pub mod config;
pub mod engine;
pub mod families;
pub mod keyspace;
pub mod object;
pub mod observe;
pub mod persist;
pub mod pubsub;
pub mod rdb;
pub mod replication;
pub mod resp;
pub mod script;
pub mod server;
pub mod structs;
pub mod tools;
