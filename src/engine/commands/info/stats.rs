//! INFO: stats and keyspace.

use crate::base::ids::DbIndex;
use crate::engine::Engine;
use crate::observe::InfoWriter;

pub(super) fn stats(engine: &Engine, out: &mut InfoWriter) {
    let (stats, keys, rates) = (&engine.stats, &engine.keyspace.stats, &engine.stats.rates);
    let over_memory_ns = match stats.over_memory_since_ns {
        Some(since) => (engine.senses.monotonic_ns)().saturating_sub(since),
        None => 0,
    };
    let kib = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    out.section("Stats");
    out.fields(&[
        ("total_connections_received", &stats.connections),
        ("total_commands_processed", &stats.commands),
        ("instantaneous_ops_per_sec", &rates.commands()),
        ("total_net_input_bytes", &stats.net_in),
        ("total_net_output_bytes", &stats.net_out),
        ("total_net_repl_input_bytes", &stats.net_replication_in),
        ("total_net_repl_output_bytes", &stats.net_out_to_replicas),
        ("instantaneous_input_kbps", &kib(rates.bytes_in())),
        ("instantaneous_output_kbps", &kib(rates.bytes_out())),
        ("instantaneous_input_repl_kbps", &"0.00"),
        ("instantaneous_output_repl_kbps", &"0.00"),
        ("rejected_connections", &stats.rejected_connections),
        ("sync_full", &stats.full_syncs),
        ("sync_partial_ok", &stats.partial_syncs),
        ("sync_partial_err", &stats.refused_partial_syncs),
        ("expired_keys", &keys.expired),
        ("expired_subkeys", &keys.expired_fields),
        // Keys leave in the order of their deadlines: none is known to be stale and left.
        ("expired_stale_perc", &"0.00"),
        ("expired_time_cap_reached_count", &stats.expiry_time_cap_reached),
        ("expire_cycle_cpu_milliseconds", &(stats.expiry_ns / 1_000_000)),
        ("evicted_keys", &keys.evicted),
        ("evicted_clients", &stats.evicted_clients),
        ("total_eviction_exceeded_time", &((stats.over_memory_ns + over_memory_ns) / 1_000_000)),
        ("current_eviction_exceeded_time", &(over_memory_ns / 1_000_000)),
        ("keyspace_hits", &keys.hits),
        ("keyspace_misses", &keys.misses),
        ("pubsub_channels", &engine.pubsub.channels.len()),
        ("pubsub_patterns", &engine.pubsub.patterns.len()),
        ("pubsubshard_channels", &engine.pubsub.shard_channels.len()),
    ]);
    out.field("migrate_cached_sockets", engine.migrations.cached_sockets);
    absent(out);
    out.fields(&[
        ("slave_expires_tracked_keys", &engine.following.own_timed.len()),
        ("tracking_total_keys", &engine.tracking.keys()),
        ("tracking_total_items", &engine.tracking.items()),
        ("tracking_total_prefixes", &engine.tracking.prefixes()),
        ("unexpected_error_replies", &stats.unexpected_error_replies),
        ("total_error_replies", &stats.errors),
        ("dump_payload_sanitizations", &0),
        ("total_reads_processed", &stats.reads_processed),
        ("total_writes_processed", &stats.writes_processed),
        ("io_threaded_reads_processed", &0),
        ("io_threaded_writes_processed", &0),
        ("client_query_buffer_limit_disconnections", &stats.query_buffer_disconnections),
        ("client_output_buffer_limit_disconnections", &stats.output_buffer_disconnections),
        ("reply_buffer_shrinks", &0),
        ("reply_buffer_expands", &0),
        ("acl_access_denied_auth", &stats.denied_auth),
        ("acl_access_denied_cmd", &stats.denied_commands),
        ("acl_access_denied_key", &stats.denied_keys),
        ("acl_access_denied_channel", &stats.denied_channels),
    ]);
}

/// What never happens here: forks, moving values about in memory.
fn absent(out: &mut InfoWriter) {
    for name in [
        "latest_fork_usec",
        "total_forks",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ] {
        out.field(name, 0);
    }
}

pub(super) fn keyspace(engine: &Engine, out: &mut InfoWriter) {
    out.section("Keyspace");
    for index in 0..engine.keyspace.databases() as u32 {
        let table = engine.keyspace.table(DbIndex(index));
        if !table.is_empty() {
            let (keys, timed, mean_ttl_ms) =
                (table.len(), table.len_with_deadline(), mean_ttl_ms(engine, DbIndex(index)));
            let with_timed_fields = table.len_with_timed_parts();
            let figures = format!("keys={keys},expires={timed},avg_ttl={mean_ttl_ms},subexpiry={with_timed_fields}");
            out.field(&format!("db{index}"), figures);
        }
    }
}

/// Milliseconds that keys with a deadline have left, in the mean of some of them.
fn mean_ttl_ms(engine: &Engine, db: DbIndex) -> u64 {
    const SAMPLES: usize = 64;
    // Hashes whose fields have deadlines are met on the way.
    const MOST_LOOKED_AT: usize = 4096;
    const END_OF_TIME: u64 = u64::MAX - 1;
    let now = engine.now.0.max(0) as u64;
    let (mut sum, mut count) = (0u128, 0);
    let table = engine.keyspace.table(db);
    let limit = if table.len_with_timed_parts() == 0 { SAMPLES } else { MOST_LOOKED_AT };
    // The table finds the entries that have a deadline; in the order of their hashes, which is none.
    table.for_each_due(END_OF_TIME, limit, |object| {
        sum += u128::from(object.deadline().unwrap_or(now).saturating_sub(now));
        count += 1;
    });
    sum.checked_div(count).unwrap_or(0) as u64
}
