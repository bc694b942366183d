//! Instruments: counters, the slow log, latency events and histograms. They do not know who reads them.

pub mod commands;
pub mod info_writer;
pub mod latency;
pub mod slowlog;
pub mod sparkline;

pub use commands::CommandStats;
pub use info_writer::InfoWriter;
pub use latency::LatencyMonitor;
pub use slowlog::SlowLog;

/// Counters of the whole server, as INFO stats reports them.
#[derive(Debug, Default, Clone)]
pub struct ServerStats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because of `maxclients`.
    pub rejected_connections: u64,
    /// Bytes of snapshots and of the stream that were written for replicas.
    pub net_out_to_replicas: u64,
    /// Replicas that were given a snapshot.
    pub full_syncs: u64,
    /// Replicas that went on where they were.
    pub partial_syncs: u64,
    /// Replicas that wanted to, and were given a snapshot.
    pub refused_partial_syncs: u64,
    /// Commands run.
    pub commands: u64,
    /// Bytes received.
    pub net_in: u64,
    /// Bytes sent.
    pub net_out: u64,
    /// Bytes received from the primary.
    pub net_replication_in: u64,
    /// Error replies.
    pub errors: u64,
    /// Error replies to the primary and to replicas, which expect none.
    pub unexpected_error_replies: u64,
    /// Clients evicted because of `maxmemory-clients`.
    pub evicted_clients: u64,
    /// Clients closed because of the query buffer limit.
    pub query_buffer_disconnections: u64,
    /// Clients closed because of an output buffer limit.
    pub output_buffer_disconnections: u64,
    /// Reads from sockets.
    pub reads_processed: u64,
    /// Writes to sockets.
    pub writes_processed: u64,
    /// Turns of the event loop.
    pub turns: u64,
    /// Values handed to the reclaim thread.
    pub reclaimed: u64,
    /// Time spent on removing keys whose deadline had passed, in nanoseconds.
    pub expiry_ns: u64,
    /// Slices of expiry that ended because their time was over.
    pub expiry_time_cap_reached: u64,
    /// Time spent above `maxmemory`, in nanoseconds, up to `over_memory_since_ns`.
    pub over_memory_ns: u64,
    /// Since when memory has been above `maxmemory`, on the monotonic clock.
    pub over_memory_since_ns: Option<u64>,
    /// Highest memory seen, in bytes.
    pub peak_memory: usize,
    /// Failed attempts to log in.
    pub denied_auth: u64,
    /// Commands that users were denied.
    pub denied_commands: u64,
    /// Keys that users were denied.
    pub denied_keys: u64,
    /// Channels that users were denied.
    pub denied_channels: u64,
    /// Rates over the last seconds.
    pub rates: Rates,
}

/// Rates of a few counters, from 16 samples of 100 ms.
#[derive(Debug, Default, Clone)]
pub struct Rates {
    samples: [[u64; 3]; 16],
    at: usize,
    last: [u64; 3],
    last_ms: i64,
}

impl Rates {
    /// Takes a sample of commands, bytes in and bytes out.
    pub fn sample(&mut self, now_ms: i64, totals: [u64; 3]) {
        let elapsed = (now_ms - self.last_ms).max(1) as u64;
        if self.last_ms != 0 {
            for (i, total) in totals.iter().enumerate() {
                self.samples[self.at][i] = total.saturating_sub(self.last[i]) * 1000 / elapsed;
            }
            self.at = (self.at + 1) % self.samples.len();
        }
        self.last = totals;
        self.last_ms = now_ms;
    }

    /// Commands a second.
    pub fn commands(&self) -> u64 {
        self.mean(0)
    }

    /// Bytes received a second.
    pub fn bytes_in(&self) -> u64 {
        self.mean(1)
    }

    /// Bytes sent a second.
    pub fn bytes_out(&self) -> u64 {
        self.mean(2)
    }

    fn mean(&self, which: usize) -> u64 {
        self.samples.iter().map(|sample| sample[which]).sum::<u64>() / self.samples.len() as u64
    }
}
