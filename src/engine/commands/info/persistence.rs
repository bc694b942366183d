//! INFO: persistence, replication, cluster. None of the three is there yet, and their fields say so: nothing loaded,
//! nothing saved, nobody connected. Forks and their copies will stay at zero, for a snapshot needs none.

use crate::config::Key;
use crate::engine::Engine;
use crate::observe::InfoWriter;

pub(super) fn persistence(engine: &Engine, out: &mut InfoWriter) {
    out.section("Persistence");
    out.fields(&[
        ("loading", &0),
        ("async_loading", &0),
        ("current_cow_peak", &0),
        ("current_cow_size", &0),
        ("current_cow_size_age", &0),
        ("current_fork_perc", &"0.00"),
        ("current_save_keys_processed", &0),
        ("current_save_keys_total", &0),
        ("rdb_changes_since_last_save", &engine.keyspace.log.dirty),
        ("rdb_bgsave_in_progress", &0),
        ("rdb_last_save_time", &(engine.facts.started_at.0 / 1000)),
        ("rdb_last_bgsave_status", &"ok"),
        ("rdb_last_bgsave_time_sec", &-1),
        ("rdb_current_bgsave_time_sec", &-1),
        ("rdb_saves", &0),
        ("rdb_last_cow_size", &0),
        ("rdb_last_load_keys_expired", &0),
        ("rdb_last_load_keys_loaded", &0),
        ("aof_enabled", &0),
        ("aof_rewrite_in_progress", &0),
        ("aof_rewrite_scheduled", &0),
        ("aof_last_rewrite_time_sec", &-1),
        ("aof_current_rewrite_time_sec", &-1),
        ("aof_last_bgrewrite_status", &"ok"),
        ("aof_rewrites", &0),
        ("aof_rewrites_consecutive_failures", &0),
        ("aof_last_write_status", &"ok"),
        ("aof_last_cow_size", &0),
        ("module_fork_in_progress", &0),
        ("module_fork_last_cow_size", &0),
    ]);
}

pub(super) fn replication(engine: &Engine, out: &mut InfoWriter) {
    let config = &engine.config;
    out.section("Replication");
    out.field("role", "master");
    out.field("connected_slaves", 0);
    if config.integer(Key::MinReplicasToWrite) > 0 && config.integer(Key::MinReplicasMaxLag) > 0 {
        out.field("min_slaves_good_slaves", 0);
    }
    out.fields(&[
        ("master_failover_state", &"no-failover"),
        ("master_replid", &engine.replication_id),
        ("master_replid2", &"0".repeat(40)),
        ("master_repl_offset", &0),
        ("second_repl_offset", &-1),
        ("repl_backlog_active", &0),
        ("repl_backlog_size", &config.integer(Key::ReplBacklogSize)),
        ("repl_backlog_first_byte_offset", &0),
        ("repl_backlog_histlen", &0),
    ]);
}

pub(super) fn cluster(_engine: &Engine, out: &mut InfoWriter) {
    out.section("Cluster");
    out.field("cluster_enabled", 0);
}
