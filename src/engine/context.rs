//! What a command of the engine itself is given: the engine, the calling client and the arguments.

use super::{ClientIndex, Engine};
use crate::client::Client;
use crate::command::{Args, Bound, CmdResult, CommandError};
use crate::resp::reply::Reply;

/// The context of an engine command.
pub struct EngineCx<'a> {
    /// The engine.
    pub engine: &'a mut Engine,
    /// Who calls.
    pub client: ClientIndex,
    /// The request, name first.
    pub args: Args<'a>,
}

/// A handler of an engine command.
pub type EngineHandler = fn(&mut EngineCx<'_>) -> CmdResult;

/// A row of an engine table.
pub const fn engine(name: &'static str, handler: EngineHandler) -> Bound<EngineHandler> {
    Bound { name, handler }
}

impl EngineCx<'_> {
    /// Where the reply is written.
    #[inline]
    pub fn reply(&mut self) -> &mut Reply {
        &mut self.engine.clients[self.client].out
    }

    /// The calling client.
    #[inline]
    pub fn client(&mut self) -> &mut Client {
        &mut self.engine.clients[self.client]
    }

    /// Has replicas repeat the request, though it changes no data.
    pub fn repeat_on_replicas(&mut self) {
        let db = self.client().db;
        self.engine.propagation.add_for_replicas(db, self.args.iter());
    }

    /// The integer at a position. Errors: not an integer.
    pub fn integer(&self, at: usize) -> Result<i64, CommandError> {
        crate::base::num::parse_i64(self.args.at(at)).ok_or(CommandError::NOT_INTEGER)
    }

    /// Answers a HELP subcommand: the command's name, then these lines, then HELP itself.
    pub fn help(&mut self, lines: &[&str]) {
        let name = String::from_utf8_lossy(self.args.at(0)).to_ascii_uppercase();
        let reply = self.reply();
        reply.array(lines.len() + 3);
        reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        for line in lines {
            reply.simple(line);
        }
        reply.simple("HELP");
        reply.simple("    Prints this help.");
    }
}
