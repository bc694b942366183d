//! What a tool shows: lines on the standard output, errors, one question, and how far it has come.
//!
//! Promises: output is gathered and written in blocks, around the progress bar, which is there only where the standard
//! error output is a terminal. A reader that goes away (`| head`) ends a tool quietly.

use super::Failed;
use crate::persist::disk::reason;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes that are gathered before they are written.
const GATHERED_BYTES: usize = 64 * 1024;
/// Bytes read at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// A tool's output.
pub(super) struct Console {
    name: String,
    pending: Vec<u8>,
    bar: ProgressBar,
    trouble: Option<io::Error>,
}

/// A file that is being read, with its progress shown.
pub(super) type Input = BufReader<Watched>;

/// A file whose reading moves the bar.
pub(super) struct Watched {
    file: File,
    bar: ProgressBar,
}

impl Read for Watched {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.bar.inc(count as u64);
        Ok(count)
    }
}

impl Console {
    /// A tool of this name, as it is shown in errors.
    pub(super) fn new(name: String) -> Console {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}") {
            bar.set_style(style);
        }
        Console { name, pending: Vec::new(), bar, trouble: None }
    }

    /// The bar, for what is read elsewhere.
    pub(super) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Opens a file to be read from an offset on.
    pub(super) fn open(&mut self, path: &Path, from: u64) -> io::Result<Input> {
        let mut file = File::open(path)?;
        if from > 0 {
            file.seek(SeekFrom::Start(from))?;
        }
        self.bar.reset();
        self.bar.set_length(file.metadata()?.len());
        self.bar.set_position(from);
        Ok(BufReader::with_capacity(BLOCK_BYTES, Watched { file, bar: self.bar.clone() }))
    }

    /// Whether anybody still reads what is written.
    pub(super) fn is_heard(&self) -> bool {
        self.trouble.is_none()
    }

    /// The output, to be appended to; followed by [`Console::settle`].
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    /// Writes what has been gathered, once it is enough.
    pub(super) fn settle(&mut self) {
        if self.pending.len() >= GATHERED_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() || self.trouble.is_some() {
            return;
        }
        let written = self.bar.suspend(|| {
            let mut out = io::stdout().lock();
            out.write_all(&pending).and_then(|()| out.flush())
        });
        self.trouble = written.err();
    }

    /// A line on the standard output.
    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.pending.extend_from_slice(text.as_ref().as_bytes());
        self.pending.push(b'\n');
        self.settle();
    }

    /// Text on the standard error output.
    pub(super) fn aside(&mut self, text: &[u8]) {
        self.flush();
        // Where errors cannot be written there is nobody to tell.
        let _ = self.bar.suspend(|| io::stderr().lock().write_all(text));
    }

    /// A line that says what is wrong, on the standard error output, and the failure that goes with it.
    pub(super) fn fail(&mut self, why: impl AsRef<str>) -> Failed {
        let why = why.as_ref().trim_end().replace('\n', "; ");
        let line = format!("{}: {why}\n", self.name);
        self.bar.finish_and_clear();
        self.aside(line.as_bytes());
        Failed
    }

    /// A line about something that is odd, on the standard error output.
    pub(super) fn warn(&mut self, what: impl AsRef<str>) {
        let line = format!("{}: {}\n", self.name, what.as_ref());
        self.aside(line.as_bytes());
    }

    /// Asks, and reads a line from the standard input: whether it begins with a y.
    pub(super) fn agrees(&mut self, question: &str) -> bool {
        self.bar.finish_and_clear();
        self.pending.extend_from_slice(question.as_bytes());
        self.flush();
        // No more than a letter is looked at, so no more is read.
        let mut answer = [0; 1];
        io::stdin().lock().read_exact(&mut answer).is_ok() && answer[0].eq_ignore_ascii_case(&b'y')
    }

    /// Writes the rest. Errors: the output could not be written; a reader that went away is none.
    pub(super) fn close(mut self) -> Result<(), Failed> {
        self.bar.finish_and_clear();
        self.flush();
        match self.trouble.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(self.fail(format!("Can't write the output: {}", reason(&error))))
            }
            _ => Ok(()),
        }
    }
}
