//! MEMORY: what keys and the server as a whole take.

use super::info::{MemoryFigures, allocator};
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::object::memory_usage;
use crate::observe::info_writer::human_bytes;
use crate::structs::table::hash;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("memory|doctor", doctor),
    engine("memory|help", help),
    engine("memory|malloc-stats", malloc_stats),
    engine("memory|purge", purge),
    engine("memory|stats", stats),
    engine("memory|usage", usage),
];

/// Elements of a collection that MEMORY USAGE measures unless told otherwise.
const SAMPLES: usize = 5;

fn usage(cx: &mut EngineCx<'_>) -> CmdResult {
    let (args, mut samples, mut at) = (cx.args, SAMPLES, 3);
    while at < args.len() {
        if !args.is(at, "SAMPLES") || at + 1 >= args.len() {
            return Err(CommandError::SYNTAX);
        }
        samples = usize::try_from(cx.integer(at + 1)?).map_err(|_| CommandError::SYNTAX)?;
        at += 2;
    }
    let (key, db) = (args.at(2), cx.client().db);
    // A key whose deadline has passed still takes its memory.
    let bytes = cx.engine.keyspace.table(db).get(hash(key), key).map(|object| memory_usage(object, samples));
    match bytes {
        Some(bytes) => cx.reply().integer(bytes as i64),
        None => cx.reply().null(),
    }
    Ok(Outcome::Done)
}

fn stats(cx: &mut EngineCx<'_>) -> CmdResult {
    let figures = MemoryFigures::of(cx.engine);
    let reply = cx.reply();
    let integer = |reply: &mut crate::resp::reply::Reply, name: &str, value: i64| {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    };
    // Ratios have the precision of a float of 32 bits, as clients know them.
    let ratio = |reply: &mut crate::resp::reply::Reply, name: &str, value: f64| {
        reply.bulk(name.as_bytes());
        reply.double((value as f32).into());
    };
    reply.map(27 + figures.databases.len());
    for (name, bytes) in [
        ("peak.allocated", figures.peak),
        ("total.allocated", figures.used),
        ("startup.allocated", figures.startup),
        ("replication.backlog", figures.backlog),
        ("clients.slaves", figures.replicas),
        ("clients.normal", figures.clients),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", figures.scripts),
        ("functions.caches", figures.libraries),
    ] {
        integer(reply, name, bytes as i64);
    }
    for db in &figures.databases {
        reply.bulk(format!("db.{}", db.index).as_bytes());
        reply.map(3);
        integer(reply, "overhead.hashtable.main", db.table_bytes as i64);
        integer(reply, "overhead.hashtable.expires", db.deadline_bytes as i64);
        integer(reply, "overhead.hashtable.slot-to-keys", 0);
    }
    integer(reply, "overhead.total", figures.overhead as i64);
    integer(reply, "keys.count", figures.keys as i64);
    integer(reply, "keys.bytes-per-key", figures.bytes_per_key() as i64);
    integer(reply, "dataset.bytes", figures.dataset as i64);
    ratio(reply, "dataset.percentage", figures.dataset_percent());
    ratio(reply, "peak.percentage", figures.peak_percent());
    integer(reply, "allocator.allocated", figures.used as i64);
    integer(reply, "allocator.active", figures.usage.heap_bytes as i64);
    integer(reply, "allocator.resident", figures.usage.anonymous_bytes as i64);
    for (ratio_name, bytes_name, (value, bytes)) in [
        ("allocator-fragmentation.ratio", "allocator-fragmentation.bytes", figures.allocator_fragmentation()),
        ("allocator-rss.ratio", "allocator-rss.bytes", figures.allocator_residence()),
        ("rss-overhead.ratio", "rss-overhead.bytes", figures.process_residence()),
        ("fragmentation", "fragmentation.bytes", figures.fragmentation()),
    ] {
        ratio(reply, ratio_name, value);
        integer(reply, bytes_name, bytes);
    }
    Ok(Outcome::Done)
}

fn purge(cx: &mut EngineCx<'_>) -> CmdResult {
    (cx.engine.senses.purge_memory)();
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn malloc_stats(cx: &mut EngineCx<'_>) -> CmdResult {
    let figures = MemoryFigures::of(cx.engine);
    let mut text = format!("Allocator: {}\n", allocator());
    for (name, bytes) in [
        ("in use", figures.used as u64),
        ("in use, most so far", figures.peak as u64),
        ("heap", figures.usage.heap_bytes),
        ("resident, heap and stacks", figures.usage.anonymous_bytes),
        ("resident, all", figures.usage.resident_bytes),
    ] {
        text.push_str(&format!("{name}: {bytes} ({})\n", human_bytes(bytes)));
    }
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

fn doctor(cx: &mut EngineCx<'_>) -> CmdResult {
    let figures = MemoryFigures::of(cx.engine);
    let clients = cx.engine.connected();
    let text = diagnose(&figures, clients);
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

fn diagnose(figures: &MemoryFigures, clients: usize) -> String {
    const LITTLE_BYTES: usize = 5 << 20;
    const MUCH_BYTES: i64 = 10 << 20;
    const MUCH_A_CLIENT_BYTES: usize = 200 << 10;
    if figures.used < LITTLE_BYTES {
        return "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these \
                conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be \
                back to our programming as soon as I finished rebooting.\n"
            .into();
    }
    let beyond = |(ratio, bytes): (f64, i64), limit: f64| ratio > limit && bytes > MUCH_BYTES;
    let findings = [
        (
            figures.peak as f64 / figures.used as f64 > 1.5,
            "Peak memory: this instance once used more than 150% of what it uses now. The allocator keeps some of that \
             ready for later; MEMORY PURGE gives back what is free.",
        ),
        (
            beyond(figures.fragmentation(), 1.4),
            "High total RSS: the process takes more than 1.4 times the memory that is allocated. A peak in the past or \
             fragmentation are the usual reasons.",
        ),
        (
            beyond(figures.allocator_fragmentation(), 1.1),
            "High allocator fragmentation: the allocator holds more than 1.1 times the memory that is in use.",
        ),
        (
            beyond(figures.allocator_residence(), 1.1),
            "High allocator RSS overhead: more than 1.1 times what the allocator holds is resident. MEMORY PURGE may \
             help.",
        ),
        (
            beyond(figures.process_residence(), 1.1),
            "High process RSS overhead: the process takes more than 1.1 times the memory of its heap.",
        ),
        (
            figures.clients / clients.max(1) > MUCH_A_CLIENT_BYTES,
            "Big client buffers: clients take more than 200K each in the mean. CLIENT LIST tells which, and whether they \
             read too slowly or ask for too much at once.",
        ),
    ];
    let found: Vec<&str> = findings.iter().filter(|(found, _)| *found).map(|(_, text)| *text).collect();
    if found.is_empty() {
        return "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
            .into();
    }
    let mut text = String::from("Sam, I detected a few issues in this Redis instance memory implants:\n\n");
    found.iter().for_each(|line| text.push_str(&format!(" * {line}\n\n")));
    text.push_str("I'm here to keep you safe, Sam. I want to help you.\n");
    text
}

fn help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
    ]);
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_names_what_is_wrong_and_nothing_else() {
        let mut figures = MemoryFigures { used: 100 << 20, peak: 100 << 20, ..MemoryFigures::default() };
        figures.usage.heap_bytes = 101 << 20;
        figures.usage.anonymous_bytes = 101 << 20;
        figures.usage.resident_bytes = 105 << 20;
        assert!(diagnose(&figures, 1).starts_with("Hi Sam, I can't find"));
        figures.peak = 200 << 20;
        let report = diagnose(&figures, 1);
        assert!(report.contains("Peak memory") && !report.contains("fragmentation:"), "{report}");
        figures.used = 1 << 20;
        assert!(diagnose(&figures, 1).contains("very little memory"));
    }
}
