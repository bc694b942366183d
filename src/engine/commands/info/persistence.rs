//! INFO: persistence, replication, cluster. The last is not there yet, and its field says so.
//! There are no forks; the fields for their copies tell what snapshots keep in memory that the data no longer needs.

use crate::engine::Engine;
use crate::observe::InfoWriter;
use crate::persist::{Policy, Status};
use crate::replication::history::ReplicationId;

pub(super) fn persistence(engine: &Engine, out: &mut InfoWriter) {
    let files = &engine.durability;
    let status = |ok: bool| if ok { "ok" } else { "err" };
    let seconds_since = |at: crate::base::ids::UnixMs| (engine.now.0 - at.0) / 1000;
    let (processed, total) = match (&files.save, &files.rewrite) {
        (Some(save), _) => (save.job.progress().keys(), save.job.progress().total()),
        (None, Some(rewrite)) => rewrite.keys(),
        _ => (0, 0),
    };
    let saving_s = files.save.as_ref().map_or(-1, |save| seconds_since(save.began_at));
    let rewriting_s = if files.rewrite.is_some() { seconds_since(files.rewrite_began_at) } else { -1 };
    out.section("Persistence");
    out.fields(&[
        ("loading", &((files.is_loading() || engine.following.is_loading()) as u8)),
        ("async_loading", &(engine.following.is_loading_aside() as u8)),
        ("current_cow_peak", &if files.writes_snapshot() { engine.peak_held_memory() } else { 0 }),
        ("current_cow_size", &engine.held_memory()),
        ("current_cow_size_age", &0),
        ("current_fork_perc", &format!("{:.2}", processed as f64 * 100.0 / total.max(1) as f64)),
        ("current_save_keys_processed", &processed),
        ("current_save_keys_total", &total),
        ("rdb_changes_since_last_save", &engine.changes_since_save()),
        // A snapshot for replicas is none on the disk, but whoever waits for the one waits for the other.
        ("rdb_bgsave_in_progress", &((files.save.is_some() || files.transfers > 0) as u8)),
        ("rdb_last_save_time", &files.last_save_at.as_secs()),
        ("rdb_last_bgsave_status", &status(files.last_save_ok)),
        ("rdb_last_bgsave_time_sec", &files.last_save_seconds),
        ("rdb_current_bgsave_time_sec", &saving_s),
        ("rdb_saves", &files.saves),
        ("rdb_last_cow_size", &files.held_back.last_save),
        ("rdb_last_load_keys_expired", &files.expired_on_load),
        ("rdb_last_load_keys_loaded", &files.loaded_keys),
        ("aof_enabled", &(files.log.is_some() as u8)),
        ("aof_rewrite_in_progress", &(files.rewrite.is_some() as u8)),
        ("aof_rewrite_scheduled", &(files.rewrite_scheduled as u8)),
        ("aof_last_rewrite_time_sec", &files.last_rewrite_seconds),
        ("aof_current_rewrite_time_sec", &rewriting_s),
        ("aof_last_bgrewrite_status", &status(files.last_rewrite_ok)),
        ("aof_rewrites", &files.rewrites),
        ("aof_rewrites_consecutive_failures", &files.rewrite_limit.failures()),
        ("aof_last_write_status", &status(files.log.as_ref().is_none_or(|log| log.status() == Status::Ok))),
        ("aof_last_cow_size", &files.held_back.last_rewrite),
        ("module_fork_in_progress", &0),
        ("module_fork_last_cow_size", &0),
    ]);
    if let Some(loading) = &files.loading {
        let (bytes, total) = (loading.bytes, loading.total);
        let elapsed_s = seconds_since(loading.began_at);
        let eta_s = if bytes == 0 { 1 } else { elapsed_s * (total - bytes.min(total)) as i64 / bytes as i64 };
        out.fields(&[
            ("loading_start_time", &loading.began_at.as_secs()),
            ("loading_total_bytes", &total),
            ("loading_rdb_used_mem", &loading.used_memory),
            ("loading_loaded_bytes", &bytes),
            ("loading_loaded_perc", &format!("{:.2}", bytes as f64 * 100.0 / total.max(1) as f64)),
            ("loading_eta_seconds", &eta_s),
        ]);
    }
    super::following::loading(engine, out);
    if let Some(log) = &files.log {
        let syncs = engine.sync_policy() != Policy::Never && log.appended_offset() > log.durable_offset();
        out.fields(&[
            ("aof_current_size", &log.total_bytes()),
            ("aof_base_size", &log.base_bytes()),
            ("aof_pending_rewrite", &0),
            ("aof_buffer_length", &log.queued_bytes()),
            ("aof_pending_bio_fsync", &(syncs as u8)),
            ("aof_delayed_fsync", &0),
        ]);
    }
}

pub(super) fn replication(engine: &Engine, out: &mut InfoWriter) {
    out.section("Replication");
    super::following::role(engine, out);
    out.field("connected_slaves", engine.replicas.len());
    if let Some(count) = engine.options.replicas_in_step {
        out.field("min_slaves_good_slaves", count);
    }
    for (number, replica) in engine.replicas.iter().enumerate() {
        let Some(index) = engine.client_by_id(replica.client) else { continue };
        let (address, port) = (engine.replica_address(index, &replica.announced), replica.announced.port);
        let delivery = replica.delivery.and_then(|number| engine.replicas.delivery(number));
        let state = replica.stage_name(delivery.is_some_and(|delivery| !delivery.mark.is_empty()));
        let (offset, lag) = (replica.acked, replica.lag_s(engine.now));
        out.field(
            &format!("slave{number}"),
            format!("ip={address},port={port},state={state},offset={offset},lag={lag}"),
        );
    }
    let history = &engine.history;
    let (second, until) = history.second.map_or((ReplicationId::NONE, -1), |(id, until)| (id, until as i64));
    out.fields(&[
        ("master_failover_state", &engine.failover.name()),
        ("master_replid", &history.id),
        ("master_replid2", &second),
        ("master_repl_offset", &engine.history_offset()),
        ("second_repl_offset", &until),
        ("repl_backlog_active", &u8::from(history.has_backlog())),
        ("repl_backlog_size", &history.backlog_size()),
        ("repl_backlog_first_byte_offset", &history.first_position()),
        ("repl_backlog_histlen", &(engine.history_offset() + 1).saturating_sub(history.first_position())),
    ]);
}

pub(super) fn cluster(_engine: &Engine, out: &mut InfoWriter) {
    out.section("Cluster");
    out.field("cluster_enabled", 0);
}
