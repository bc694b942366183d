//! CLUSTER and its subcommands, READONLY, READWRITE, ASKING: what a server outside of any cluster says to them.
//!
//! There is no cluster mode, and clients that probe for one expect this very error rather than an unknown command. It
//! stands in place of the help too. Arity, permissions, MULTI and scripts are looked at before, as for any command.
//! `CLUSTER MYSHARDID` is left out: the version whose behaviour is matched does not know it.

use crate::command::{Bound, CmdResult, CommandError};
use crate::engine::context::{EngineCx, EngineHandler, engine};

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("asking", disabled),
    engine("cluster|addslots", disabled),
    engine("cluster|addslotsrange", disabled),
    engine("cluster|bumpepoch", disabled),
    engine("cluster|count-failure-reports", disabled),
    engine("cluster|countkeysinslot", disabled),
    engine("cluster|delslots", disabled),
    engine("cluster|delslotsrange", disabled),
    engine("cluster|failover", disabled),
    engine("cluster|flushslots", disabled),
    engine("cluster|forget", disabled),
    engine("cluster|getkeysinslot", disabled),
    engine("cluster|help", disabled),
    engine("cluster|info", disabled),
    engine("cluster|keyslot", disabled),
    engine("cluster|links", disabled),
    engine("cluster|meet", disabled),
    engine("cluster|myid", disabled),
    engine("cluster|nodes", disabled),
    engine("cluster|replicas", disabled),
    engine("cluster|replicate", disabled),
    engine("cluster|reset", disabled),
    engine("cluster|saveconfig", disabled),
    engine("cluster|set-config-epoch", disabled),
    engine("cluster|setslot", disabled),
    engine("cluster|shards", disabled),
    engine("cluster|slaves", disabled),
    engine("cluster|slots", disabled),
    engine("readonly", disabled),
    engine("readwrite", disabled),
];

fn disabled(_cx: &mut EngineCx<'_>) -> CmdResult {
    Err(CommandError::CLUSTER_DISABLED)
}
