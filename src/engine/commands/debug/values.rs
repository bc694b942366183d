//! DEBUG OBJECT, HTSTATS, HTSTATS-KEY, LISTPACK, QUICKLIST: how values lie in memory.
//!
//! There are no chained hash tables here, so HTSTATS tells of segments of slots; the words that tools look for are
//! those of Redis, and the numbers are this server's own.

use crate::command::{CmdResult, CommandError, Outcome};
use crate::config::Key;
use crate::engine::context::EngineCx;
use crate::object::{Container, Limits, Object, encoding_name};
use crate::rdb::dump_payload;
use crate::structs::listpack::Listpack;
use crate::structs::quicklist::Quicklist;
use crate::structs::record::Body;
use crate::structs::table::{Entry, Table, hash};

/// Slots of one segment of a table.
const SEGMENT_SLOTS: usize = 56;

fn looked_up<'a>(cx: &'a EngineCx<'_>) -> Result<&'a Object, CommandError> {
    let (key, db) = (cx.args.at(2), cx.engine.clients[cx.client].db);
    cx.engine.keyspace.table(db).get(hash(key), key).ok_or(CommandError::NO_SUCH_KEY)
}

pub(super) fn object(cx: &mut EngineCx<'_>) -> CmdResult {
    let object = looked_up(cx)?;
    let clock = object.clock();
    let line = format!(
        "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{clock} lru_seconds_idle:{}{}",
        object.address(),
        encoding_name(object),
        saved_bytes(object, cx.engine.config.boolean(Key::Rdbcompression)),
        cx.engine.keyspace.access.idle_seconds(clock),
        list_details(object, &cx.engine.limits),
    );
    cx.reply().simple(&line);
    Ok(Outcome::Done)
}

/// What DEBUG OBJECT adds for lists.
fn list_details(object: &Object, limits: &Limits) -> String {
    let (nodes, elements, fill, compressed, bytes) = match object.body() {
        Body::Payload(Container::ListPacked(pack)) => {
            let (fill, depth) = (i64::from(limits.list_max_listpack_size), limits.list_compress_depth);
            (1, pack.len(), fill, depth != 0, pack.byte_len())
        }
        Body::Payload(Container::ListQuick(list)) => {
            let bytes = list.iter_nodes().map(|node| node.bytes().len()).sum();
            (list.node_count(), list.len(), list.fill(), list.compress() != 0, bytes)
        }
        _ => return String::new(),
    };
    format!(
        " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{fill} ql_compressed:{} ql_uncompressed_size:{bytes}",
        elements as f64 / nodes.max(1) as f64,
        u8::from(compressed)
    )
}

/// Bytes of a value in a snapshot, without its type.
fn saved_bytes(object: &Object, compress: bool) -> usize {
    // A payload of DUMP has a type before the value, and a version and a checksum behind it.
    const FRAME_BYTES: usize = 1 + 2 + 8;
    dump_payload(object, compress).len().saturating_sub(FRAME_BYTES)
}

pub(super) fn htstats(cx: &mut EngineCx<'_>) -> CmdResult {
    let number = cx.integer(2)?;
    let db = cx.engine.db_index(number).ok_or(CommandError::fixed("ERR Out of range database"))?;
    let table = cx.engine.keyspace.table(db);
    let text = format!(
        "[Dictionary HT]\n{}[Expires HT]\nDeadlines lie in the entries themselves\n number of elements: {}\n",
        table_stats(table),
        table.len_with_deadline()
    );
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

pub(super) fn htstats_key(cx: &mut EngineCx<'_>) -> CmdResult {
    let text = match looked_up(cx)?.body() {
        Body::Payload(Container::SetTable(table)) => table_stats(table),
        Body::Payload(Container::HashTable(table)) => table_stats(table),
        Body::Payload(Container::ZsetTree(scores)) => table_stats(&scores.table),
        _ => {
            return Err(CommandError::fixed(
                "ERR The value stored at the specified key is not represented using an hash table",
            ));
        }
    };
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

fn table_stats<E: Entry>(table: &Table<E>) -> String {
    if table.is_empty() {
        return "Hash table 0 stats (main hash table):\nNo stats available for empty dictionaries\n".into();
    }
    let nodes = table.node_counts();
    let (slots, len) = (nodes.segments * SEGMENT_SLOTS, table.len());
    format!(
        "Hash table 0 stats (main hash table):\n table size: {slots}\n number of elements: {len}\n different slots: {len}\n \
         max chain length: 1\n avg chain length (counted): 1.00\n avg chain length (computed): 1.00\n segments: {}\n \
         directories: {}\n bits of the hash in use: {}\n filled: {:.2}%\n",
        nodes.segments,
        nodes.directories,
        nodes.deepest,
        len as f64 * 100.0 / slots.max(1) as f64
    )
}

pub(super) fn listpack(cx: &mut EngineCx<'_>) -> CmdResult {
    match looked_up(cx)?.body() {
        Body::Payload(Container::HashPacked(pack) | Container::HashTimed(pack) | Container::ZsetPacked(pack)) => {
            log_pack("Listpack", pack);
        }
        _ => return Err(CommandError::fixed("ERR Not a listpack encoded object.")),
    }
    // The log goes there unless a file is set.
    cx.reply().simple("Listpack structure printed on stdout");
    Ok(Outcome::Done)
}

pub(super) fn quicklist(cx: &mut EngineCx<'_>) -> CmdResult {
    let full = cx.args.len() == 4 && cx.integer(3).is_ok_and(|level| level != 0);
    match looked_up(cx)?.body() {
        Body::Payload(Container::ListPacked(pack)) => log_pack("Quicklist of one block", pack),
        Body::Payload(Container::ListQuick(list)) => log_list(list, full),
        _ => return Err(CommandError::fixed("ERR Not a quicklist encoded object.")),
    }
    cx.reply().simple("Quicklist structure printed on stdout");
    Ok(Outcome::Done)
}

fn log_list(list: &Quicklist, full: bool) {
    let (elements, blocks, fill, depth) = (list.len(), list.node_count(), list.fill(), list.compress());
    tracing::warn!("Quicklist: {elements} elements in {blocks} blocks, fill {fill}, compress depth {depth}");
    if full {
        for (at, node) in list.iter_nodes().enumerate() {
            let kind = if node.is_plain() { "one large element" } else { "packed" };
            tracing::warn!("  block {at}: {kind}, {} bytes", node.bytes().len());
        }
    }
}

/// Longest list of elements the log shows.
const MOST_SHOWN: usize = 128;

fn log_pack(what: &str, pack: &Listpack) {
    tracing::warn!("{what}: {} elements in {} bytes", pack.len(), pack.byte_len());
    for (at, item) in pack.iter().enumerate().take(MOST_SHOWN) {
        tracing::warn!("  {at}: {}", crate::base::quoting::repr(item.as_str_buf(&mut [0; 24])));
    }
}
