//! What a log leaves behind: its requests, run by an engine of its own on a disk that cannot be written.
//!
//! Promises: the files stay as they are, a cut-off end included, which is told instead. The engine's clock stands still
//! at 1970, so no key expires: deadlines in a log are moments, not spans.
//!
//! Left out: everything about the keys.

use super::console::Console;
use crate::config::{Config, SetAt};
use crate::engine::migration::Delivery;
use crate::engine::{Engine, Facts, Files, Prepared, Senses, Usage};
use crate::object::Object;
use crate::persist::disk::{DiskFile, FolderLock, Open};
use crate::persist::{Disk, Manifest, RealDisk, manifest::LogFile};
use crate::structs::alloc;
use crate::structs::table::Table;
use indicatif::ProgressBar;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Databases a log may speak of; more than any server was seen with.
const DATABASES: &str = "1024";
/// Bytes of a file's name beyond which it is called something else.
const NAME_MAX_BYTES: usize = 200;

/// A file of a log.
pub(super) struct Part {
    /// The name it goes by.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Part {
    /// A file that is the whole log.
    pub(super) fn alone(path: &Path) -> Part {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // It has to be one that a manifest can hold.
        let fits = !name.is_empty() && name.len() <= NAME_MAX_BYTES && !name.contains(['\\', '/']);
        Part { name: if fits { name } else { "log".to_owned() }, path: path.to_owned() }
    }
}

/// What is there after a log was run.
pub(super) struct Replayed {
    /// The keys, database by database.
    pub databases: Vec<Table<Object>>,
    /// The file whose end is cut off, and the offset up to which it is sound.
    pub cut: Option<(String, u64)>,
}

const SENSES: Senses = Senses {
    monotonic_ns: || 0,
    unix_us: || 0,
    usage: Usage::default,
    used_memory: alloc::used_bytes,
    purge_memory: || {},
    serve_others: |_| {},
    receive: |_, _, _| false,
    spawn: |_, _| Err("there are no threads".to_owned()),
    migrate: |_, _| (Delivery::Unreachable, Vec::new()),
    sleep: |_| {},
    prepare: |_, _, _| Ok(Prepared::default()),
    rewrite_config: |_, _, _| Err("there is no such file".to_owned()),
    read_file: |_| Err("there is no such file".to_owned()),
    replace_file: |_, _| Err("there is no such file".to_owned()),
    random_bytes: |_| Err("nothing is left to chance".to_owned()),
};

/// Runs all requests of a log's files, in their order. Errors: a line with file and offset.
pub(super) fn replay(console: &Console, parts: &[Part]) -> Result<Replayed, String> {
    let mut config = Config::default();
    config.set_many(&[(b"databases", DATABASES.as_bytes())], SetAt::Startup).map_err(|error| error.to_string())?;
    let view =
        Arc::new(View { files: Mutex::default(), real: RealDisk::new(), bar: console.bar(), cut: Default::default() });
    let files = Files { disk: view.clone(), notify: Arc::new(|| {}) };
    let mut engine = Engine::new(config, Facts::default(), SENSES, files, 0).map_err(|error| format!("{error:?}"))?;
    let names = engine.log_names();
    let mut manifest = Manifest::default();
    let mut total = 0;
    let mut seen = HashMap::new();
    for (part, seq) in parts.iter().zip(1..) {
        total += view.real.len(&part.path).unwrap_or(0);
        manifest.increments.push(LogFile { name: part.name.clone(), seq });
        seen.insert(names.path(&part.name), Seen::File(part.path.clone()));
    }
    seen.insert(names.manifest_path(), Seen::Text(manifest.to_text().into_bytes()));
    *view.files.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    let bar = console.bar();
    bar.reset();
    bar.set_length(total);
    if !parts.is_empty() {
        engine.load_data(true)?;
    }
    let databases = engine.keyspace.clones();
    // The snapshot holds all that matters, and the engine's own part of it need not be taken apart.
    std::mem::forget(engine);
    let cut = view.cut.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(Replayed { databases, cut })
}

/// What stands behind a name.
#[derive(Clone)]
enum Seen {
    /// A real file.
    File(PathBuf),
    /// A file that is not there.
    Text(Vec<u8>),
}

/// A disk with a log of its own, made of files that are elsewhere and are only read.
struct View {
    files: Mutex<HashMap<PathBuf, Seen>>,
    real: RealDisk,
    bar: ProgressBar,
    cut: Arc<Mutex<Option<(String, u64)>>>,
}

impl View {
    fn seen(&self, path: &Path) -> io::Result<Seen> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for View {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        if how == Open::Truncate {
            return read_only();
        }
        Ok(match self.seen(path)? {
            Seen::Text(bytes) => Box::new(TextFile(bytes)),
            Seen::File(path) => Box::new(SeenFile {
                file: self.real.open(&path, Open::Read)?,
                name: path.display().to_string(),
                bar: self.bar.clone(),
                cut: self.cut.clone(),
            }),
        })
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        match self.seen(path)? {
            Seen::Text(bytes) => Ok(bytes.len() as u64),
            Seen::File(path) => self.real.len(&path),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.seen(path).is_ok()
    }

    fn is_folder(&self, _path: &Path) -> bool {
        false
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        read_only()
    }

    fn list(&self, _folder: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn create_folder(&self, _folder: &Path) -> io::Result<()> {
        read_only()
    }

    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        read_only()
    }

    fn lock_folder(&self, _folder: &Path) -> io::Result<Box<dyn FolderLock>> {
        read_only()
    }

    fn uptime(&self) -> Duration {
        self.real.uptime()
    }
}

struct TextFile(Vec<u8>);

impl DiskFile for TextFile {
    fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&mut self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        read_only()
    }

    fn sync_data(&mut self) -> io::Result<()> {
        read_only()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        read_only()
    }

    fn set_len(&mut self, _len: u64) -> io::Result<()> {
        read_only()
    }

    fn len(&mut self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

struct SeenFile {
    file: Box<dyn DiskFile>,
    name: String,
    bar: ProgressBar,
    cut: Arc<Mutex<Option<(String, u64)>>>,
}

impl DiskFile for SeenFile {
    fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.file.read_at(into, offset)?;
        self.bar.inc(count as u64);
        Ok(count)
    }

    fn write_at(&mut self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        read_only()
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The loader cuts off an end that is not whole. Here that is only noted.
    fn set_len(&mut self, len: u64) -> io::Result<()> {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.name.clone(), len));
        Ok(())
    }

    fn len(&mut self) -> io::Result<u64> {
        self.file.len()
    }
}
