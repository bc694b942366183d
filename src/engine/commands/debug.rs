//! Commands: debug.

use crate::command::Bound;
use crate::engine::context::EngineHandler;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[];

/// Switches that DEBUG sets.
#[derive(Debug, Default, Clone)]
pub struct Switches {
    /// SET-ACTIVE-EXPIRE 0.
    pub no_active_expire: bool,
    /// PAUSE-CRON 1.
    pub pause_cron: bool,
}
