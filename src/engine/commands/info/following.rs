//! INFO: replication, as far as this server is a replica.

use crate::config::Key;
use crate::engine::Engine;
use crate::observe::InfoWriter;
use crate::replication::link::LinkState;

/// The role, and what a replica says of its link.
pub(super) fn role(engine: &Engine, out: &mut InfoWriter) {
    let following = &engine.following;
    let Some(primary) = &following.primary else {
        out.field("role", "master");
        return;
    };
    let config = &engine.config;
    let seconds_since = |at: crate::base::ids::UnixMs| (engine.now.0 - at.0) / 1000;
    let client = following.client.map(|index| &engine.clients[index]);
    let last_io = client.map_or(-1, |client| seconds_since(client.active_at));
    let known = client.is_some() || following.resume_in.is_some();
    let applied = if known { engine.applied_offset() } else { 1 };
    let unread = client.map_or(0, |client| following.held_bytes() + (client.query.used + client.query.parsed) as usize);
    out.fields(&[
        ("role", &"slave"),
        ("master_host", &primary.host),
        ("master_port", &primary.port),
        ("master_link_status", &if following.is_connected() { "up" } else { "down" }),
        ("master_last_io_seconds_ago", &last_io),
        ("master_sync_in_progress", &((following.state == LinkState::Transfer) as u8)),
        ("slave_read_repl_offset", &(applied + unread as u64)),
        ("slave_repl_offset", &applied),
    ]);
    if following.state == LinkState::Transfer {
        let (total, read) =
            following.incoming.as_ref().map_or((0, 0), |incoming| (incoming.total.unwrap_or(0), incoming.read));
        let percent = if total == 0 { 0.0 } else { read as f64 * 100.0 / total as f64 };
        out.fields(&[
            ("master_sync_total_bytes", &total),
            ("master_sync_read_bytes", &read),
            ("master_sync_left_bytes", &(total as i64 - read as i64)),
            ("master_sync_perc", &format!("{percent:.2}")),
            ("master_sync_last_io_seconds_ago", &seconds_since(following.heard_at)),
        ]);
    }
    if !following.is_connected() {
        let down_s = if following.down_since.0 == 0 { -1 } else { seconds_since(following.down_since) };
        out.field("master_link_down_since_seconds", down_s);
    }
    out.fields(&[
        ("slave_priority", &config.integer(Key::ReplicaPriority)),
        ("slave_read_only", &(config.boolean(Key::ReplicaReadOnly) as u8)),
        ("replica_announced", &(config.boolean(Key::ReplicaAnnounced) as u8)),
    ]);
}

/// What is told while a snapshot of the primary is being loaded.
pub(super) fn loading(engine: &Engine, out: &mut InfoWriter) {
    use std::sync::atomic::Ordering;
    let Some(incoming) = engine.following.incoming.as_ref().filter(|incoming| incoming.loading) else { return };
    let bytes = incoming.progress.bytes.load(Ordering::Relaxed);
    let total = incoming.total.unwrap_or(incoming.read).max(bytes);
    let elapsed_s = (engine.now.0 - incoming.began_at.0) / 1000;
    let eta_s = if bytes == 0 { 1 } else { elapsed_s * (total - bytes) as i64 / bytes as i64 };
    out.fields(&[
        ("loading_start_time", &incoming.began_at.as_secs()),
        ("loading_total_bytes", &total),
        ("loading_rdb_used_mem", &incoming.progress.used_memory.load(Ordering::Relaxed)),
        ("loading_loaded_bytes", &bytes),
        ("loading_loaded_perc", &format!("{:.2}", bytes as f64 * 100.0 / total.max(1) as f64)),
        ("loading_eta_seconds", &eta_s),
    ]);
}
