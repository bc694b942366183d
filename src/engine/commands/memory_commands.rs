//! Commands: memory_commands.

use crate::command::Bound;
use crate::engine::context::EngineHandler;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[];
