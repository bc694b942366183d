//! The append-only log's life, as the engine steers it: turned on and off, rewritten when asked for or grown, and both
//! it and snapshots loaded at start.

use super::durability::{Durability, tell};
use super::loaded_history::HistoryNotes;
use super::{ClientIndex, Engine};
use crate::base::ids::{DbIndex, UnixMs};
use crate::client::{Client, ClientFlags, Endpoints};
use crate::command::{Args, CommandError};
use crate::config::Key;
use crate::keyspace::ExpireMode;
use crate::persist::load::Hashed;
use crate::persist::load_job::RequestBlock;
use crate::persist::save::{SaveJob, key_rest};
use crate::persist::{
    AofFolder, AofNames, AofWriter, BaseFormat, Begin, LoadJob, LoadOptions, Loaded, Outcome, Policy, Rewrite,
    RewriteOptions, Step, WriterOptions, start_log,
};
use crate::rdb;
use crate::resp::Span;
use std::collections::VecDeque;
use std::path::PathBuf;

impl Durability {
    /// Whether the log is being rewritten.
    pub fn rewrite_running(&self) -> bool {
        self.rewrite.is_some()
    }
}

impl Engine {
    fn text(&self, key: Key) -> String {
        String::from_utf8_lossy(self.config.string(key)).into_owned()
    }

    /// Where the log is.
    pub fn log_names(&self) -> AofNames {
        AofNames {
            dir: PathBuf::from(self.text(Key::Dir)),
            folder: self.text(Key::Appenddirname),
            stem: self.text(Key::Appendfilename),
        }
    }

    fn writer_options(&self) -> WriterOptions {
        WriterOptions::new(self.sync_policy())
    }

    /// `appendfsync`.
    pub fn sync_policy(&self) -> Policy {
        match self.config.enum_name(Key::Appendfsync) {
            "always" => Policy::Always,
            "no" => Policy::Never,
            _ => Policy::EverySecond,
        }
    }

    fn rewrite_options(&self) -> RewriteOptions {
        let rdb = self.config.boolean(Key::AofUseRdbPreamble);
        let mut snapshot = self.snapshot_options();
        snapshot.incremental_sync = self.config.boolean(Key::AofRewriteIncrementalFsync);
        if self.config.boolean(Key::AofTimestampEnabled) {
            snapshot.timestamp = Some(self.now.as_secs());
        }
        RewriteOptions {
            // The log stays where it was begun, whatever becomes of `dir`.
            names: self.durability.log_names.clone().unwrap_or_else(|| self.log_names()),
            pid: self.facts.process_id,
            format: if rdb { BaseFormat::Rdb } else { BaseFormat::Aof },
            snapshot,
            keep_history: self.config.boolean(Key::AofDisableAutoGc),
        }
    }

    /// Propagation and stamps follow whether there is a log and how it is synced.
    pub(crate) fn follow_log_options(&mut self) {
        let on = self.durability.log.is_some();
        self.follow_readers();
        self.propagation.timestamps = self.config.boolean(Key::AofTimestampEnabled);
        let policy = self.sync_policy();
        self.durability.always = on && policy == Policy::Always;
        if let Some(log) = &self.durability.log {
            log.set_policy(policy);
            log.set_delay(self.debug.log_delay);
        }
        self.follow_busy_disk();
    }

    /// `no-appendfsync-on-rewrite`: while a snapshot or a base is written, the log's syncs once a second wait. Those of
    /// `appendfsync always` do not, since replies wait for them.
    pub(super) fn follow_busy_disk(&self) {
        if let Some(log) = &self.durability.log {
            let busy = self.durability.save.is_some() || self.durability.rewrite.is_some();
            log.pause_syncs(busy && self.config.boolean(Key::NoAppendfsyncOnRewrite));
        }
    }

    /// Starts the log after loading. Errors: a line that says what and why.
    pub fn start_log(&mut self, folder: AofFolder) -> Result<(), String> {
        if !self.config.boolean(Key::Appendonly) {
            return Ok(());
        }
        let (options, writer, notify) = (self.rewrite_options(), self.writer_options(), self.durability.notify.clone());
        let (log, notes) = start_log(folder, || self.take_snapshot(), &options, writer, notify)
            .map_err(|error| format!("Can't open the append-only file: {error}"))?;
        notes.iter().for_each(tell);
        self.durability.rewrite_base_bytes = log.total_bytes();
        self.durability.log = Some(log);
        self.durability.log_names = Some(self.log_names());
        self.propagation.begin_file();
        self.follow_log_options();
        Ok(())
    }

    /// Follows `appendonly` at run time. Errors: a reason for CONFIG SET.
    pub fn switch_log(&mut self) -> Result<(), String> {
        let wanted = self.config.boolean(Key::Appendonly);
        match (wanted, self.durability.log.is_some()) {
            (false, true) => self.stop_log(),
            (true, false) => {
                let disk = self.durability.disk.clone();
                let folder = AofFolder::open(disk, self.log_names()).map_err(|error| error.to_string())?;
                let (writer, notify) = (self.writer_options(), self.durability.notify.clone());
                let log =
                    AofWriter::start(folder, Begin::Waiting, writer, notify).map_err(|error| error.to_string())?;
                self.durability.log = Some(log);
                self.durability.log_names = Some(self.log_names());
                self.durability.first_base = true;
                if let Some(rewrite) = self.durability.rewrite.take() {
                    rewrite.cancel();
                }
                if self.durability.save.is_some() {
                    tracing::info!(
                        "AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible."
                    );
                    self.durability.rewrite_scheduled = true;
                } else if self.unit_depth > 1 {
                    // A base taken now would hold one half of the transaction.
                    tracing::warn!(
                        "AOF was enabled during a transaction. An AOF background was scheduled to start when possible."
                    );
                    self.durability.rewrite_scheduled = true;
                } else if self.begin_rewrite().is_err() {
                    self.durability.log = None;
                    self.durability.first_base = false;
                    return Err("Unable to turn on AOF. Check server logs.".into());
                }
            }
            _ => {}
        }
        self.follow_log_options();
        Ok(())
    }

    /// Ends the log with what it has, if it is on.
    pub(super) fn stop_log(&mut self) {
        if self.durability.log.is_none() {
            return;
        }
        if let Some(rewrite) = self.durability.rewrite.take() {
            tracing::info!("Killing running AOF rewrite child");
            rewrite.cancel();
            self.end_holding();
        }
        self.end_turn();
        if let Some(log) = self.durability.log.take() {
            log.close(true);
        }
        self.durability.release_all();
        self.durability.first_base = false;
        self.durability.log_names = None;
        // Offsets begin anew with the next log.
        self.clients.iter_mut().for_each(|(_, client)| (client.stamp, client.logged) = (0, 0));
        self.follow_log_options();
    }

    /// Begins the log anew that was ended because other data was to come, or tries again to.
    pub(super) fn restart_log_if_off(&mut self) {
        if self.config.boolean(Key::Appendonly)
            && self.durability.log.is_none()
            && !self.durability.is_loading()
            && let Err(reason) = self.switch_log()
        {
            tracing::warn!("Failed enabling the AOF after successful master synchronization: {reason}");
        }
    }

    /// Begins to rewrite the log from a snapshot of this moment. Errors: it is being rewritten already, or cannot.
    pub fn begin_rewrite(&mut self) -> Result<(), CommandError> {
        if self.durability.rewrite.is_some() {
            return Err(CommandError::fixed("ERR Background append only file rewriting already in progress"));
        }
        self.end_turn();
        self.propagation.begin_file();
        self.begin_holding();
        let (snapshot, options) = (self.take_snapshot(), self.rewrite_options());
        let (disk, notify) = (self.durability.disk.clone(), self.durability.notify.clone());
        match Rewrite::start(self.durability.log.as_ref(), disk, snapshot, options, notify) {
            Ok(rewrite) => {
                tracing::info!("Background append only file rewriting started");
                self.durability.rewrite = Some(rewrite);
                self.durability.rewrite_began_at = self.now;
                self.durability.rewrite_scheduled = false;
                self.follow_busy_disk();
                Ok(())
            }
            Err(error) => {
                self.durability.last_rewrite_ok = false;
                self.end_holding();
                tracing::warn!("Can't rewrite append only file in background: {error}");
                Err(CommandError::fixed(
                    "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.",
                ))
            }
        }
    }

    /// Takes the rewrite's next step.
    pub(super) fn look_at_rewrite(&mut self) {
        let Some(rewrite) = &mut self.durability.rewrite else { return };
        let mut notes = Vec::new();
        let outcome = rewrite.poll(self.durability.log.as_ref(), &mut notes);
        notes.iter().for_each(tell);
        let Some(outcome) = outcome else { return };
        if outcome == Outcome::Done {
            self.durability.first_base = false;
        } else if self.durability.first_base {
            // Without its first base the log is of no use.
            self.durability.rewrite_scheduled = true;
        }
        self.durability.held_back.last_rewrite = self.peak_held_memory();
        self.durability.rewrite = None;
        self.end_holding();
        self.follow_busy_disk();
        self.durability.rewrite_limit.record(outcome);
        self.durability.last_rewrite_ok = outcome == Outcome::Done;
        self.durability.last_rewrite_seconds = (self.now.0 - self.durability.rewrite_began_at.0) / 1000;
        if outcome == Outcome::Done {
            self.durability.rewrites += 1;
            if let Some(log) = &self.durability.log {
                self.durability.rewrite_base_bytes = log.total_bytes();
            }
        }
    }

    /// Rewrites a log that was asked to be, or has grown (`auto-aof-rewrite-*`).
    pub(super) fn rewrite_if_due(&mut self) {
        if self.durability.rewrite.is_some() || self.durability.save.is_some() {
            return;
        }
        const RETRY_MS: i64 = 1000;
        let rested = self.durability.last_rewrite_ok || self.now.0 - self.durability.rewrite_began_at.0 > RETRY_MS;
        if self.durability.rewrite_scheduled && rested {
            self.durability.rewrite_scheduled = false;
            // A failure is in the log, and INFO tells of it.
            let _ = self.begin_rewrite();
            return;
        }
        let Some(log) = &self.durability.log else { return };
        let percentage = self.config.integer(Key::AutoAofRewritePercentage).max(0) as u64;
        let (size, base) = (log.total_bytes(), self.durability.rewrite_base_bytes.max(1));
        if percentage == 0 || size <= self.config.unsigned(Key::AutoAofRewriteMinSize) {
            return;
        }
        let growth = (size * 100 / base).saturating_sub(100);
        if growth < percentage {
            return;
        }
        let (rest, note) = self.durability.rewrite_limit.must_rest((self.senses.monotonic_ns)() / 1_000_000_000);
        note.iter().for_each(tell);
        if !rest {
            tracing::info!("Starting automatic rewriting of AOF on {growth}% growth");
            let _ = self.begin_rewrite();
        }
    }

    /// Brings everything to the disk before the process ends, as `how` and the save points ask: the log at once, the
    /// snapshot by the job that is returned. Errors: why the process cannot end.
    pub fn begin_finish(&mut self, how: super::ShutdownHow) -> Result<Option<SaveJob>, String> {
        self.tell_lagging_replicas();
        // It may have come to its end while a script was busy.
        self.look_at_rewrite();
        if self.durability.first_base && (self.durability.rewrite.is_some() || self.durability.rewrite_scheduled) {
            // What the log holds so far is not all of the data.
            match how.force {
                true => tracing::warn!("Writing initial AOF. Exit anyway."),
                false => return Err("Writing initial AOF, can't exit.".into()),
            }
        }
        if let Some(rewrite) = self.durability.rewrite.take() {
            tracing::warn!("There is a child rewriting the AOF. Killing it!");
            rewrite.cancel();
        }
        if let Some(save) = self.durability.save.take() {
            tracing::warn!("There is a child saving an .rdb. Killing it!");
            save.job.cancel();
            self.keyspace.let_walk();
            // Its temporary file is gone once it has ended.
            let _ = save.job.wait();
        }
        self.end_holding();
        self.end_turn();
        if let Some(log) = &self.durability.log {
            tracing::info!("Calling fsync() on the AOF file.");
            let offset = log.appended_offset();
            let status = log.wait(offset, crate::persist::Until::Durable);
            if status != crate::persist::Status::Ok && !how.force {
                return Err("Writing the AOF file failed, can't exit.".into());
            }
        }
        let wanted = !how.nosave && !self.config.save_points().is_empty() || how.save;
        if !wanted {
            return Ok(None);
        }
        tracing::info!("Saving the final RDB snapshot before exiting.");
        let (path, snapshot, options) =
            (self.snapshot_path(), self.take_snapshot_with_history(), self.snapshot_options());
        let (disk, pid, notify) = (self.durability.disk.clone(), self.facts.process_id, self.durability.notify.clone());
        match SaveJob::last(disk, path, pid, snapshot, options, notify) {
            Ok(job) => Ok(Some(job)),
            Err(error) => self.last_save_done(Err(error), how).map(|()| None),
        }
    }

    /// The whole of it while everything waits, for a process that a script keeps busy.
    pub fn finish(&mut self, how: super::ShutdownHow) -> Result<(), String> {
        if let Some(job) = self.begin_finish(how)? {
            self.last_save_done(job.wait().map(|_| ()), how)?;
        }
        self.close_log();
        Ok(())
    }

    /// Notes how the last snapshot came out. Errors: why the process cannot end.
    pub fn last_save_done(&mut self, saved: std::io::Result<()>, how: super::ShutdownHow) -> Result<(), String> {
        let (began_at, dirty) = (self.now, self.keyspace.log.dirty);
        match (self.saved(saved, began_at, dirty, false), how.force) {
            (true, _) => Ok(()),
            (false, false) => Err("Error trying to save the DB, can't exit.".into()),
            (false, true) => {
                tracing::warn!("Error trying to save the DB. Exit anyway.");
                Ok(())
            }
        }
    }

    /// Closes the log: nothing is written after this.
    pub fn close_log(&mut self) {
        if let Some(log) = self.durability.log.take() {
            log.close(true);
        }
        self.durability.release_all();
    }

    // ---- loading -------------------------------------------------------------------------------------------------

    fn load_options(&self, log: bool) -> LoadOptions {
        LoadOptions {
            names: self.log_names(),
            snapshot: self.text(Key::Dbfilename),
            log,
            truncated: self.config.boolean(Key::AofLoadTruncated),
            rdb: rdb::LoadOptions {
                limits: self.limits.clone(),
                databases: self.keyspace.databases() as u32,
                check: self.config.boolean(Key::Rdbchecksum) && !self.debug.skip_checksums,
                clock: self.keyspace.access.fresh(),
            },
        }
    }

    /// Waits until all that was done is in the log's file.
    pub(super) fn flush_log(&mut self) {
        self.end_turn();
        if let Some(log) = &self.durability.log {
            let offset = log.appended_offset();
            log.wait(offset, crate::persist::Until::Written);
        }
    }

    /// Loads the snapshot file beside the keys there are. Errors: as [`Engine::load_data`]; a key that is there already,
    /// unless keys of the file take their place.
    pub(super) fn load_merging(&mut self, replace: bool) -> Result<Loaded, String> {
        self.durability.replace_on_load = replace;
        let loaded = self.load_data(false);
        self.durability.replace_on_load = false;
        loaded
    }

    /// Begins to load from the log, or else from the snapshot file; [`Engine::load_slice`] goes on with it. Errors: no
    /// thread can be had.
    pub fn begin_load(&mut self, log: bool) -> Result<(), String> {
        let options = self.load_options(log);
        let (disk, notify) = (self.durability.disk.clone(), self.durability.notify.clone());
        let job = LoadJob::start(disk, options, notify).map_err(|error| format!("Can't load the data: {error}"))?;
        let loader = self.connect_loader();
        self.durability.loading = Some(Box::new(Loading {
            job,
            loader,
            log,
            began_at: self.now,
            bytes: 0,
            total: 0,
            keys: 0,
            expired: 0,
            dirty: self.keyspace.log.dirty,
            expire_mode: std::mem::replace(&mut self.keyspace.expire_mode, ExpireMode::Ignore),
            history: HistoryNotes::default(),
            used_memory: 0,
            slow: None,
            slow_count: 0,
            rest_until_ns: 0,
            told_at: self.now,
        }));
        // What is loaded is repeated nowhere.
        self.follow_readers();
        Ok(())
    }

    /// Inserts what the loading thread has ready, for at most this long. `Some` when the load is over. Errors: a line
    /// with file and offset.
    pub fn load_slice(&mut self, most_ns: u64) -> Option<Result<Loaded, String>> {
        let mut loading = self.durability.loading.take()?;
        // A script of the log may let other clients in; they must see that the data is not whole.
        self.durability.load_slice_runs = true;
        let result = self.load_for(&mut loading, most_ns);
        self.durability.load_slice_runs = false;
        match result {
            Some(result) => Some(self.end_load(*loading, result)),
            None => {
                self.tell_progress(&mut loading);
                self.durability.loading = Some(loading);
                None
            }
        }
    }

    fn load_for(&mut self, loading: &mut Loading, most_ns: u64) -> Option<Result<Loaded, String>> {
        let began_ns = (self.senses.monotonic_ns)();
        let most_bytes = self.config.unsigned(Key::LoadingProcessEventsIntervalBytes);
        let bytes_before = loading.bytes;
        loop {
            let now_ns = (self.senses.monotonic_ns)();
            let over = now_ns - began_ns >= most_ns || loading.bytes - bytes_before >= most_bytes;
            if now_ns < loading.rest_until_ns || over && most_ns != u64::MAX {
                return None;
            }
            let end = match loading.slow.take() {
                Some(slow) => self.load_slowly(loading, slow, now_ns).err().map(Err),
                None => match loading.job.take() {
                    None => return None,
                    Some(Step::End(result)) => Some(result.map_err(|error| error.to_string())),
                    Some(step) => self.load_step(loading, step).err().map(Err),
                },
            };
            if end.is_some() {
                return end;
            }
        }
    }

    /// Says now and then how far a long load has come.
    fn tell_progress(&self, loading: &mut Loading) {
        const EVERY_MS: i64 = 5000;
        if self.now.0 - loading.told_at.0 >= EVERY_MS {
            loading.told_at = self.now;
            let percent = loading.bytes as f64 * 100.0 / loading.total.max(1) as f64;
            tracing::info!("Loading the data: {percent:.1}% of {} bytes done", loading.total);
        }
    }

    /// Whether so little is loaded yet that nobody needs to be told.
    pub fn may_load_in_silence(&self) -> bool {
        let little = self.config.unsigned(Key::LoadingProcessEventsIntervalBytes);
        self.config.integer(Key::KeyLoadDelay) == 0
            && self.durability.loading.as_ref().is_some_and(|loading| loading.bytes < little)
    }

    /// Inserts one key or runs one request of a step, and rests (`key-load-delay`).
    fn load_slowly(&mut self, loading: &mut Loading, mut slow: Slow, now_ns: u64) -> Result<(), String> {
        loading.slow_count += 1;
        let rest = key_rest(self.config.integer(Key::KeyLoadDelay), loading.slow_count);
        // A short rest is shorter than a turn of the loop.
        if rest < std::time::Duration::from_millis(1) {
            (self.senses.sleep)(rest);
        } else {
            loading.rest_until_ns = now_ns + rest.as_nanos() as u64;
        }
        match &mut slow {
            Slow::Records(records) => {
                let Some(record) = records.pop_front() else { return Ok(()) };
                self.load_records(loading, vec![record])?;
                if records.is_empty() {
                    return Ok(());
                }
            }
            Slow::Requests(block, at) => {
                let Some((bytes, spans)) = block.get(*at) else { return Ok(()) };
                self.load_request(loading.loader, &block.file, bytes, spans)?;
                *at += 1;
                if *at == block.len() {
                    return Ok(());
                }
            }
        }
        loading.slow = Some(slow);
        Ok(())
    }

    /// What a snapshot says of itself, for those who read the log.
    fn tell_aux(&self, loading: &mut Loading, name: &[u8], value: &[u8]) {
        let (name, text) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        let number = || text.parse::<i64>().unwrap_or(0);
        match &*name.to_ascii_lowercase() {
            "redis-ver" => tracing::info!("Loading RDB produced by version {text}"),
            "ctime" => tracing::info!("RDB age {} seconds", (self.now.as_secs() - number()).max(0)),
            "used-mem" => {
                loading.used_memory = number().max(0) as u64;
                let megabytes = loading.used_memory as f64 / f64::from(1 << 20);
                tracing::info!("RDB memory usage when created {megabytes:.2} Mb");
            }
            "aof-preamble" if number() != 0 => tracing::info!("RDB has an AOF tail"),
            "aof-base" if number() != 0 => tracing::info!("RDB is base AOF"),
            _ if name.starts_with('%') => tracing::info!("RDB '{name}': {text}"),
            _ => {}
        }
    }

    /// Loads everything while the loop waits. Errors: a line with file and offset.
    pub fn load_data(&mut self, log: bool) -> Result<Loaded, String> {
        self.begin_load(log)?;
        loop {
            if let Some(result) = self.load_slice(u64::MAX) {
                return result;
            }
            (self.senses.sleep)(std::time::Duration::from_micros(100));
        }
    }

    fn end_load(&mut self, loading: Loading, result: Result<Loaded, String>) -> Result<Loaded, String> {
        self.disconnect(loading.loader);
        self.keyspace.log.dirty = loading.dirty;
        self.keyspace.log.take();
        self.keyspace.log.take_removals();
        self.follow_readers();
        self.keyspace.expire_mode = loading.expire_mode;
        let loaded = result?;
        self.durability.loaded_keys = loading.keys;
        self.durability.expired_on_load = loading.expired;
        // The log goes on behind its base.
        self.durability.loaded_history = if loading.log { None } else { loading.history.complete() };
        Ok(loaded)
    }

    /// The client that the log's requests run as; nobody sees its replies.
    fn connect_loader(&mut self) -> ClientIndex {
        let id = crate::base::ids::ClientId(u64::MAX);
        let mut client = Client::new(id, Endpoints::default(), self.now);
        client.flags = ClientFlags::LOGGED_IN
            | ClientFlags::AUTHENTICATED
            | ClientFlags::UNRESTRICTED
            | ClientFlags::DENY_BLOCKING
            | ClientFlags::LOADER;
        self.clients.insert(Box::new(client))
    }

    fn load_step(&mut self, loading: &mut Loading, step: Step) -> Result<(), String> {
        let slow = self.config.integer(Key::KeyLoadDelay) != 0;
        match step {
            Step::Records(records) if slow => {
                loading.slow = Some(Slow::Records(records.into()));
                Ok(())
            }
            Step::Requests(block) if slow => {
                loading.slow = Some(Slow::Requests(block, 0));
                Ok(())
            }
            Step::Aux { name, value } => {
                self.tell_aux(loading, &name, &value);
                loading.history.note(&name, &value);
                Ok(())
            }
            Step::SnapshotEnd { empty } => {
                let (keys, expired) = (loading.keys, loading.expired);
                match empty {
                    0 => tracing::info!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}."),
                    _ => tracing::warn!(
                        "Done loading RDB, keys loaded: {keys}, keys expired: {expired}, empty keys skipped: {empty}."
                    ),
                }
                Ok(())
            }
            Step::Records(records) => self.load_records(loading, records),
            Step::Size { db, keys } => {
                self.load_size(loading, DbIndex(db), keys);
                Ok(())
            }
            Step::Requests(block) => {
                block.iter().try_for_each(|(bytes, spans)| self.load_request(loading.loader, &block.file, bytes, spans))
            }
            Step::FileStart => {
                self.clients[loading.loader].db = DbIndex(0);
                Ok(())
            }
            Step::Note(note) => {
                tell(&note);
                Ok(())
            }
            Step::Progress { bytes, total } => {
                (loading.bytes, loading.total) = (bytes, total);
                Ok(())
            }
            Step::Function(code) => {
                let replace = self.durability.replace_on_load;
                self.load_saved_library(&code, replace)
                    .map_err(|reason| format!("Failed creating the library: {reason}"))
            }
            Step::End(_) => Ok(()),
        }
    }

    fn load_records(&mut self, loading: &mut Loading, records: Vec<Hashed>) -> Result<(), String> {
        // While one key is put in, the memory that those behind it need is on its way, first the directories.
        const PATH_AHEAD: usize = 24;
        const SEGMENT_AHEAD: usize = 12;
        let places: Vec<(DbIndex, u64)> = records.iter().map(|item| (DbIndex(item.record.db), item.hash)).collect();
        for (index, Hashed { hash, record }) in records.into_iter().enumerate() {
            if let Some(&(db, ahead)) = places.get(index + PATH_AHEAD) {
                self.keyspace.table(db).prefetch_path(ahead);
            }
            if let Some(&(db, ahead)) = places.get(index + SEGMENT_AHEAD) {
                self.keyspace.table(db).prefetch_segment(ahead);
            }
            let object = record.object;
            // In the log's base a key stays: a later request may have taken its deadline away.
            // A replica leaves it to its primary to say what has expired.
            if !loading.log
                && !self.following.is_replica()
                && object.deadline().is_some_and(|at| self.now.0 > at as i64)
            {
                loading.expired += 1;
                loading.history.note_expired(DbIndex(record.db), object.key());
                continue;
            }
            if let Some(clock) = self.keyspace.access.as_told(record.idle_seconds, record.frequency) {
                object.set_clock(clock);
            }
            loading.keys += 1;
            if self.durability.replace_on_load {
                self.keyspace.db(DbIndex(record.db)).put_object(object);
            } else if !self.keyspace.db(DbIndex(record.db)).insert_loaded(hash, object) {
                return Err("The file holds a key twice".into());
            }
        }
        Ok(())
    }

    /// Makes room for the keys that a database says it has, as far as the file can hold them.
    fn load_size(&mut self, loading: &Loading, db: DbIndex, keys: u64) {
        // The type, an empty key, an empty value.
        const LEAST_RECORD_BYTES: u64 = 3;
        let most = loading.total / LEAST_RECORD_BYTES;
        self.keyspace.db(db).reserve(keys.min(most) as usize);
    }

    /// Runs one request of the log.
    fn load_request(&mut self, loader: ClientIndex, file: &str, bytes: &[u8], spans: &[Span]) -> Result<(), String> {
        let args = Args::new(bytes, spans);
        let id = match self.table.resolve(args) {
            Ok(id) if self.table.get(id).meta.arity_allows(args.len()) => id,
            _ => {
                let name = String::from_utf8_lossy(args.at(0));
                return Err(format!("Unknown command '{name}' reading the append only file {file}"));
            }
        };
        self.run(loader, id, args, None);
        self.clients[loader].out.clear();
        if !self.keyspace.log.is_empty() {
            self.keyspace.log.take();
        }
        Ok(())
    }
}

/// A load that is going on.
pub struct Loading {
    job: LoadJob,
    loader: ClientIndex,
    /// The log is loaded, not a snapshot.
    pub log: bool,
    /// When it began.
    pub began_at: UnixMs,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes in all.
    pub total: u64,
    keys: u64,
    expired: u64,
    dirty: u64,
    expire_mode: ExpireMode,
    history: HistoryNotes,
    /// Bytes of memory that the server had in use which wrote the snapshot.
    pub used_memory: u64,
    /// A step that is taken piece by piece (`key-load-delay`).
    slow: Option<Slow>,
    slow_count: u64,
    rest_until_ns: u64,
    told_at: UnixMs,
}

/// What is left of a step.
enum Slow {
    Records(VecDeque<Hashed>),
    /// The block, and which request is next.
    Requests(RequestBlock, usize),
}
