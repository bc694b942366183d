//! Test equipment: a disk in memory that forgets what was not synced, and folders that clean up after themselves.
//!
//! [`FakeDisk`] counts ticks: every byte written is one, every other change one. At a set tick the plug is pulled: the
//! write under way keeps what came before, and everything after fails. [`FakeDisk::after_crash`] then gives the disk as
//! the next start finds it, in one of several [`Image`]s of what had reached it.

use super::disk::{Disk, DiskFile, FolderLock, Open, folder_of};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What survives of things that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// Only what was synced: the power failed and nothing had been written back.
    Synced,
    /// Everything: the process was killed, the system lives on.
    Everything,
    /// All names, but of bytes only the synced ones: names were written back before bytes.
    Names,
    /// The synced bytes and half of the others, under the synced names.
    Torn,
}

impl Image {
    pub const ALL: [Image; 4] = [Image::Synced, Image::Everything, Image::Names, Image::Torn];
}

#[derive(Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    /// The bytes a sync would write: a failed sync forgets them, as Linux does.
    dirty: Vec<bool>,
}

impl Inode {
    fn synced(bytes: Vec<u8>) -> Inode {
        Inode { dirty: vec![false; bytes.len()], synced: bytes.clone(), bytes }
    }

    fn resize(&mut self, len: usize) {
        self.bytes.resize(len, 0);
        self.dirty.resize(len, true);
    }

    fn sync(&mut self) {
        self.synced.resize(self.bytes.len(), 0);
        for (at, dirty) in self.dirty.iter_mut().enumerate() {
            if std::mem::take(dirty) {
                self.synced[at] = self.bytes[at];
            }
        }
    }
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    locked: BTreeSet<PathBuf>,
    ticks: u64,
    crash_at: Option<u64>,
    fail_writes: Option<i32>,
    fail_syncs: Option<i32>,
    fail_names: Option<i32>,
    room: Option<u64>,
    uptime: Duration,
}

impl State {
    /// Takes up to `wanted` ticks; fewer when the plug is pulled on the way.
    fn tick(&mut self, wanted: u64) -> io::Result<u64> {
        let left = self.crash_at.map_or(wanted, |at| at.saturating_sub(self.ticks).min(wanted));
        self.ticks += left;
        if left == 0 && wanted > 0 { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(left) }
    }
}

/// A disk in memory.
#[derive(Clone, Default)]
pub struct FakeDisk(Arc<Mutex<State>>);

/// An empty disk.
pub fn fake() -> FakeDisk {
    FakeDisk::default()
}

impl FakeDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Pulls the plug after so many further ticks.
    pub fn crash_at(&self, ticks: u64) {
        let mut state = self.state();
        state.crash_at = Some(state.ticks + ticks);
    }

    /// Whether the plug has been pulled.
    pub fn crashed(&self) -> bool {
        let state = self.state();
        state.crash_at.is_some_and(|at| state.ticks >= at)
    }

    /// Lets every write fail with this error number, or none.
    pub fn fail_writes(&self, errno: Option<i32>) {
        self.state().fail_writes = errno;
    }

    /// Lets every sync of a file fail with this error number and forget the bytes, or none.
    pub fn fail_syncs(&self, errno: Option<i32>) {
        self.state().fail_syncs = errno;
    }

    /// Lets every rename fail with this error number, or none.
    pub fn fail_names(&self, errno: Option<i32>) {
        self.state().fail_names = errno;
    }

    /// Lets writes fall short, then fail with ENOSPC, after so many further bytes.
    pub fn room(&self, bytes: Option<u64>) {
        self.state().room = bytes;
    }

    /// Moves the clock.
    pub fn pass(&self, span: Duration) {
        self.state().uptime += span;
    }

    /// A file's bytes as a reader sees them.
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(Path::new(path)).map(|&inode| state.inodes[inode].bytes.clone())
    }

    /// All files' names.
    pub fn names(&self) -> Vec<String> {
        self.state().names.keys().map(|path| path.display().to_string()).collect()
    }

    /// Makes a file, synced.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut state = self.state();
        state.inodes.push(Inode::synced(bytes.to_vec()));
        let inode = state.inodes.len() - 1;
        state.names.insert(path.into(), inode);
        state.synced_names.insert(path.into(), inode);
        state.folders.insert(folder_of(Path::new(path)).to_owned());
    }

    /// The disk as the next start finds it.
    pub fn after_crash(&self, image: Image) -> FakeDisk {
        let state = self.state();
        let kept = |inode: &Inode| match image {
            Image::Everything => inode.bytes.clone(),
            Image::Synced | Image::Names => inode.synced.clone(),
            Image::Torn => {
                let mut bytes = inode.synced.clone();
                let half = bytes.len() + (inode.bytes.len().saturating_sub(bytes.len())).div_ceil(2);
                bytes.extend_from_slice(inode.bytes.get(bytes.len()..half).unwrap_or(&[]));
                bytes
            }
        };
        let names = match image {
            Image::Everything | Image::Names => state.names.clone(),
            Image::Synced | Image::Torn => state.synced_names.clone(),
        };
        let inodes: Vec<Inode> = state.inodes.iter().map(|inode| Inode::synced(kept(inode))).collect();
        let fresh = State {
            inodes,
            synced_names: names.clone(),
            names,
            folders: state.folders.clone(),
            uptime: state.uptime,
            ..State::default()
        };
        FakeDisk(Arc::new(Mutex::new(fresh)))
    }
}

struct FakeFile {
    disk: FakeDisk,
    inode: usize,
    writable: bool,
}

impl DiskFile for FakeFile {
    fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let bytes = &state.inodes[self.inode].bytes;
        let from = bytes.get(usize::try_from(offset).unwrap().min(bytes.len())..).unwrap_or(&[]);
        let count = from.len().min(into.len());
        into[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        assert!(self.writable);
        let mut state = self.disk.state();
        if let Some(errno) = state.fail_writes {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let mut count = bytes.len() as u64;
        if let Some(room) = &mut state.room {
            if *room == 0 && count > 0 {
                return Err(io::Error::from_raw_os_error(libc::ENOSPC));
            }
            count = count.min(*room);
            *room -= count;
        }
        let count = state.tick(count)? as usize;
        let file = &mut state.inodes[self.inode];
        let range = offset as usize..offset as usize + count;
        file.resize(file.bytes.len().max(range.end));
        file.bytes[range.clone()].copy_from_slice(&bytes[..count]);
        file.dirty[range].fill(true);
        Ok(count)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        if let Some(errno) = state.fail_syncs {
            state.inodes[self.inode].dirty.fill(false);
            return Err(io::Error::from_raw_os_error(errno));
        }
        state.tick(1)?;
        state.inodes[self.inode].sync();
        Ok(())
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.tick(1)?;
        state.inodes[self.inode].resize(len as usize);
        Ok(())
    }

    fn len(&mut self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].bytes.len() as u64)
    }
}

struct FakeLock {
    disk: FakeDisk,
    folder: PathBuf,
}

impl FolderLock for FakeLock {}

impl Drop for FakeLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.folder);
    }
}

impl Disk for FakeDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let inode = match (state.names.get(path).copied(), how) {
            (Some(inode), _) => inode,
            (None, Open::Read) => return Err(io::Error::from_raw_os_error(libc::ENOENT)),
            (None, _) => {
                state.tick(1)?;
                state.inodes.push(Inode::default());
                let inode = state.inodes.len() - 1;
                state.names.insert(path.to_owned(), inode);
                inode
            }
        };
        if how == Open::Truncate && !state.inodes[inode].bytes.is_empty() {
            state.tick(1)?;
            state.inodes[inode].resize(0);
        }
        Ok(Box::new(FakeFile { disk: self.clone(), inode, writable: how != Open::Read }))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let state = self.state();
        match state.names.get(path) {
            Some(&inode) => Ok(state.inodes[inode].bytes.len() as u64),
            None => Err(io::Error::from_raw_os_error(libc::ENOENT)),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        let state = self.state();
        state.names.contains_key(path) || state.folders.contains(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.state().folders.contains(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        if let Some(errno) = state.fail_names {
            return Err(io::Error::from_raw_os_error(errno));
        }
        state.tick(1)?;
        let inode = state.names.remove(from).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
        state.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.tick(1)?;
        state.names.remove(path).map(|_| ()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let all = state.names.keys().chain(&state.folders);
        let inside = all.filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.tick(1)?;
        state.folders.insert(folder.to_owned());
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.tick(1)?;
        let inside: Vec<(PathBuf, usize)> = state
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(folder))
            .map(|(path, &inode)| (path.clone(), inode))
            .collect();
        state.synced_names.retain(|path, _| path.parent() != Some(folder));
        state.synced_names.extend(inside);
        Ok(())
    }

    fn lock_folder(&self, folder: &Path) -> io::Result<Box<dyn FolderLock>> {
        if !self.state().locked.insert(folder.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FakeLock { disk: self.clone(), folder: folder.to_owned() }))
    }

    fn uptime(&self) -> Duration {
        self.state().uptime
    }
}

/// A folder of its own on the real disk, removed when dropped.
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// A new folder; `word` is for people who find it.
    pub fn new(word: &str) -> TempFolder {
        let path = std::env::temp_dir().join(format!("larder-{word}-{}-{}", std::process::id(), fastrand::u64(..)));
        std::fs::create_dir_all(&path).unwrap();
        TempFolder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
