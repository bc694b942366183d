//! The containers of the engine; they know neither keys, clients nor commands.

mod block;
pub mod counted_tree;
pub mod intset;
pub mod listpack;
pub mod quicklist;
pub mod score_tree;
