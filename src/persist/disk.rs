//! The disk as this room sees it: a few calls behind a trait, so that tests can pull the plug at any byte.
//!
//! Owns [`Disk`] and [`DiskFile`], the real ones, and atomic replacement ([`replace_file`]). [`RealDisk`] is the only
//! place below `server/` that touches the file system, and the only one here that asks for the time.
//!
//! Promises: files are written at explicit offsets, so a write that fell short is repeated at the same place and never
//! appended twice. What is assumed of a disk: a file's bytes survive a crash once `sync_data` or `sync_all` has
//! returned; names (created, renamed, removed) survive once the folder was synced; a rename is atomic.
//!
//! Left out: what is in the files.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file that is locked while a server works on a folder.
pub const LOCK_NAME: &str = ".larder.lock";

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// To be read; it must exist.
    Read,
    /// To be written; made when missing, its bytes kept.
    Keep,
    /// To be written; made when missing, emptied when there.
    Truncate,
}

/// An open file. All offsets are in bytes from its beginning.
pub trait DiskFile: Send {
    /// Reads up to `into.len()` bytes at `offset`; 0 at the end.
    fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes some of `bytes` at `offset` and returns how many.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes the file's bytes (and its length) durable.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Makes the file's bytes and attributes durable.
    fn sync_all(&mut self) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// The file's length.
    fn len(&mut self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&mut self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Writes all of `bytes` at `offset`. On an error an unknown part of them is in the file.
    fn write_all_at(&mut self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Holds a folder for this process until dropped.
pub trait FolderLock: Send {}

/// A disk.
pub trait Disk: Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;
    /// A file's length in bytes; an error of kind `NotFound` when there is none.
    fn len(&self, path: &Path) -> io::Result<u64>;
    /// Whether a file or folder has this name.
    fn exists(&self, path: &Path) -> bool;
    /// Whether a folder has this name.
    fn is_folder(&self, path: &Path) -> bool;
    /// Gives a file another name, in the place of what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes a folder; no error when it is there.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Keeps other servers off a folder. The error's text names the folder and says what to do.
    fn lock_folder(&self, folder: &Path) -> io::Result<Box<dyn FolderLock>>;
    /// A clock that never goes back.
    fn uptime(&self) -> Duration;
}

/// The folder a file is in; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Reads a whole file of at most `limit` bytes. O(length).
pub fn read_file(disk: &dyn Disk, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = disk.open(path, Open::Read)?;
    let mut bytes = Vec::new();
    let mut block = [0; 8192];
    loop {
        let count = file.read_at(&mut block, bytes.len() as u64)?;
        if count == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&block[..count]);
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "File too large"));
        }
    }
}

/// Puts `bytes` in the place of a file, or leaves it as it was: written under the name `temp` of the same folder,
/// synced, renamed, the folder synced. After an error `temp` is removed if it can be. When only the folder's sync
/// failed, the new bytes may be in place although an error is returned.
pub fn replace_file(disk: &dyn Disk, path: &Path, temp: &Path, bytes: &[u8]) -> io::Result<()> {
    let write = || {
        let mut file = disk.open(temp, Open::Truncate)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        disk.rename(temp, path)
    };
    if let Err(error) = write() {
        // The first error is the one to tell; a leftover is removed at the next start.
        let _ = disk.remove(temp);
        return Err(error);
    }
    disk.sync_folder(folder_of(path))
}

/// The system's words for an error, without the number: what Redis's messages end in.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// The file system.
pub struct RealDisk {
    began: Instant,
}

impl Default for RealDisk {
    fn default() -> RealDisk {
        RealDisk::new()
    }
}

impl RealDisk {
    /// The file system.
    pub fn new() -> RealDisk {
        RealDisk { began: Instant::now() }
    }
}

struct RealFile(fs::File);

impl DiskFile for RealFile {
    fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(into, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&mut self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// The lock is the open file's.
struct RealLock {
    _file: fs::File,
}

impl FolderLock for RealLock {}

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut options = fs::OpenOptions::new();
        match how {
            Open::Read => options.read(true),
            Open::Keep => options.read(true).write(true).create(true).truncate(false),
            Open::Truncate => options.read(true).write(true).create(true).truncate(true),
        };
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn exists(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok()
    }

    fn is_folder(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| found.is_dir())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            // Names that are no UTF-8 are none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.is_folder(folder) => Ok(()),
            other => other,
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        match fs::File::open(folder)?.sync_all() {
            // Some file systems cannot sync a folder; there is nothing better to do on them.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            other => other,
        }
    }

    fn lock_folder(&self, folder: &Path) -> io::Result<Box<dyn FolderLock>> {
        let path: PathBuf = folder.join(LOCK_NAME);
        // Held open for reading only: a file that is open for writing keeps the file system from being made read-only.
        let file = fs::File::open(&path).or_else(|_| {
            fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            fs::File::open(&path)
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock { _file: file })),
            Err(fs::TryLockError::Error(error)) => Err(error),
            Err(fs::TryLockError::WouldBlock) => {
                let shown = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
                Err(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    format!(
                        "another server is using the folder {}: stop it, or give this one another 'dir'",
                        shown.display()
                    ),
                ))
            }
        }
    }

    fn uptime(&self) -> Duration {
        self.began.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::testing::{Image, TempFolder, fake};

    #[test]
    fn a_second_lock_on_a_folder_is_refused_and_says_what_to_do() {
        let folder = TempFolder::new("lock");
        let disk = RealDisk::new();
        let held = disk.lock_folder(folder.path()).unwrap();
        let error = disk.lock_folder(folder.path()).err().unwrap().to_string();
        assert!(error.contains("another server is using the folder /") && error.contains("'dir'"), "{error}");
        drop(held);
        assert!(disk.lock_folder(folder.path()).is_ok());
    }

    #[test]
    fn the_real_disk_does_what_the_fake_does() {
        let folder = TempFolder::new("real");
        let real: Box<dyn Disk> = Box::new(RealDisk::new());
        let fake: Box<dyn Disk> = Box::new(fake());
        for (disk, root) in [(real, folder.path().to_owned()), (fake, PathBuf::from("/"))] {
            let (a, b) = (root.join("a"), root.join("b"));
            assert_eq!(disk.len(&a).unwrap_err().kind(), io::ErrorKind::NotFound);
            assert_eq!(disk.open(&a, Open::Read).err().unwrap().kind(), io::ErrorKind::NotFound);
            let mut file = disk.open(&a, Open::Keep).unwrap();
            file.write_all_at(b"hello", 0).unwrap();
            file.write_all_at(b"y there", 4).unwrap();
            file.set_len(9).unwrap();
            file.sync_data().unwrap();
            assert_eq!(read_file(&*disk, &a, 100).unwrap(), b"helly the");
            assert!(read_file(&*disk, &a, 3).is_err());
            disk.rename(&a, &b).unwrap();
            assert!(!disk.exists(&a) && disk.exists(&b) && !disk.is_folder(&b));
            disk.create_folder(&root.join("sub")).unwrap();
            disk.create_folder(&root.join("sub")).unwrap();
            assert!(disk.is_folder(&root.join("sub")));
            let mut names = disk.list(&root).unwrap();
            names.sort();
            assert_eq!(names, ["b", "sub"]);
            disk.open(&b, Open::Truncate).unwrap();
            assert_eq!(disk.len(&b).unwrap(), 0);
            disk.remove(&b).unwrap();
            assert_eq!(disk.remove(&b).unwrap_err().kind(), io::ErrorKind::NotFound);
            disk.sync_folder(&root).unwrap();
        }
    }

    #[test]
    fn a_replaced_file_is_the_old_or_the_new_one_wherever_the_plug_is_pulled() {
        let (path, temp) = (Path::new("/data"), Path::new("/temp-data"));
        let disk = fake();
        replace_file(&disk, path, temp, b"old").unwrap();
        let before = disk.after_crash(Image::Synced);
        for tick in 0.. {
            let disk = before.after_crash(Image::Synced);
            disk.crash_at(tick);
            let done = replace_file(&disk, path, temp, b"brand new").is_ok();
            for image in Image::ALL {
                let found = read_file(&disk.after_crash(image), path, 100).unwrap();
                assert!(found == b"brand new" || (found == b"old" && !done), "tick {tick}, {image:?}: {found:?}");
            }
            if done {
                break;
            }
        }
    }
}
