//! `check-aof`: walks over a log, file by file, and cuts off an unsound end when asked to.
//!
//! Promises: the output is that of redis-check-aof in its order and words, where there is something to say. A file is
//! changed only after the question was answered with yes (`--fix`), or at a timestamp that was asked for; only the last
//! file of a log is ever changed; the change is on the disk when success is told; and it is refused while a server of
//! ours works on the folder. Unlike redis-check-aof, a file that is only looked at need not be writable, and lines are
//! counted anew in each file.

use super::aof_scan::{Report, Stopped, scan};
use super::check_rdb;
use super::console::Console;
use super::source::{FileKind, kind_of};
use super::{Failed, Outcome};
use crate::persist::disk::{FolderLock, LOCK_NAME, folder_of, read_file, reason};
use crate::persist::manifest::MANIFEST_MAX_BYTES;
use crate::persist::{Disk, Manifest, RealDisk};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

/// What is done about an unsound log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Nothing.
    Look,
    /// Its end is cut off.
    Fix,
    /// All that was logged later than this is cut off, in seconds since 1970.
    Until(i64),
}

impl How {
    fn until(self) -> Option<i64> {
        match self {
            How::Until(seconds) => Some(seconds),
            _ => None,
        }
    }
}

/// How a file was found or left.
enum Found {
    Sound,
    Empty,
    Cut,
    CutInTime,
}

struct Part {
    /// The name it goes by in the output.
    name: String,
    path: PathBuf,
    /// Whether it begins with a snapshot.
    preamble: bool,
    last: bool,
}

/// Checks a manifest's files, or one file.
pub(super) fn run(console: &mut Console, path: &Path, how: How) -> Outcome {
    let kind = kind_of(path).map_err(|error| unreadable(console, path, &error))?;
    if kind == FileKind::Manifest {
        return set(console, path, how);
    }
    console.line("Start checking Old-Style AOF");
    let name = path.display().to_string();
    let part = Part { name, path: path.to_owned(), preamble: kind == FileKind::Rdb, last: true };
    let found = check(console, &part, how)?;
    tell(console, "AOF", &part.name, found, how);
    Ok(())
}

/// Reads a manifest. Errors: a line with file and place.
pub(super) fn manifest(path: &Path) -> Result<Manifest, String> {
    let text = read_file(&RealDisk::new(), path, MANIFEST_MAX_BYTES);
    let text = text.map_err(|error| format!("Cannot open file {}: {}", path.display(), reason(&error)))?;
    Manifest::parse(&text).map_err(|error| {
        let place = error.line.map(|(line, text)| format!(" line {line}: '{text}':")).unwrap_or_default();
        format!("{}:{place} {}", path.display(), error.reason)
    })
}

fn unreadable(console: &mut Console, path: &Path, error: &io::Error) -> Failed {
    console.fail(format!("Cannot open file {}: {}, aborting...", path.display(), reason(error)))
}

fn set(console: &mut Console, path: &Path, how: How) -> Outcome {
    console.line("Start checking Multi Part AOF");
    let manifest = manifest(path).map_err(|why| console.fail(why))?;
    let count = manifest.files().count();
    let folder = folder_of(path);
    for (index, file) in manifest.files().enumerate() {
        let path = folder.join(&file.name);
        let is_base = index == 0 && manifest.base.is_some();
        let mut part = Part { name: file.name.clone(), path, preamble: false, last: index + 1 == count };
        let what = if is_base {
            let kind = kind_of(&part.path).map_err(|error| unreadable(console, &part.path, &error))?;
            part.preamble = kind == FileKind::Rdb;
            let format = if part.preamble { "RDB" } else { "RESP" };
            console.line(format!("Start to check BASE AOF ({format} format)."));
            "BASE AOF"
        } else {
            if index == usize::from(manifest.base.is_some()) {
                console.line("Start to check INCR files.");
            }
            "INCR AOF"
        };
        let found = check(console, &part, how)?;
        tell(console, what, &part.name, found, how);
    }
    console.line("All AOF files and manifest are valid");
    Ok(())
}

fn tell(console: &mut Console, what: &str, name: &str, found: Found, how: How) {
    console.line(match found {
        Found::Sound => format!("{what} {name} is valid"),
        Found::Empty => format!("{what} {name} is empty"),
        Found::Cut => format!("Successfully truncated AOF {name}"),
        Found::CutInTime => {
            format!("Successfully truncated AOF {name} to timestamp {}", how.until().unwrap_or_default())
        }
    });
}

fn check(console: &mut Console, part: &Part, how: How) -> Result<Found, Failed> {
    let Part { name, path, .. } = part;
    let input = console.open(path, 0).map_err(|error| unreadable(console, path, &error))?;
    let size = RealDisk::new().len(path).map_err(|error| unreadable(console, path, &error))?;
    if size == 0 {
        return Ok(Found::Empty);
    }
    let (input, from) = if part.preamble {
        console.line(format!("[offset 0] Checking RDB file {name}"));
        let from = check_rdb::check(console, input, path)?;
        console.line("RDB preamble is OK, proceeding with AOF tail...");
        (console.open(path, from).map_err(|error| unreadable(console, path, &error))?, from)
    } else {
        (input, 0)
    };
    let Report { sound, line, wrong, later } = scan(input, from, how.until()).map_err(|stopped| match stopped {
        Stopped::Io(error) => {
            console.fail(format!("Failed to read from AOF {}: {}, aborting...", path.display(), reason(&error)))
        }
        Stopped::Timestamp(at) => {
            console.fail(format!("{}: offset {at}: Invalid timestamp annotation", path.display()))
        }
    })?;
    if let (true, How::Until(until)) = (later, how) {
        return cut_in_time(console, part, until, size, sound);
    }
    if let Some((offset, reason)) = &wrong {
        console.line(format!("{offset:#18x}: {reason}"));
    }
    // A file that grew since its size was taken is sound as far as that goes.
    let size = size.max(sound);
    let rest = size - sound;
    if let (0, Some(until)) = (rest, how.until()) {
        console.line(format!("Truncate nothing in AOF {name} to timestamp {until}"));
        return Ok(Found::Sound);
    }
    console.line(format!(
        "AOF analyzed: filename={name}, size={size}, ok_up_to={sound}, ok_up_to_line={line}, diff={rest}"
    ));
    if rest == 0 {
        return Ok(Found::Sound);
    }
    if how != How::Fix {
        console.line(format!("AOF {name} is not valid. Use the --fix option to try fixing it."));
        let (offset, reason) = wrong.unwrap_or((sound, "Unexpected end of file".to_owned()));
        return Err(console.fail(format!("{}: offset {offset}: {reason}", path.display())));
    }
    if !part.last {
        return Err(console.fail(format!(
            "{}: offset {sound}: Failed to truncate AOF {name} because it is not the last file",
            path.display()
        )));
    }
    console.line(format!("This will shrink the AOF {name} from {size} bytes, with {rest} bytes, to {sound} bytes"));
    if !console.agrees("Continue? [y/N]: ") {
        return Err(console.fail("Aborting..."));
    }
    cut(console, path, size, sound)?;
    Ok(Found::Cut)
}

fn cut_in_time(console: &mut Console, part: &Part, until: i64, size: u64, sound: u64) -> Result<Found, Failed> {
    let path = part.path.display();
    if sound == 0 {
        return Err(console.fail(format!("AOF {path} has nothing before timestamp {until}, aborting...")));
    }
    if !part.last {
        return Err(console.fail(format!(
            "Failed to truncate AOF {path} to timestamp {until} to offset {sound} because it is not the last file. If \
             you insist, delete all files after it and their lines in the manifest, then run this again."
        )));
    }
    cut(console, &part.path, size, sound)?;
    Ok(Found::CutInTime)
}

/// Cuts a file off behind `len` bytes, durably. Refused when it is not `size` bytes long any more, or is in use.
fn cut(console: &mut Console, path: &Path, size: u64, len: u64) -> Outcome {
    let shorten = || {
        let _locks = lock(path)?;
        let file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.len() != size {
            return Err(io::Error::other("it is being written by somebody else"));
        }
        file.set_len(len)?;
        file.sync_all()
    };
    shorten().map_err(|error| console.fail(format!("Failed to truncate AOF {}: {}", path.display(), reason(&error))))
}

/// Keeps servers of ours off the file's folder, and off the one above it when the file's is that of a log in several
/// files, where such a server has left its lock.
fn lock(path: &Path) -> io::Result<Vec<Box<dyn FolderLock>>> {
    let folder = std::fs::canonicalize(folder_of(path))?;
    let is_manifest = |file: io::Result<std::fs::DirEntry>| {
        file.is_ok_and(|file| file.path().extension().is_some_and(|extension| extension == "manifest"))
    };
    let above = if std::fs::read_dir(&folder)?.any(is_manifest) { folder.parent() } else { None };
    let folders = [Some(folder.as_path()), above].into_iter().flatten();
    let locked = folders.filter(|folder| folder.join(LOCK_NAME).exists());
    locked.map(|folder| RealDisk::new().lock_folder(folder)).collect()
}
