//! The containers of the engine; they know neither keys, clients nor commands.

pub mod prefetch;
pub mod record;
pub mod table;
pub mod thin;
