//! The append-only folder: the manifest on the disk, and every step that changes which files make up the log.
//!
//! Owns [`AofFolder`]. Promises: each step leaves, wherever the plug is pulled, a manifest whose files are all there and
//! together hold the same data; a number once used for a file is not used again while the server runs, so a manifest
//! that may or may not have reached the disk never names a file with other bytes; a file that the manifest on the disk
//! may name is never removed.
//!
//! Left out: what is in the files, and when these steps are due (`worker.rs`, `rewrite.rs`).

use super::Note;
use super::disk::{Disk, DiskFile, Open, read_file, reason, replace_file};
use super::manifest::{BaseFormat, LogFile, MANIFEST_MAX_BYTES, Manifest, ManifestError};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AofNames {
    /// The server's folder (`dir`).
    pub dir: PathBuf,
    /// The log's folder inside it (`appenddirname`).
    pub folder: String,
    /// What the files' names begin with (`appendfilename`).
    pub stem: String,
}

impl AofNames {
    /// The log's folder.
    pub fn folder_path(&self) -> PathBuf {
        self.dir.join(&self.folder)
    }

    /// A file of the log.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder_path().join(name)
    }

    /// The manifest.
    pub fn manifest_path(&self) -> PathBuf {
        self.path(&format!("{}.manifest", self.stem))
    }

    /// The manifest while it is written.
    pub fn temp_manifest_path(&self) -> PathBuf {
        self.path(&format!("temp-{}.manifest", self.stem))
    }

    /// The increment that is written while a log that was just turned on waits for its first base.
    pub fn temp_increment(&self) -> String {
        format!("temp-{}.incr", self.stem)
    }
}

/// Why the folder cannot be used. The text is the log line.
#[derive(Debug)]
pub enum FolderError {
    /// The manifest is there but cannot be understood.
    Manifest(ManifestError),
    /// A call failed.
    Io(String),
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FolderError::Manifest(error) => error.fmt(f),
            FolderError::Io(text) => f.write_str(text),
        }
    }
}

/// The append-only folder with its manifest.
pub struct AofFolder {
    disk: Arc<dyn Disk>,
    names: AofNames,
    manifest: Manifest,
}

impl AofFolder {
    /// Reads the manifest; an empty one when there is none.
    pub fn open(disk: Arc<dyn Disk>, names: AofNames) -> Result<AofFolder, FolderError> {
        let path = names.manifest_path();
        let manifest = match read_file(&*disk, &path, MANIFEST_MAX_BYTES) {
            Ok(text) => Manifest::parse(&text).map_err(FolderError::Manifest)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Manifest::default(),
            Err(error) => {
                let (path, reason) = (path.display(), reason(&error));
                let text = format!("Fatal error: can't open the AOF manifest file {path} for reading: {reason}");
                return Err(FolderError::Io(text));
            }
        };
        Ok(AofFolder { disk, names, manifest })
    }

    /// The disk.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The names.
    pub fn names(&self) -> &AofNames {
        &self.names
    }

    /// The manifest as this server believes it to be on the disk.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Sum of the sizes of the files to be loaded, and of the base alone, in bytes.
    pub fn sizes(&self) -> Result<(u64, u64), FolderError> {
        let (mut total, mut base) = (0, 0);
        for file in self.manifest.files() {
            let len = self.disk.len(&self.names.path(&file.name)).map_err(|error| {
                let (name, reason) = (&file.name, reason(&error));
                FolderError::Io(format!("Unable to obtain the AOF file {name} length. stat: {reason}"))
            })?;
            total += len;
            if self.manifest.base.as_ref() == Some(file) {
                base = len;
            }
        }
        Ok((total, base))
    }

    /// Makes the folder, durably, when it is not there.
    pub fn create(&self) -> io::Result<()> {
        let path = self.names.folder_path();
        if !self.disk.is_folder(&path) {
            self.disk.create_folder(&path)?;
            self.disk.sync_folder(&self.names.dir)?;
        }
        Ok(())
    }

    /// Moves a log of a single file, as servers before Redis 7 wrote it, into the folder as the base. Returns whether
    /// there was one. Interrupted at any point it can be run again.
    pub fn adopt_old_file(&mut self) -> Result<Option<Note>, FolderError> {
        let (dir, folder, stem) = (&self.names.dir, &self.names.folder, &self.names.stem);
        let (old, new) = (dir.join(stem), self.names.path(stem));
        if !self.disk.exists(&old) || self.disk.is_folder(&old) {
            return Ok(None);
        }
        let named = self.manifest.base.as_ref().is_some_and(|base| base.name == *stem) && !self.disk.exists(&new);
        let begun = named && self.manifest.increments.is_empty();
        if !self.manifest.is_empty() && !begun {
            return Ok(None);
        }
        self.create().map_err(|error| {
            FolderError::Io(format!("Can't open or create append-only dir {folder}: {}", reason(&error)))
        })?;
        let base = LogFile { name: stem.clone(), seq: 1 };
        let manifest = Manifest { base: Some(base), base_seq: 1, ..Manifest::default() };
        let note = Note::notice(format!(
            "Successfully migrated an old-style AOF file ({stem}) into the AOF directory ({folder})."
        ));
        self.persist(manifest)
            .map_err(|error| FolderError::Io(format!("Can't write the AOF manifest file: {}", reason(&error))))?;
        let moved = self.disk.rename(&old, &new).and_then(|()| {
            self.disk.sync_folder(&self.names.folder_path())?;
            self.disk.sync_folder(&self.names.dir)
        });
        moved.map_err(|error| {
            let (stem, folder, reason) = (&self.names.stem, &self.names.folder, reason(&error));
            FolderError::Io(format!("Error trying to move the old AOF file {stem} into dir {folder}: {reason}"))
        })?;
        Ok(Some(note))
    }

    /// Writes a manifest and, when that is done, takes it for the one in force. After an error either may be on the
    /// disk, and the numbers of the new one are not used again.
    fn persist(&mut self, manifest: Manifest) -> io::Result<()> {
        let (path, temp) = (self.names.manifest_path(), self.names.temp_manifest_path());
        match replace_file(&*self.disk, &path, &temp, manifest.to_text().as_bytes()) {
            Ok(()) => {
                self.manifest = manifest;
                Ok(())
            }
            Err(error) => {
                self.manifest.base_seq = self.manifest.base_seq.max(manifest.base_seq);
                self.manifest.increment_seq = self.manifest.increment_seq.max(manifest.increment_seq);
                Err(error)
            }
        }
    }

    /// Opens the last increment to go on with it, or a first one. Returns the file, its name and its length in bytes,
    /// and whether it is new. For the start of the server.
    pub fn open_last_increment(&mut self) -> io::Result<(Box<dyn DiskFile>, String, u64, bool)> {
        match self.manifest.increments.last() {
            Some(last) => {
                let name = last.name.clone();
                let mut file = self.disk.open(&self.names.path(&name), Open::Keep)?;
                // What was loaded must not be lost by what comes behind it.
                file.sync_data()?;
                let len = file.len()?;
                Ok((file, name, len, false))
            }
            None => self.add_increment().map(|(file, name)| (file, name, 0, true)),
        }
    }

    /// Makes a new, empty increment the last file of the log.
    pub fn add_increment(&mut self) -> io::Result<(Box<dyn DiskFile>, String)> {
        self.create()?;
        let mut manifest = self.manifest.clone();
        let name = manifest.add_increment(&self.names.stem);
        let mut file = self.disk.open(&self.names.path(&name), Open::Truncate)?;
        file.sync_all()?;
        // The name first: a manifest that names a missing file is refused.
        self.disk.sync_folder(&self.names.folder_path())?;
        self.persist(manifest).inspect_err(|_| self.remove_unless_named(&name))?;
        Ok((file, name))
    }

    /// Removes a file of a step that failed, if it is certain that the manifest on the disk does not name it.
    fn remove_unless_named(&self, name: &str) {
        let text = read_file(&*self.disk, &self.names.manifest_path(), MANIFEST_MAX_BYTES);
        let known = match text {
            Ok(text) => Manifest::parse(&text).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Manifest::default()),
            Err(_) => None,
        };
        if known.is_some_and(|known| known.files().all(|file| file.name != name)) {
            // Else it only takes space.
            let _ = self.disk.remove(&self.names.path(name));
        }
    }

    /// Opens the increment of a log that has just been turned on, empty and outside the manifest.
    pub fn open_temp_increment(&mut self) -> io::Result<(Box<dyn DiskFile>, String)> {
        self.create()?;
        let name = self.names.temp_increment();
        let file = self.disk.open(&self.names.path(&name), Open::Truncate)?;
        Ok((file, name))
    }

    /// Makes a finished snapshot the base of the log. All older files become history, but for the increment in use.
    /// Returns the base's name and its length in bytes.
    ///
    /// `temp` must be synced. On an error the log is as before, or already as after on the disk: both hold the same data.
    pub fn install_base(&mut self, temp: &Path, format: BaseFormat, increment: InUse) -> io::Result<(String, u64)> {
        self.create()?;
        let mut manifest = self.manifest.clone();
        let name = manifest.replace_base(&self.names.stem, format, increment == InUse::Last);
        let path = self.names.path(&name);
        self.disk.rename(temp, &path).inspect_err(|_| {
            // A leftover is removed at the next start.
            let _ = self.disk.remove(temp);
        })?;
        if increment == InUse::Temp {
            let incr = manifest.add_increment(&self.names.stem);
            self.disk.rename(&self.names.path(&self.names.temp_increment()), &self.names.path(&incr))?;
        }
        self.disk.sync_folder(&self.names.folder_path())?;
        let len = self.disk.len(&path)?;
        self.persist(manifest).inspect_err(|_| self.remove_unless_named(&name))?;
        Ok((name, len))
    }

    /// Removes the history files and drops them from the manifest. What cannot be removed is tried again next time.
    pub fn remove_history(&mut self, notes: &mut Vec<Note>) -> io::Result<()> {
        if self.manifest.history.is_empty() {
            return Ok(());
        }
        let mut manifest = self.manifest.clone();
        manifest.history.retain(|file| {
            notes.push(Note::notice(format!("Removing the history file {} in the background", file.name)));
            let removed = self.disk.remove(&self.names.path(&file.name));
            removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
        self.persist(manifest)
    }
}

/// The increment that is being written while a base is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// The manifest's last.
    Last,
    /// The temporary one, which now becomes an increment.
    Temp,
    /// None: the log is off.
    None,
}

/// Removes what interrupted writes left behind. Call it with the folder locked and before anything is written.
pub fn remove_leftovers(disk: &dyn Disk, names: &AofNames) {
    let numbered = |name: &str, before: &str, after: &str| {
        let digits = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    for name in disk.list(&names.dir).unwrap_or_default() {
        let ours = numbered(&name, "temp-", ".rdb")
            || numbered(&name, "temp-rewriteaof-bg-", ".aof")
            || numbered(&name, "temp-rewriteaof-", ".aof");
        if ours {
            // A leftover does no harm but to the space it takes.
            let _ = disk.remove(&names.dir.join(name));
        }
    }
    for path in [names.temp_manifest_path(), names.path(&names.temp_increment())] {
        if disk.exists(&path) {
            let _ = disk.remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::testing::{FakeDisk, Image, fake};

    fn names() -> AofNames {
        AofNames { dir: "/".into(), folder: "aof".into(), stem: "log".into() }
    }

    fn open(disk: &FakeDisk) -> AofFolder {
        AofFolder::open(Arc::new(disk.clone()), names()).unwrap()
    }

    /// The log's bytes as the next start reads them.
    fn contents(disk: &FakeDisk) -> String {
        let mut folder = open(disk);
        folder.adopt_old_file().unwrap();
        let read = |file: &LogFile| {
            let bytes = read_file(disk, &folder.names.path(&file.name), 1000);
            String::from_utf8(bytes.unwrap_or_else(|error| panic!("{}: {error}", file.name))).unwrap()
        };
        folder.manifest().files().map(read).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn an_old_single_file_is_adopted_wherever_the_plug_is_pulled() {
        let before = fake();
        before.put("/log", b"old");
        for tick in 0.. {
            let disk = before.after_crash(Image::Synced);
            disk.crash_at(tick);
            let done = open(&disk).adopt_old_file().is_ok();
            for image in Image::ALL {
                assert_eq!(contents(&disk.after_crash(image)), "old", "tick {tick}, {image:?}");
            }
            if done {
                assert_eq!(disk.names(), ["/aof/log", "/aof/log.manifest"]);
                assert!(open(&disk).adopt_old_file().unwrap().is_none());
                break;
            }
        }
    }

    #[test]
    fn increments_and_bases_change_hands_wherever_the_plug_is_pulled() {
        let before = fake();
        let mut folder = open(&before);
        before.put("/temp", b"A");
        folder.install_base(Path::new("/temp"), BaseFormat::Rdb, InUse::None).unwrap();
        let (mut file, ..) = folder.open_last_increment().unwrap();
        file.write_all_at(b"b", 0).unwrap();
        file.sync_data().unwrap();
        assert_eq!(contents(&before), "A|b");
        before.put("/temp", b"AB");
        for tick in 0.. {
            let disk = before.after_crash(Image::Synced);
            let mut folder = open(&disk);
            disk.crash_at(tick);
            let work = || -> io::Result<()> {
                let (mut file, _) = folder.add_increment()?;
                file.write_all_at(b"c", 0)?;
                file.sync_data()?;
                folder.install_base(Path::new("/temp"), BaseFormat::Aof, InUse::Last)?;
                folder.remove_history(&mut Vec::new())
            };
            let done = { work }().is_ok();
            for image in Image::ALL {
                let found = contents(&disk.after_crash(image));
                let fine = ["A|b", "A|b|", "A|b|c", "AB|c"].contains(&&*found);
                assert!(fine && (found == "AB|c" || !done), "tick {tick}, {image:?}: {found}");
            }
            if done {
                assert_eq!(disk.names(), ["/aof/log.2.base.aof", "/aof/log.2.incr.aof", "/aof/log.manifest"]);
                break;
            }
        }
    }

    #[test]
    fn a_log_turned_on_keeps_the_old_files_until_its_base_is_whole() {
        let before = fake();
        let mut folder = open(&before);
        before.put("/temp", b"OLD");
        folder.install_base(Path::new("/temp"), BaseFormat::Rdb, InUse::None).unwrap();
        before.put("/temp", b"NEW");
        for tick in 0.. {
            let disk = before.after_crash(Image::Synced);
            let mut folder = open(&disk);
            disk.crash_at(tick);
            let work = || -> io::Result<()> {
                let (mut file, _) = folder.open_temp_increment()?;
                file.write_all_at(b"+", 0)?;
                file.sync_data()?;
                folder.install_base(Path::new("/temp"), BaseFormat::Rdb, InUse::Temp)?;
                Ok(())
            };
            let done = { work }().is_ok();
            for image in Image::ALL {
                let found = contents(&disk.after_crash(image));
                assert!(found == "NEW|+" || (found == "OLD" && !done), "tick {tick}, {image:?}: {found}");
            }
            if done {
                break;
            }
        }
    }

    #[test]
    fn numbers_are_not_used_again_after_a_manifest_that_may_have_been_written() {
        let disk = fake();
        let mut folder = open(&disk);
        folder.add_increment().unwrap();
        disk.fail_writes(Some(libc::ENOSPC));
        assert!(folder.add_increment().is_err());
        disk.fail_writes(None);
        assert_eq!(folder.add_increment().unwrap().1, "log.3.incr.aof");
        assert!(!disk.exists(Path::new("/aof/log.2.incr.aof")));
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let disk = fake();
        for name in ["/temp-12.rdb", "/temp-rewriteaof-bg-7.aof", "/temp-rewriteaof-7.aof", "/aof/temp-log.manifest"] {
            disk.put(name, b"x");
        }
        for name in ["/dump.rdb", "/temp-.rdb", "/temp-1x.rdb", "/aof/log.manifest"] {
            disk.put(name, b"x");
        }
        remove_leftovers(&disk, &names());
        assert_eq!(disk.names(), ["/aof/log.manifest", "/dump.rdb", "/temp-.rdb", "/temp-1x.rdb"]);
    }
}
