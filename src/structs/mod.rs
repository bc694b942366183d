//! The containers of the engine; they know neither keys, clients nor commands.

pub mod alloc;
mod block;
pub mod counted_tree;
pub mod cycles;
mod edge;
pub mod held;
pub mod hyperloglog;
pub mod intset;
pub mod listpack;
pub mod ordered_tree;
pub mod prefetch;
pub mod process;
pub mod quicklist;
pub mod record;
pub mod score_tree;
pub mod table;
pub mod thin;
