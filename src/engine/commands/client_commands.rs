//! Commands: client_commands.

use crate::command::Bound;
use crate::engine::context::EngineHandler;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[];

use crate::command::CommandError;

/// Checks a name given to a client. Errors: a character that would break CLIENT LIST.
pub(crate) fn check_name(name: &[u8]) -> Result<(), CommandError> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(());
    }
    Err(CommandError::fixed("ERR Client names cannot contain spaces, newlines or special characters."))
}
