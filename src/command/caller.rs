//! What a script may ask of the server that runs it. The room of scripts knows nobody but this trait; the engine lends
//! itself behind it for the time of one run.

use super::{Args, CommandError, OwnedArgs};
use crate::resp::reply::Protocol;

/// Whoever runs the commands of a script.
pub trait Caller {
    /// Runs a command and answers its reply as RESP, which may itself be an error. Errors: the command was not run.
    fn call(&mut self, args: Args<'_>) -> Result<&[u8], CommandError>;

    /// Chooses the protocol that replies are written in from here on.
    fn set_protocol(&mut self, protocol: Protocol);

    /// Chooses whether what is changed from here on is repeated in the append-only log and on replicas.
    fn set_replication(&mut self, log: bool, replicas: bool);

    /// Whether the user of the script may run a command. `None`: there is no such command.
    fn may_run(&mut self, args: Args<'_>) -> Option<bool>;

    /// Called every so many instructions. True: the script is to end here.
    fn interrupted(&mut self) -> bool;

    /// Tells the client at the debugger's console something. Only where there is a debugger.
    fn debugger_says(&mut self, _reply: Vec<u8>) {}

    /// Waits for what that client says next. `None`: nothing more will come.
    fn next_debugger_command(&mut self) -> Option<OwnedArgs> {
        None
    }

    /// Whether a script that is debugged has run for too long since that client last said something.
    fn is_overdue(&mut self) -> bool {
        false
    }
}
