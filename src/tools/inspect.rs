//! `inspect`: the keys of a snapshot, in its order, or those that a log leaves behind, in no order; then totals.
//!
//! Promises: a snapshot is read value by value, and every key in it is listed, the expired ones too; on damage the keys
//! before it are listed, then file and offset told. Encodings are those that a server with default settings chooses.
//!
//! Left out: a log's requests themselves.

use super::check_aof::manifest;
use super::check_rdb::{load_options, now_ms};
use super::console::Console;
use super::listing::{Format, Row, Totals, header, row};
use super::replay::{Part, replay};
use super::source::{FileKind, kind_of};
use super::{Failed, Outcome};
use crate::object::Object;
use crate::persist::disk::{folder_of, reason};
use crate::rdb::{Item, ReadSource, Reader};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes read at once.
const BLOCK_BYTES: usize = 256 * 1024;
/// A snapshot ends with this byte and a checksum.
const END: u8 = 0xff;
/// Bytes from that byte to the snapshot's end.
const END_BYTES: u64 = 9;

/// How keys and totals are listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// How keys are listed.
    pub format: Format,
    /// How many prefixes the totals show.
    pub prefixes: usize,
}

/// Lists what a file holds.
pub(super) fn run(console: &mut Console, path: &Path, options: Options) -> Outcome {
    let mut listing = Listing { options, now_ms: now_ms(), totals: Totals::default() };
    header(options.format, console.output());
    let outcome = list(console, path, &mut listing);
    let mut totals = Vec::new();
    listing.totals.lines(options.prefixes, &mut totals);
    match options.format {
        Format::Text => console.output().extend_from_slice(&totals),
        _ => console.aside(&totals),
    }
    outcome.map_err(|why| console.fail(why))
}

struct Listing {
    options: Options,
    now_ms: u64,
    totals: Totals,
}

impl Listing {
    fn add(&mut self, console: &mut Console, db: u32, object: &Object) {
        let found = Row::of(db, object);
        self.totals.add(&found, self.now_ms);
        row(self.options.format, &found, self.now_ms, console.output());
        console.settle();
    }
}

fn about(path: &Path, error: &io::Error) -> String {
    format!("{}: {}", path.display(), reason(error))
}

fn list(console: &mut Console, path: &Path, listing: &mut Listing) -> Result<(), String> {
    let kind = kind_of(path).map_err(|error| about(path, &error))?;
    if kind != FileKind::Manifest {
        let part = Part::alone(path);
        return match kind == FileKind::Rdb && snapshot(console, path, false, listing)? {
            true => Ok(()),
            false => log(console, &[part], listing),
        };
    }
    let manifest = match manifest(console, path) {
        Ok(manifest) => manifest,
        // It has been said; there is nothing to add.
        Err(Failed) => return Err(format!("{}: not inspected", path.display())),
    };
    let folder = folder_of(path);
    let mut parts = Vec::new();
    for file in manifest.files() {
        let path = folder.join(&file.name);
        let len = std::fs::metadata(&path).map_err(|error| about(&path, &error))?.len();
        if len > 0 {
            parts.push(Part { name: file.name.clone(), path });
        }
    }
    if let [only] = parts.as_slice()
        && kind_of(&only.path).map_err(|error| about(&only.path, &error))? == FileKind::Rdb
        && snapshot(console, &only.path, true, listing)?
    {
        return Ok(());
    }
    log(console, &parts, listing)
}

/// Lists a snapshot. False, with nothing listed, when requests seem to follow it.
fn snapshot(console: &mut Console, path: &Path, is_base: bool, listing: &mut Listing) -> Result<bool, String> {
    let failed = |error: io::Error| about(path, &error);
    let ends_like_one = ends_like_a_snapshot(path).map_err(failed)?;
    let input = console.open(path, 0).map_err(failed)?;
    let len = std::fs::metadata(path).map_err(failed)?.len();
    let mut reader = Reader::new(ReadSource::new(input, BLOCK_BYTES), load_options());
    while console.is_heard() {
        let item = reader.next();
        let offset = reader.offset();
        match item {
            Ok(Item::Record(record)) => listing.add(console, record.db, &record.object),
            Ok(Item::Aux { name, value }) if name == b"aof-preamble" || name == b"aof-base" => {
                if value == b"1" && !ends_like_one && !is_base {
                    return Ok(false);
                }
            }
            Ok(Item::EmptyKey { key, .. }) => {
                console.warn(format!("offset {offset}: the empty key '{}' is passed over", key.escape_ascii()));
            }
            Ok(Item::End { .. }) if offset < len => {
                let rest = len - offset;
                return Err(format!(
                    "{}: offset {offset}: {rest} bytes behind the snapshot are not listed",
                    path.display()
                ));
            }
            Ok(Item::End { .. }) => return Ok(true),
            Ok(_) => {}
            Err(error) => return Err(format!("{}: offset {offset}: {error}", path.display())),
        }
    }
    Ok(true)
}

/// Whether the end of a file may be that of a snapshot.
fn ends_like_a_snapshot(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let Some(at) = file.metadata()?.len().checked_sub(END_BYTES) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    Ok(byte[0] == END)
}

/// Lists what a log leaves behind.
fn log(console: &mut Console, parts: &[Part], listing: &mut Listing) -> Result<(), String> {
    let replayed = replay(console, parts)?;
    for (db, table) in replayed.databases.iter().enumerate() {
        for object in table.iter() {
            if !console.is_heard() {
                return Ok(());
            }
            // There are not that many databases.
            listing.add(console, db as u32, object);
        }
    }
    // What is left goes with the process; taking it apart piece by piece would only take time.
    std::mem::forget(replayed.databases);
    match replayed.cut {
        None => Ok(()),
        Some((name, offset)) => {
            Err(format!("{name}: offset {offset}: the log is cut off here; the rest is not listed"))
        }
    }
}
