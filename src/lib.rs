//! Larder: a Redis-compatible in-memory key-value server.
//!
//! The rooms and the floors they stand on are described in `ARCHITECTURE.md`. The heart (everything below
//! `server`) is a synchronous, deterministic program: it is given bytes, a time and an origin, and leaves
//! reply bytes and a list of effects.

pub mod base;
pub mod config;
pub mod resp;
pub mod structs;
