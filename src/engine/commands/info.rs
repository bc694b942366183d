//! Commands: info.

use crate::command::Bound;
use crate::engine::context::EngineHandler;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[];

/// The Redis version clients are told.
pub const REDIS_VERSION: &str = "7.0.15";
