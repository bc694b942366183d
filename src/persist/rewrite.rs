//! A rewrite of the log as steps that never wait, and the start of a log.
//!
//! Owns [`Rewrite`]: at the moment of the snapshot the log turns to a new increment, a thread writes the snapshot as a
//! base, and when both are done the base takes the place of all that came before. Each step stands in the writer's queue
//! or runs on its own thread; the loop polls. Promises: wherever the plug is pulled, and whichever step fails, the files
//! that the manifest names hold the same data; after a failure the log goes on, with one increment more.
//!
//! Left out: when a rewrite is due, but for [`RewriteLimit`], which says when automatic ones must rest.

use super::disk::{Disk, reason};
use super::folder::{AofFolder, AofNames, InUse};
use super::manifest::BaseFormat;
use super::save::{Progress, SaveJob, Snapshot, SnapshotOptions, temp_number, write_base};
use super::worker::{AofWriter, Begin, Installed, Switched, WriterOptions};
use super::{Note, Notify, Slot};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What a rewrite needs to know.
#[derive(Clone)]
pub struct RewriteOptions {
    /// Where the log is.
    pub names: AofNames,
    /// The process's number, part of the temporary file's name.
    pub pid: u32,
    /// How the base is written (`aof-use-rdb-preamble`).
    pub format: BaseFormat,
    /// How the snapshot is written.
    pub snapshot: SnapshotOptions,
    /// Whether replaced files stay (`aof-disable-auto-gc`).
    pub keep_history: bool,
}

enum Stage {
    /// The base is being written.
    Saving {
        job: SaveJob,
        switched: Option<Slot<io::Result<Switched>>>,
        switch_done: bool,
    },
    /// The base is being put in its place.
    Installing(Slot<io::Result<Installed>>),
    Done,
}

/// A rewrite that is going on.
pub struct Rewrite {
    disk: Arc<dyn Disk>,
    options: RewriteOptions,
    /// The base's name while it is written.
    temp: String,
    notify: Notify,
    stage: Stage,
    progress_of_save: Option<(u64, u64)>,
}

/// How a rewrite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The log has a new base.
    Done,
    /// The log is as before.
    Failed,
}

impl Rewrite {
    /// Begins a rewrite with a snapshot of this moment: everything the loop did before must have been appended, and what
    /// is appended from now on is not in the base. Without a writer (the log is off) only a base is made. `notify` is
    /// called when there is something to [`Rewrite::poll`]. Does not block.
    pub fn start(
        writer: Option<&AofWriter>,
        disk: Arc<dyn Disk>,
        snapshot: Snapshot,
        options: RewriteOptions,
        notify: Notify,
    ) -> io::Result<Rewrite> {
        let switched = writer.map(AofWriter::switch);
        let temp = format!("temp-rewriteaof-bg-{}.aof", temp_number(options.pid));
        let path = options.names.dir.join(&temp);
        let settings = options.snapshot.clone();
        let job = SaveJob::base(disk.clone(), path, options.format, snapshot, settings, notify.clone())?;
        let switch_done = switched.is_none();
        let stage = Stage::Saving { job, switched, switch_done };
        Ok(Rewrite { disk, options, temp, notify, stage, progress_of_save: None })
    }

    /// Keys written and keys to be written.
    pub fn keys(&self) -> (u64, u64) {
        match &self.stage {
            Stage::Saving { job, .. } => (job.progress().keys(), job.progress().total()),
            _ => self.progress_of_save.unwrap_or((0, 0)),
        }
    }

    /// Takes the next step if it can be taken; the outcome, once, at the end. Lines for the server's log are pushed to
    /// `notes`. `writer` must be the one of the start. Does not block.
    pub fn poll(&mut self, writer: Option<&AofWriter>, notes: &mut Vec<Note>) -> Option<Outcome> {
        if let Stage::Saving { job, switched, switch_done } = &mut self.stage {
            match switched.as_ref().and_then(Slot::take) {
                Some(Ok(_)) => *switch_done = true,
                Some(Err(error)) => {
                    notes.push(Note::warning(format!("Can't open the append-only file: {}", reason(&error))));
                    job.cancel();
                    return Some(self.fail(notes));
                }
                None => {}
            }
            // The base must not be installed before the switch; its own notification comes.
            if !*switch_done {
                return None;
            }
            match job.poll()? {
                Ok(_) => {}
                Err(error) => {
                    if error.kind() != io::ErrorKind::Interrupted {
                        let text = format!("Write error writing append only file on disk: {}", reason(&error));
                        notes.push(Note::warning(text));
                    }
                    return Some(self.fail(notes));
                }
            }
            let temp = &self.temp;
            self.progress_of_save = Some((job.progress().keys(), job.progress().total()));
            notes.push(Note::notice(format!("Successfully created the temporary AOF base file {temp}")));
            notes.push(Note::notice("Background AOF rewrite terminated with success"));
            let path = self.options.names.dir.join(temp);
            let installed = match writer {
                Some(writer) => writer.install(path, self.options.format, self.options.keep_history),
                None => match self.install_alone(path) {
                    Ok(slot) => slot,
                    Err(_) => return Some(self.fail(notes)),
                },
            };
            self.stage = Stage::Installing(installed);
        }
        let Stage::Installing(installed) = &self.stage else { return None };
        match installed.take()? {
            Ok(installed) => {
                notes.push(Note::notice(format!(
                    "Successfully renamed the temporary AOF base file {} into {}",
                    self.temp, installed.name
                )));
                notes.extend(installed.notes);
                notes.push(Note::notice("Background AOF rewrite finished successfully"));
                self.stage = Stage::Done;
                Some(Outcome::Done)
            }
            Err(error) => {
                let text = format!("Error trying to put the new AOF base file in its place: {}", reason(&error));
                notes.push(Note::warning(text));
                Some(self.fail(notes))
            }
        }
    }

    fn fail(&mut self, notes: &mut Vec<Note>) -> Outcome {
        notes.push(Note::warning("Background AOF rewrite terminated with error"));
        self.stage = Stage::Done;
        Outcome::Failed
    }

    /// Installs the base while no writer runs, on a thread of its own.
    fn install_alone(&self, temp: PathBuf) -> io::Result<Slot<io::Result<Installed>>> {
        let slot = Slot::new();
        let (reply, disk, notify) = (slot.clone(), self.disk.clone(), self.notify.clone());
        let options = self.options.clone();
        let install = move || -> io::Result<Installed> {
            let mut folder =
                AofFolder::open(disk.clone(), options.names).map_err(|error| io::Error::other(error.to_string()))?;
            let (name, _) = folder.install_base(&temp, options.format, InUse::None)?;
            let mut notes = Vec::new();
            if !options.keep_history {
                folder.remove_history(&mut notes)?;
            }
            Ok(Installed { name, notes })
        };
        std::thread::Builder::new().name("install".into()).spawn(move || {
            reply.put(install());
            notify();
        })?;
        Ok(slot)
    }

    /// Ends the rewrite if it is still writing the base; the log goes on as it is. An installation under way is
    /// finished by the writer. The rewrite is over at once for the caller, who need not poll again.
    pub fn cancel(self) {
        if let Stage::Saving { job, .. } = &self.stage {
            job.cancel();
        }
    }
}

/// Opens the log when the server starts with it on, after loading: makes the first base of an empty log, removes what
/// an earlier rewrite replaced, and starts the writer. Blocks.
pub fn start_log(
    mut folder: AofFolder,
    snapshot: impl FnOnce() -> Snapshot,
    options: &RewriteOptions,
    writer: WriterOptions,
    notify: Notify,
) -> io::Result<(AofWriter, Vec<Note>)> {
    let mut notes = Vec::new();
    let disk = folder.disk().clone();
    if folder.manifest().is_empty() {
        let temp = options.names.dir.join(format!("temp-rewriteaof-{}.aof", temp_number(options.pid)));
        write_base(&*disk, &temp, options.format, snapshot(), &options.snapshot, &Progress::default())?;
        let (name, _) = folder.install_base(&temp, options.format, InUse::None)?;
        notes.push(Note::notice(format!("Creating AOF base file {name} on server start")));
    }
    if !options.keep_history {
        folder.remove_history(&mut notes)?;
    }
    let writer = AofWriter::start(folder, Begin::Last, writer, notify)?;
    notes.extend(writer.take_notes());
    Ok((writer, notes))
}

/// Rest between automatic rewrites that fail again and again: each failure leaves an increment behind.
#[derive(Debug, Default)]
pub struct RewriteLimit {
    failures: u32,
    delay_minutes: u64,
    next_at: u64,
}

/// So many failures in a row are free.
const FAILURES_MAX: u32 = 3;
/// The longest rest.
const DELAY_MAX_MINUTES: u64 = 60;

impl RewriteLimit {
    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes note of an outcome. A rewrite that was cancelled is none.
    pub fn record(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => *self = RewriteLimit::default(),
            Outcome::Failed => self.failures += 1,
        }
    }

    /// Forgets the failures, as a BGREWRITEAOF that has to be scheduled does.
    pub fn reset(&mut self) {
        *self = RewriteLimit::default();
    }

    /// Whether an automatic rewrite has to rest at this moment (in seconds of any clock); a line for the log when a
    /// rest begins.
    pub fn must_rest(&mut self, now_secs: u64) -> (bool, Option<Note>) {
        if self.failures < FAILURES_MAX {
            (self.delay_minutes, self.next_at) = (0, 0);
            return (false, None);
        }
        if self.next_at != 0 {
            if now_secs < self.next_at {
                return (true, None);
            }
            self.next_at = 0;
            return (false, None);
        }
        self.delay_minutes = (self.delay_minutes * 2).clamp(1, DELAY_MAX_MINUTES);
        self.next_at = now_secs + self.delay_minutes * 60;
        let text = format!(
            "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {} minutes",
            self.delay_minutes
        );
        (true, Some(Note::warning(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::aof::append_request;
    use crate::persist::load::tests::dataset;
    use crate::persist::save::tests::strings;
    use crate::persist::testing::{FakeDisk, Image, fake};
    use crate::persist::worker::Policy;
    use std::collections::BTreeMap;
    use std::time::{Duration, Instant};

    type Model = BTreeMap<String, String>;

    fn options(format: BaseFormat) -> RewriteOptions {
        RewriteOptions {
            names: AofNames { dir: "/".into(), folder: "aof".into(), stem: "log".into() },
            pid: 7,
            format,
            snapshot: SnapshotOptions::default(),
            keep_history: false,
        }
    }

    fn snapshot(model: &Model) -> Snapshot {
        Snapshot { dbs: vec![strings(model.clone()).into()], ..Snapshot::default() }
    }

    fn start(disk: &FakeDisk, format: BaseFormat) -> io::Result<AofWriter> {
        let options = options(format);
        let folder = AofFolder::open(Arc::new(disk.clone()), options.names.clone()).unwrap();
        let settings = WriterOptions { policy: Policy::Always, retry: Duration::from_millis(1) };
        Ok(start_log(folder, Snapshot::default, &options, settings, Arc::new(|| ()))?.0)
    }

    fn set(writer: &mut AofWriter, model: &mut Model, key: &str, value: &str) -> u64 {
        let mut bytes = Vec::new();
        append_request(&mut bytes, [&b"SET"[..], key.as_bytes(), value.as_bytes()]);
        model.insert(key.into(), value.into());
        writer.append(bytes)
    }

    fn until(mut condition: impl FnMut() -> bool) {
        let began = Instant::now();
        while !condition() {
            assert!(began.elapsed() < Duration::from_secs(20), "it never came to pass");
            std::thread::yield_now();
        }
    }

    fn rewrite(disk: &FakeDisk, writer: Option<&AofWriter>, model: &Model, format: BaseFormat) -> Rewrite {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        Rewrite::start(writer, disk, snapshot(model), options(format), Arc::new(|| ())).unwrap()
    }

    #[test]
    fn a_rewrite_replaces_everything_before_its_snapshot() {
        for format in [BaseFormat::Rdb, BaseFormat::Aof] {
            let disk = fake();
            let mut model = Model::new();
            let mut writer = start(&disk, format).unwrap();
            for key in ["a", "b"] {
                set(&mut writer, &mut model, key, "1");
            }
            let mut job = rewrite(&disk, Some(&writer), &model, format);
            let end = set(&mut writer, &mut model, "b", "2");
            let mut notes = Vec::new();
            let mut outcome = None;
            until(|| {
                outcome = job.poll(Some(&writer), &mut notes);
                outcome.is_some() && writer.durable_offset() == end
            });
            assert_eq!(outcome, Some(Outcome::Done));
            assert_eq!(notes.last().unwrap().text, "Background AOF rewrite finished successfully");
            assert_eq!(job.keys(), (2, 2));
            assert_eq!(dataset(&disk.after_crash(Image::Synced)), model);
            assert_eq!(disk.names().len(), 3, "{:?}", disk.names());
        }
    }

    #[test]
    fn a_failed_rewrite_leaves_the_log_going_on() {
        let disk = fake();
        let mut model = Model::new();
        let mut writer = start(&disk, BaseFormat::Rdb).unwrap();
        set(&mut writer, &mut model, "a", "1");
        let mut limit = RewriteLimit::default();
        for _ in 0..2 {
            disk.fail_names(Some(libc::EIO));
            let mut job = rewrite(&disk, Some(&writer), &model, BaseFormat::Rdb);
            let mut outcome = None;
            until(|| {
                outcome = job.poll(Some(&writer), &mut Vec::new());
                outcome.is_some()
            });
            assert_eq!(outcome, Some(Outcome::Failed));
            limit.record(Outcome::Failed);
            disk.fail_names(None);
        }
        let end = set(&mut writer, &mut model, "a", "2");
        until(|| writer.durable_offset() == end);
        assert_eq!(dataset(&disk.after_crash(Image::Synced)), model);
        assert_eq!(limit.must_rest(0), (false, None));
    }

    #[test]
    fn without_a_writer_only_the_base_is_made() {
        let disk = fake();
        let mut model = Model::new();
        let mut writer = start(&disk, BaseFormat::Rdb).unwrap();
        set(&mut writer, &mut model, "old", "1");
        writer.close(true);
        let now = Model::from([("new".into(), "1".into())]);
        let mut job = rewrite(&disk, None, &now, BaseFormat::Rdb);
        let mut outcome = None;
        until(|| {
            outcome = job.poll(None, &mut Vec::new());
            outcome.is_some()
        });
        assert_eq!(outcome, Some(Outcome::Done));
        assert_eq!(disk.names(), ["/aof/log.2.base.rdb", "/aof/log.manifest"]);
        assert_eq!(dataset(&disk.after_crash(Image::Synced)), now);
    }

    /// The plug is pulled at every tick of a run of writes with two rewrites in it. What loads is a state of the model
    /// that is no older than the last acknowledged write.
    #[test]
    fn every_crash_leaves_what_was_acknowledged() {
        let format = |round: usize| if round == 0 { BaseFormat::Rdb } else { BaseFormat::Aof };
        let mut images = 0;
        for tick in 0.. {
            let disk = fake();
            disk.crash_at(tick);
            let mut model = Model::new();
            let mut states = vec![model.clone()];
            let mut acknowledged = 0;
            if let Ok(mut writer) = start(&disk, format(0)) {
                let mut ends = vec![0];
                for round in 0..2 {
                    let mut running: Option<Rewrite> = None;
                    for step in 0..6 {
                        if step == 2 {
                            running = Some(rewrite(&disk, Some(&writer), &model, format(round)));
                        }
                        let end = set(&mut writer, &mut model, &format!("k{}", step % 4), &format!("{round}{step}"));
                        ends.push(end);
                        states.push(model.clone());
                        until(|| writer.durable_offset() == end || disk.crashed());
                    }
                    until(|| {
                        let done = running.as_mut().and_then(|job| job.poll(Some(&writer), &mut Vec::new()));
                        done.is_some() || disk.crashed()
                    });
                }
                let durable = writer.durable_offset();
                acknowledged = ends.iter().rposition(|&end| end <= durable).unwrap();
            }
            let crashed = disk.crashed();
            for image in Image::ALL {
                let found = dataset(&disk.after_crash(image));
                let at = states.iter().rposition(|state| *state == found);
                assert!(at >= Some(acknowledged), "tick {tick}, {image:?}: state {at:?} of {acknowledged}: {found:?}");
                images += 1;
            }
            if !crashed {
                break;
            }
        }
        assert!(images > 1200, "only {images} images were looked at");
    }

    #[test]
    fn automatic_rewrites_rest_longer_after_each_failure() {
        let mut limit = RewriteLimit::default();
        for _ in 0..3 {
            assert!(!limit.must_rest(100).0);
            limit.record(Outcome::Failed);
        }
        let (rests, note) = limit.must_rest(100);
        assert!(rests && note.unwrap().text.ends_with("triggered the limit, will retry in 1 minutes"));
        assert_eq!(limit.must_rest(159), (true, None));
        assert_eq!(limit.must_rest(160), (false, None));
        limit.record(Outcome::Failed);
        assert!(limit.must_rest(160).1.unwrap().text.ends_with("in 2 minutes"));
        limit.record(Outcome::Done);
        assert_eq!(limit.must_rest(161), (false, None));
    }
}
