//! INFO: figures about the server, in sections. Each section is a function that asks the rooms and writes its fields
//! in Redis's order; only sections that are asked for are collected.
//!
//! Fields of what this server does not do (forks, their copies, defragmentation ...) are there with the
//! figure that is true: zero. Where to add a field: the file of its section, below `info/`.

mod figures;
mod following;
mod memory;
mod persistence;
mod server;
mod stats;

pub(super) use memory::{MemoryFigures, allocator};

use crate::command::{Args, Bound, CmdResult, Outcome};
use crate::engine::Engine;
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::observe::InfoWriter;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[engine("info", info)];

/// The Redis version clients are told.
pub const REDIS_VERSION: &str = "7.0.15";

/// One section.
struct Section {
    /// The words it is asked for by.
    names: &'static [&'static str],
    /// Whether it is shown when no section is named.
    default: bool,
    write: fn(&Engine, &mut InfoWriter),
}

const fn section(names: &'static [&'static str], default: bool, write: fn(&Engine, &mut InfoWriter)) -> Section {
    Section { names, default, write }
}

/// The sections in their order.
const SECTIONS: [Section; 13] = [
    section(&["server"], true, server::server),
    section(&["clients"], true, server::clients),
    section(&["memory"], true, memory::memory),
    section(&["persistence"], true, persistence::persistence),
    section(&["stats"], true, stats::stats),
    section(&["replication"], true, persistence::replication),
    section(&["cpu"], true, server::cpu),
    section(&["modules", "module_list"], true, server::modules),
    section(&["commandstats"], false, figures::commandstats),
    section(&["errorstats"], true, figures::errorstats),
    section(&["latencystats"], false, figures::latencystats),
    section(&["cluster"], true, persistence::cluster),
    section(&["keyspace"], true, stats::keyspace),
];

fn info(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.pass_stream_on();
    let text = text(cx.engine, cx.args);
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

/// The sections that a request names, each once; unknown names are passed over.
fn text(engine: &Engine, args: Args<'_>) -> String {
    let named = args.from(1);
    let asks = |word: &str| named.iter().any(|name| name.eq_ignore_ascii_case(word.as_bytes()));
    let all = asks("all") || asks("everything");
    let default = named.len() == 0 || asks("default");
    let mut out = InfoWriter::default();
    for section in &SECTIONS {
        if all || default && section.default || section.names.iter().any(|name| asks(name)) {
            (section.write)(engine, &mut out);
        }
    }
    out.into_text()
}
