//! The containers of the engine; they know neither keys, clients nor commands.

pub mod score_tree;
