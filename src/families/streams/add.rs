//! XADD and XTRIM: new entries, and old ones that make room for them.
//!
//! Both are repeated with what they came to: the id that was given, and in the place of an approximate limit the exact
//! one that leaves the same entries.

use super::refs::{References, shorten};
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{Event, Expiry};
use crate::object::stream::{ENTRY_MAX_BYTES, Facts, Keep, StreamId, Trim};
use crate::object::{Limits, Stream, Typed, Value};
use std::borrow::Cow;

/// The id a new entry is to have.
#[derive(Debug, Clone, Copy)]
enum NewId {
    /// The present moment, or the next after the last one.
    Auto,
    /// This moment, and the next number in it.
    Moment(u64),
    /// This one.
    Given(StreamId),
}

impl NewId {
    /// The id for a stream that has come so far. Errors: it would not be greater than the last one.
    fn resolve(self, facts: &Facts, now_ms: u64) -> Result<StreamId, CommandError> {
        let last = facts.last_id;
        let next = last.next().ok_or(CommandError::XADD_EXHAUSTED)?;
        let id = match self {
            NewId::Auto if now_ms > last.ms => StreamId::new(now_ms, 0),
            NewId::Auto => next,
            NewId::Moment(ms) if ms == last.ms && last.seq == u64::MAX => return Err(CommandError::XADD_ID_TOO_SMALL),
            NewId::Moment(ms) if ms == last.ms => next,
            NewId::Moment(ms) => StreamId::new(ms, 0),
            NewId::Given(id) => id,
        };
        if id > last { Ok(id) } else { Err(CommandError::XADD_ID_TOO_SMALL) }
    }
}

/// What stands before the fields of XADD, and all options of XTRIM.
struct Options {
    id: NewId,
    /// Where the id is; past the end when there is none.
    id_at: usize,
    only_existing: bool,
    trim: Option<Trim>,
    /// What becomes of the references of groups to what is trimmed.
    references: References,
    /// Where the limit of the trimming is.
    trim_at: usize,
    limit_at: Option<usize>,
}

impl Options {
    fn parse(cx: &DataCx<'_>, is_xadd: bool) -> Result<Options, CommandError> {
        let args = cx.args;
        let mut options = Options {
            id: NewId::Auto,
            id_at: args.len(),
            only_existing: false,
            trim: None,
            references: References::Keep,
            trim_at: 0,
            limit_at: None,
        };
        let mut limit = 0;
        let mut at = 2;
        while at < args.len() {
            let more = args.len() - 1 - at;
            if is_xadd && args.at(at) == b"*" {
                options.id_at = at;
                break;
            }
            let by_len = args.is(at, "MAXLEN");
            if (by_len || args.is(at, "MINID")) && more > 0 {
                if options.trim.is_some() {
                    return Err(CommandError::MAXLEN_AND_MINID);
                }
                let mark = if more >= 2 { args.at(at + 1) } else { b"" };
                at += 1 + usize::from(mark == b"~" || mark == b"=");
                let keep = if by_len {
                    let len = u64::try_from(cx.integer(at)?).map_err(|_| CommandError::MAXLEN_BELOW_ZERO)?;
                    Keep::Len(len)
                } else {
                    Keep::From(super::id(args.at(at))?)
                };
                options.trim = Some(Trim { keep, whole_blocks: mark == b"~", limit: 0 });
                options.trim_at = at;
            } else if args.is(at, "LIMIT") && more > 0 {
                limit = cx.integer(at + 1)?;
                if limit < 0 {
                    return Err(CommandError::XTRIM_LIMIT_NEGATIVE);
                }
                options.limit_at = Some(at);
                at += 1;
            } else if let Some(references) = References::named(args, at) {
                options.references = references;
            } else if is_xadd && args.is(at, "NOMKSTREAM") {
                options.only_existing = true;
            } else if is_xadd {
                let (ms, seq) = StreamId::parse_new(args.at(at)).ok_or(CommandError::INVALID_STREAM_ID)?;
                options.id = seq.map_or(NewId::Moment(ms), |seq| NewId::Given(StreamId::new(ms, seq)));
                options.id_at = at;
                break;
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        options.set_limit(limit, is_xadd, cx)?;
        Ok(options)
    }

    fn set_limit(&mut self, limit: i64, is_xadd: bool, cx: &DataCx<'_>) -> Result<(), CommandError> {
        match &mut self.trim {
            None if limit != 0 => return Err(CommandError::LIMIT_WITHOUT_TRIM),
            None if !is_xadd => return Err(CommandError::XTRIM_WITHOUT_STRATEGY),
            None => {}
            // Redis leaves LIMIT in what it repeats, where the exact limit has taken the place of the approximate one.
            Some(_) if cx.replayed => {}
            Some(trim) if self.limit_at.is_some() && !trim.whole_blocks => {
                return Err(CommandError::LIMIT_WITHOUT_APPROXIMATION);
            }
            Some(trim) if self.limit_at.is_some() => trim.limit = limit as u64,
            // So that nobody waits long: a hundred blocks at most.
            Some(trim) if trim.whole_blocks => {
                trim.limit = match (cx.limits.stream_node_max_entries as u64).saturating_mul(100) {
                    0 => 10_000,
                    limit => limit.min(1_000_000),
                };
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Says how the command is repeated: with the id that was given, if one was, and an exact limit that leaves what is
    /// there now.
    #[cold]
    fn repeat(&self, cx: &mut DataCx<'_>, id: Option<StreamId>, left: Option<Keep>) {
        let mut parts: Vec<Cow<'_, [u8]>> = Vec::with_capacity(cx.args.len());
        for (at, arg) in cx.args.iter().enumerate() {
            let is_limit = self.limit_at.is_some_and(|limit| at == limit || at == limit + 1);
            match (id, left) {
                (Some(id), _) if at == self.id_at => parts.push(Cow::Owned(id.text().as_bytes().to_vec())),
                // An exact limit has no bound for the work.
                (_, Some(_)) if is_limit => {}
                (_, Some(_)) if at == self.trim_at - 1 => parts.push(Cow::Borrowed(b"=")),
                (_, Some(Keep::Len(len))) if at == self.trim_at => parts.push(Cow::Owned(len.to_string().into_bytes())),
                (_, Some(Keep::From(id))) if at == self.trim_at => {
                    parts.push(Cow::Owned(id.text().as_bytes().to_vec()));
                }
                _ => parts.push(Cow::Borrowed(arg)),
            }
        }
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        cx.effects.propagate_instead(&parts);
    }
}

/// What XADD did.
struct Added {
    id: StreamId,
    trimmed: u64,
    left: Option<Keep>,
}

fn add(stream: &mut Stream, new: &Addition<'_>) -> Result<Added, CommandError> {
    let id = new.options.id.resolve(stream.facts(), new.now_ms)?;
    let words = new.words;
    if words.byte_len() > ENTRY_MAX_BYTES {
        return Err(CommandError::XADD_TOO_LARGE);
    }
    stream.append(id, words.iter(), new.limits);
    Ok(match new.options.trim {
        None => Added { id, trimmed: 0, left: None },
        Some(trim) => {
            let trimmed = shorten(stream, trim, new.options.references);
            Added { id, trimmed: trimmed.count, left: trimmed.left }
        }
    })
}

/// What an addition needs besides the stream.
struct Addition<'a> {
    options: &'a Options,
    words: Args<'a>,
    now_ms: u64,
    limits: &'a Limits,
}

pub(super) fn xadd(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let options = Options::parse(cx, true)?;
    let words = cx.args.from(options.id_at + 1);
    if words.len() < 2 || words.len() % 2 == 1 {
        return Err(CommandError::arity("xadd"));
    }
    if matches!(options.id, NewId::Given(StreamId::MIN)) {
        return Err(CommandError::XADD_ID_ZERO);
    }
    let parts = Addition { options: &options, words, now_ms: cx.now.0.max(0) as u64, limits: cx.limits };
    let present = match cx.db.edit::<Stream>(key)? {
        Some(stream) => Some(add(stream, &parts)?),
        None => None,
    };
    let added = match present {
        Some(added) => added,
        None if options.only_existing => {
            cx.reply.null();
            return Ok(Outcome::Done);
        }
        None => {
            let mut stream = Stream::new();
            let added = add(&mut stream, &parts)?;
            cx.db.put(key, Value::Container(stream.into_container()), Expiry::Clear);
            added
        }
    };
    cx.db.changed(key, Event::XADD);
    if added.trimmed > 0 {
        cx.db.changed_by(key, Event::XTRIM, 0);
    }
    super::write_id(cx.reply, added.id);
    let chosen = (!matches!(options.id, NewId::Given(_))).then_some(added.id);
    if cx.effects.wanted && (chosen.is_some() || added.left.is_some()) {
        options.repeat(cx, chosen, added.left);
    }
    Ok(Outcome::Done)
}

pub(super) fn xtrim(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let options = Options::parse(cx, false)?;
    let (Some(stream), Some(trim)) = (cx.db.edit::<Stream>(key)?, options.trim) else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let trimmed = shorten(stream, trim, options.references);
    cx.reply.integer(trimmed.count as i64);
    if trimmed.count > 0 {
        cx.db.changed_by(key, Event::XTRIM, trimmed.count as usize);
        if trimmed.left.is_some() && cx.effects.wanted {
            options.repeat(cx, None, trimmed.left);
        }
    }
    Ok(Outcome::Done)
}
