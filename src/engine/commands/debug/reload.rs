//! DEBUG RELOAD and LOADAOF: the data out to a file and in again, as at a restart. They hold the loop while it lasts.

use crate::command::{CmdResult, CommandError, Outcome};
use crate::engine::Engine;
use crate::engine::context::EngineCx;

pub(super) fn reload(cx: &mut EngineCx<'_>) -> CmdResult {
    let (mut save, mut flush, mut merge) = (true, true, false);
    for at in 2..cx.args.len() {
        match () {
            _ if cx.args.is(at, "NOSAVE") => save = false,
            _ if cx.args.is(at, "NOFLUSH") => flush = false,
            _ if cx.args.is(at, "MERGE") => merge = true,
            _ => {
                return Err(CommandError::fixed(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    let failed = |_| CommandError::fixed("ERR Error trying to load the RDB dump, check server logs.");
    if save {
        cx.engine.save_here()?;
    }
    if flush {
        cx.engine.empty_for_loading();
    }
    cx.engine.load_merging(merge).map_err(|line| {
        tracing::warn!("{line}");
        failed(())
    })?;
    tracing::warn!("DB reloaded by DEBUG RELOAD");
    cx.reply().ok();
    Ok(Outcome::Done)
}

pub(super) fn loadaof(cx: &mut EngineCx<'_>) -> CmdResult {
    // With the log off, what it left behind is loaded.
    cx.engine.flush_log();
    cx.engine.empty_for_loading();
    if let Err(line) = cx.engine.load_data(true) {
        tracing::warn!("{line}");
        return Err(CommandError::fixed("ERR Error trying to load the AOF files, check server logs."));
    }
    tracing::warn!("Append Only File loaded by DEBUG LOADAOF");
    cx.reply().ok();
    Ok(Outcome::Done)
}

impl Engine {
    /// Writes a snapshot while everything waits.
    fn save_here(&mut self) -> Result<(), CommandError> {
        let (path, options, snapshot) =
            (self.snapshot_path(), self.snapshot_options(), self.take_snapshot_with_history());
        let (disk, pid) = (self.durability.disk.clone(), self.facts.process_id);
        let number = pid.to_string();
        let saved = crate::persist::save_snapshot(&*disk, &path, &number, snapshot, &options, &Default::default());
        let (began_at, dirty) = (self.now, self.keyspace.log.dirty);
        if self.saved(saved.map(|_| ()), began_at, dirty, false) { Ok(()) } else { Err(CommandError::fixed("ERR")) }
    }

    /// Empties all databases and forgets the function libraries without anybody being told.
    fn empty_for_loading(&mut self) {
        let dirty = self.keyspace.log.dirty;
        self.keyspace.flush(None);
        self.keyspace.log.take();
        self.keyspace.log.dirty = dirty;
        self.forget_libraries();
    }
}
