//! The increment that is being written: appends of whole records, syncs, and what to do when either fails.
//!
//! Owns [`LogWriter`], used by the writer thread alone. Promises: the file always ends after a whole record, or is cut
//! back to one as soon as the disk allows; records are neither lost nor reordered nor written twice, because every write
//! has its place; after a failed sync the bytes it was for are written again at their places before the next, since the
//! system may have dropped them while it called them clean.

use super::disk::DiskFile;
use std::collections::VecDeque;
use std::io;

/// Records are gathered into writes of up to about this size, in bytes.
const WRITE_BYTES: usize = 256 * 1024;

/// A file of the log with what is to be written to it.
pub(super) struct LogWriter {
    file: Box<dyn DiskFile>,
    /// Bytes of whole records in the file.
    len: u64,
    /// Bytes known to be durable.
    durable: u64,
    /// There may be bytes behind `len`.
    ragged: bool,
    /// A sync has failed: bytes behind `durable` must be written again.
    suspect: bool,
    /// The records behind `held_from`, while they are not durable; empty unless wanted.
    held: Vec<u8>,
    held_from: u64,
}

/// What a call of [`LogWriter::write`] achieved.
pub(super) struct Written {
    /// Bytes of whole records.
    pub bytes: u64,
    /// Why it stopped early, if it did.
    pub error: Option<io::Error>,
    /// The write came back short, without an error of its own, before it stopped: (written, wanted).
    pub short: Option<(usize, usize)>,
}

impl LogWriter {
    /// Goes on behind `len` bytes of whole records, which are durable.
    pub fn new(file: Box<dyn DiskFile>, len: u64) -> LogWriter {
        LogWriter { file, len, durable: len, ragged: true, suspect: false, held: Vec::new(), held_from: len }
    }

    /// Bytes of whole records in the file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether everything written is durable.
    pub fn is_synced(&self) -> bool {
        self.durable == self.len
    }

    /// Writes records from the front of `queue` until it is empty or the disk refuses. With `hold` the bytes are
    /// remembered until they are durable.
    pub fn write(&mut self, queue: &mut VecDeque<Vec<u8>>, hold: bool) -> Written {
        let mut written = Written { bytes: 0, error: None, short: None };
        let mut gathered = Vec::new();
        while let Some(first) = queue.front() {
            if let Err(error) = self.cut_ragged() {
                written.error = Some(error);
                break;
            }
            let mut count = 1;
            let mut total = first.len();
            while let Some(next) = queue.get(count).filter(|next| total + next.len() <= WRITE_BYTES) {
                total += next.len();
                count += 1;
            }
            let bytes: &[u8] = if count == 1 {
                first
            } else {
                gathered.clear();
                queue.iter().take(count).for_each(|record| gathered.extend_from_slice(record));
                &gathered
            };
            let (done, error) = write_some(&mut *self.file, bytes, self.len);
            let mut left = done;
            if !self.is_held(hold) {
                self.held.clear();
                self.held_from = self.len;
            }
            while let Some(record) = queue.front().filter(|record| record.len() <= left && count > 0) {
                left -= record.len();
                count -= 1;
                self.len += record.len() as u64;
                written.bytes += record.len() as u64;
                if hold {
                    self.held.extend_from_slice(record);
                }
                queue.pop_front();
            }
            if !hold {
                self.held_from = self.len;
            }
            if let Some(error) = error {
                self.ragged = left > 0;
                written.short = (done > 0).then_some((done, total));
                written.error = Some(error);
                // At once if it can be, else before the next write.
                let _ = self.cut_ragged();
                break;
            }
        }
        written
    }

    /// Whether what is held reaches up to the end, so that it can be added to.
    fn is_held(&self, hold: bool) -> bool {
        hold && self.held_from + self.held.len() as u64 == self.len
    }

    /// Makes sure that nothing is behind the last whole record.
    fn cut_ragged(&mut self) -> io::Result<()> {
        if self.ragged {
            self.file.set_len(self.len)?;
            self.ragged = false;
        }
        Ok(())
    }

    /// Makes everything written durable.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.suspect {
            self.write_again()?;
        }
        match self.file.sync_data() {
            Ok(()) => {
                self.durable = self.len;
                self.suspect = false;
                self.held.clear();
                self.held_from = self.len;
                Ok(())
            }
            Err(error) => {
                self.suspect = true;
                Err(error)
            }
        }
    }

    /// Writes what is not known to be durable again at its place: from memory where it is held, else as the system
    /// still shows it.
    fn write_again(&mut self) -> io::Result<()> {
        let mut at = self.durable;
        let until = if self.held.is_empty() { self.len } else { self.held_from };
        let mut block = vec![0; WRITE_BYTES];
        while at < until {
            let wanted = usize::try_from(until - at).unwrap_or(usize::MAX).min(block.len());
            let count = self.file.read_at(&mut block[..wanted], at)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.file.write_all_at(&block[..count], at)?;
            at += count as u64;
        }
        self.file.write_all_at(&self.held, until)
    }
}

/// Writes until done or refused; returns how many bytes are in the file.
fn write_some(file: &mut dyn DiskFile, bytes: &[u8], offset: u64) -> (usize, Option<io::Error>) {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return (done, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Some(error)),
        }
    }
    (done, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::disk::{Disk, Open};
    use crate::persist::testing::{FakeDisk, Image, fake};
    use std::path::Path;

    fn open(disk: &FakeDisk) -> LogWriter {
        disk.put("/log", b"");
        LogWriter::new(disk.open(Path::new("/log"), Open::Keep).unwrap(), 0)
    }

    fn queue(records: &[&str]) -> VecDeque<Vec<u8>> {
        records.iter().map(|record| record.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_full_disk_leaves_whole_records_and_the_rest_follows_later() {
        for hold in [false, true] {
            for room in 0..10 {
                let disk = fake();
                let mut log = open(&disk);
                let mut records = queue(&["aaa", "bb", "cccc"]);
                disk.room(Some(room));
                let written = log.write(&mut records, hold);
                let whole = [9, 5, 3, 0].into_iter().find(|&whole| whole <= room).unwrap();
                assert_eq!((written.bytes, log.len()), (whole, whole));
                assert_eq!(written.error.is_some(), whole < 9);
                assert_eq!(disk.bytes("/log").unwrap(), &b"aaabbcccc"[..whole as usize]);
                disk.room(None);
                assert!(log.write(&mut records, hold).error.is_none());
                log.sync().unwrap();
                assert_eq!(disk.after_crash(Image::Synced).bytes("/log").unwrap(), b"aaabbcccc");
            }
        }
    }

    #[test]
    fn bytes_of_a_failed_sync_are_written_again() {
        for hold in [[false, false], [false, true], [true, true], [true, false]] {
            let disk = fake();
            let mut log = open(&disk);
            log.write(&mut queue(&["one,"]), hold[0]);
            log.sync().unwrap();
            log.write(&mut queue(&["two,"]), hold[0]);
            disk.fail_syncs(Some(libc::EIO));
            assert!(log.sync().is_err());
            assert!(!log.is_synced());
            log.write(&mut queue(&["three"]), hold[1]);
            disk.fail_syncs(None);
            log.sync().unwrap();
            assert!(log.is_synced());
            assert_eq!(disk.after_crash(Image::Synced).bytes("/log").unwrap(), b"one,two,three");
        }
    }
}
