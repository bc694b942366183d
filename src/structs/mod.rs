//! The containers of the engine; they know neither keys, clients nor commands.

pub mod counted_tree;
pub mod score_tree;
