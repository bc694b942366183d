//! A stream of records, read: one [`Item`] for each call, ready to be put where it belongs.
//!
//! Promises: an item is complete and checked when it is given; the reader holds one block of the source and little
//! else. A record is the key's object as the keyspace holds it, so that inserting it copies nothing. After
//! [`Item::End`] exactly the stream's bytes have been read: what follows it belongs to somebody else.

use super::input::{Input, Source};
use super::{LoadError, LoadErrorKind, VALKEY_VERSIONS, VERSION_MAX, decode, opcode};
use crate::object::{Limits, Object, Value};

/// How a stream is read.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// What governs the encodings.
    pub limits: Limits,
    /// Number of databases; a record of another one is an error.
    pub databases: u32,
    /// Whether the checksum is compared (`rdbchecksum`).
    pub check: bool,
    /// The access clock that records begin with.
    pub clock: u32,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions { limits: Limits::default(), databases: 16, check: true, clock: 0 }
    }
}

/// A key of the stream.
pub struct Record {
    /// Its database.
    pub db: u32,
    /// Key, value and deadline.
    pub object: Object,
    /// Seconds since its last access, where the stream says so.
    pub idle_seconds: Option<u64>,
    /// Its counter of accesses, where the stream says so.
    pub frequency: Option<u8>,
}

/// What comes next in a stream.
pub enum Item {
    /// Something about the stream.
    Aux {
        /// Its name.
        name: Vec<u8>,
        /// What it says.
        value: Vec<u8>,
    },
    /// A function library's code.
    Function(Vec<u8>),
    /// How many keys a database is going to have.
    Size {
        /// The database.
        db: u32,
        /// Its keys.
        keys: u64,
        /// Those with a deadline.
        timed: u64,
    },
    /// A key with its value.
    Record(Record),
    /// A key whose value is a collection without elements; to be passed over.
    EmptyKey {
        /// The database.
        db: u32,
        /// The key.
        key: Vec<u8>,
    },
    /// The end.
    End {
        /// False when the stream was written without a checksum, or none was asked for.
        checked: bool,
    },
}

/// A stream that is being read.
pub struct Reader<S: Source> {
    input: Input<S>,
    options: LoadOptions,
    version: Option<u16>,
    db: u32,
    key: Vec<u8>,
    ended: Option<bool>,
}

impl<S: Source> Reader<S> {
    /// Nothing read yet.
    pub fn new(source: S, options: LoadOptions) -> Reader<S> {
        let input = Input::new(source, options.check);
        Reader { input, options, version: None, db: 0, key: Vec::new(), ended: None }
    }

    /// Bytes read so far; after [`Item::End`], the length of the stream.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// The version of the stream, once something was read.
    pub fn version(&self) -> Option<u16> {
        self.version
    }

    /// The source, as far as it was read.
    pub fn into_source(self) -> S {
        self.input.into_source()
    }

    /// The next item; [`Item::End`] again and again at the end. O(bytes). After an error the stream is of no use.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Item, LoadError> {
        if let Some(checked) = self.ended {
            return Ok(Item::End { checked });
        }
        let version = match self.version {
            Some(version) => version,
            None => self.header()?,
        };
        let (mut deadline, mut idle_seconds, mut frequency) = (None, None, None);
        loop {
            match self.input.byte()? {
                opcode::EXPIRETIME => {
                    deadline = Some(i64::from(i32::from_le_bytes(self.input.array()?)) * 1000);
                }
                opcode::EXPIRETIME_MS => deadline = Some(i64::from_le_bytes(self.input.array()?)),
                opcode::FREQ => frequency = Some(self.input.byte()?),
                opcode::IDLE => idle_seconds = Some(self.input.length()?),
                opcode::SELECTDB => {
                    let db = self.input.length()?;
                    self.db = u32::try_from(db)
                        .ok()
                        .filter(|db| *db < self.options.databases)
                        .ok_or_else(|| self.input.error(LoadErrorKind::Database(self.options.databases)))?;
                }
                opcode::RESIZEDB => {
                    let (keys, timed) = (self.input.length()?, self.input.length()?);
                    return Ok(Item::Size { db: self.db, keys, timed });
                }
                opcode::AUX => {
                    let (name, value) = (self.owned_string()?, self.owned_string()?);
                    return Ok(Item::Aux { name, value });
                }
                opcode::FUNCTION2 => return Ok(Item::Function(self.owned_string()?)),
                opcode::FUNCTION_PRE_GA => {
                    return Err(self.input.error(LoadErrorKind::Unsupported("Functions of a release candidate")));
                }
                opcode::MODULE_AUX => self.skip_module_aux()?,
                opcode::SLOT_INFO if version > 10 => {
                    for _ in 0..3 {
                        self.input.length()?;
                    }
                }
                opcode::EOF => return self.end(version),
                type_byte => {
                    // -1 is how Redis writes "none" where it has to write something.
                    let deadline = deadline.filter(|at| *at != -1).map(|at| at.max(0) as u64);
                    return self.record(type_byte, deadline, idle_seconds, frequency);
                }
            }
        }
    }

    /// Reads "REDIS" and four digits, or "VALKEY" and three.
    fn header(&mut self) -> Result<u16, LoadError> {
        let magic: [u8; 9] = self.input.array()?;
        let (digits, ours) = match &magic {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] => (&digits[..], true),
            [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => (&digits[..], false),
            _ => return Err(self.input.error(LoadErrorKind::Signature)),
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(self.input.error(LoadErrorKind::Signature));
        }
        let version = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
        let known = if ours { (1..=VERSION_MAX).contains(&version) } else { VALKEY_VERSIONS.contains(&version) };
        if !known {
            return Err(self.input.error(LoadErrorKind::Version(u32::from(version))));
        }
        self.version = Some(version);
        Ok(version)
    }

    fn owned_string(&mut self) -> Result<Vec<u8>, LoadError> {
        let mut bytes = Vec::new();
        self.input.string_into(&mut bytes)?;
        Ok(bytes)
    }

    fn record(
        &mut self,
        type_byte: u8,
        deadline: Option<u64>,
        idle_seconds: Option<u64>,
        frequency: Option<u8>,
    ) -> Result<Item, LoadError> {
        self.key.clear();
        self.input.string_into(&mut self.key)?;
        let of_valkey = self.version.is_some_and(|version| VALKEY_VERSIONS.contains(&version));
        let Some(value) = decode::value(&mut self.input, type_byte, of_valkey, &self.options.limits)? else {
            return Ok(Item::EmptyKey { db: self.db, key: self.key.clone() });
        };
        let is_large = matches!(&value, Value::Bytes(bytes) if bytes.len() > 1 << 20);
        let object = Object::new(&self.key, value.into_body(), deadline, self.options.clock, 0);
        if is_large {
            self.input.trim();
        }
        Ok(Item::Record(Record { db: self.db, object, idle_seconds, frequency }))
    }

    /// Passes over what a module wrote beside the keys: its id, when it wrote, and values up to an end mark.
    fn skip_module_aux(&mut self) -> Result<(), LoadError> {
        const END: u64 = 0;
        const SIGNED: u64 = 1;
        const UNSIGNED: u64 = 2;
        const FLOAT: u64 = 3;
        const DOUBLE: u64 = 4;
        const STRING: u64 = 5;
        self.input.length()?;
        loop {
            match self.input.length()? {
                END => return Ok(()),
                SIGNED | UNSIGNED => {
                    self.input.length()?;
                }
                FLOAT => {
                    self.input.array::<4>()?;
                }
                DOUBLE => {
                    self.input.array::<8>()?;
                }
                STRING => {
                    self.input.string()?;
                }
                _ => return Err(self.input.corrupt("Error reading module AUX data")),
            }
        }
    }

    fn end(&mut self, version: u16) -> Result<Item, LoadError> {
        /// From this version on there is a checksum.
        const CHECKSUM_SINCE: u16 = 5;
        let mut checked = false;
        if version >= CHECKSUM_SINCE {
            let expected = self.input.checksum();
            let found = u64::from_le_bytes(self.input.array()?);
            checked = self.options.check && found != 0;
            if checked && found != expected {
                return Err(self.input.error(LoadErrorKind::Checksum { expected, found }));
            }
        }
        self.ended = Some(checked);
        Ok(Item::End { checked })
    }
}
