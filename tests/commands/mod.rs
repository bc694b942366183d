//! What a client sees: each file is one subject.

mod blocking;
mod clients;
mod cluster;
mod debugger;
mod hash_deadlines;
mod hostile;
mod introspection;
mod limits;
mod memory;
mod migrate;
mod networking;
mod notifications;
mod pipelines;
mod pubsub;
mod rust_clients;
mod scripts;
mod server_control;
mod streams;
mod tracking;
mod transactions;
mod waitaof;
