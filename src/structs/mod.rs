//! The containers of the engine; they know neither keys, clients nor commands.

mod block;
pub mod intset;
pub mod listpack;
