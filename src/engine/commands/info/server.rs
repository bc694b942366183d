//! INFO: server, clients, CPU, modules.

use super::REDIS_VERSION;
use crate::config::Key;
use crate::engine::Engine;
use crate::observe::InfoWriter;

/// Tells one build of this server from another.
fn build_id() -> String {
    let source = concat!(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let hash = source.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:x}")
}

pub(super) fn server(engine: &Engine, out: &mut InfoWriter) {
    let (facts, config) = (&engine.facts, &engine.config);
    let now_us = (engine.senses.unix_us)();
    let uptime_s = (now_us / 1000 - facts.started_at.0).max(0) / 1000;
    let tcp_port = match config.integer(Key::Port) {
        0 => config.integer(Key::TlsPort),
        port => port,
    };
    const LRU_CLOCK_MAX: i64 = (1 << 24) - 1;
    out.section("Server");
    out.fields(&[
        ("redis_version", &REDIS_VERSION),
        ("server_name", &"larder"),
        ("larder_version", &env!("CARGO_PKG_VERSION")),
        ("redis_git_sha1", &"00000000"),
        ("redis_git_dirty", &0),
        ("redis_build_id", &build_id()),
        ("redis_mode", &"standalone"),
        ("os", &facts.os),
        ("arch_bits", &usize::BITS),
        ("monotonic_clock", &"POSIX clock_gettime"),
        ("multiplexing_api", &"epoll"),
        ("atomicvar_api", &"rust-core"),
        ("gcc_version", &"0.0.0"),
        ("process_id", &facts.process_id),
        ("process_supervised", &"no"),
        ("run_id", &facts.run_id),
        ("tcp_port", &tcp_port),
        ("server_time_usec", &now_us),
        ("uptime_in_seconds", &uptime_s),
        ("uptime_in_days", &(uptime_s / 86_400)),
        ("hz", &engine.options.hz),
        ("configured_hz", &config.integer(Key::Hz)),
        ("lru_clock", &((now_us / 1_000_000) & LRU_CLOCK_MAX)),
        ("executable", &facts.executable),
        ("config_file", &facts.config_file),
        ("io_threads_active", &0),
    ]);
    if let Some(farewell) = &engine.farewell {
        out.field("shutdown_in_milliseconds", farewell.until.0 - engine.now.0);
    }
}

pub(super) fn clients(engine: &Engine, out: &mut InfoWriter) {
    let (mut longest_input, mut longest_output) = (0, 0);
    for (_, client) in &engine.clients {
        longest_input = longest_input.max(client.query.used as usize + client.query.free as usize);
        longest_output = longest_output.max(client.output_peak as usize).max(client.output_bytes());
    }
    let leaving = engine.farewell.as_ref().map_or(0, |farewell| farewell.clients.len());
    out.section("Clients");
    out.fields(&[
        ("connected_clients", &(engine.connected() - engine.replicas.len())),
        ("cluster_connections", &0),
        ("maxclients", &engine.options.max_clients),
        ("client_recent_max_input_buffer", &longest_input),
        ("client_recent_max_output_buffer", &longest_output),
        ("blocked_clients", &(engine.blocking.len() + engine.paused.len() + leaving)),
        ("tracking_clients", &engine.tracking.clients()),
        ("clients_in_timeout_table", &engine.blocking.timeouts()),
    ]);
}

pub(super) fn cpu(engine: &Engine, out: &mut InfoWriter) {
    let usage = (engine.senses.usage)();
    out.section("CPU");
    let seconds = [
        ("used_cpu_sys", usage.process.system_s),
        ("used_cpu_user", usage.process.user_s),
        // There are no child processes.
        ("used_cpu_sys_children", 0.0),
        ("used_cpu_user_children", 0.0),
        ("used_cpu_sys_main_thread", usage.event_loop.system_s),
        ("used_cpu_user_main_thread", usage.event_loop.user_s),
    ];
    seconds.iter().for_each(|(name, seconds)| out.field(name, format_args!("{seconds:.6}")));
}

pub(super) fn modules(_engine: &Engine, out: &mut InfoWriter) {
    out.section("Modules");
}
