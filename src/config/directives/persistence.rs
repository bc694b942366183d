//! Directives: persistence. Snapshots and the append-only log.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{INT_MAX, INT_MIN, LONG_MAX, ListKind, Section, choice, int, list, memory, text, yes_no};

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Persistence",
    intro: "Snapshots and the append-only log.",
    rows: &[
        list(Key::Save, "save", ListKind::Save, "3600 1 300 100 60 10000").works(
            "Pairs 'seconds changes': saves a snapshot when so many changes are that old. Empty: \
                 never by itself.",
        ),
        text(Key::Dbfilename, "dbfilename", "dump.rdb").protected().works("Name of the snapshot file inside dir."),
        yes_no(Key::Rdbcompression, "rdbcompression", "yes").works("Compresses long strings in snapshots."),
        yes_no(Key::Rdbchecksum, "rdbchecksum", "yes")
            .immutable()
            .works("Ends snapshots with a checksum and verifies it on loading."),
        yes_no(Key::RdbSaveIncrementalFsync, "rdb-save-incremental-fsync", "yes")
            .works("Syncs a snapshot to disk in steps while it is written."),
        int(Key::RdbKeySaveDelay, "rdb-key-save-delay", INT_MIN, INT_MAX, "0")
            .hidden()
            .works("Microseconds to wait after each key saved, for tests."),
        yes_no(Key::RdbDelSyncFiles, "rdb-del-sync-files", "no").no_meaning("No file is made for replication."),
        yes_no(Key::StopWritesOnBgsaveError, "stop-writes-on-bgsave-error", "yes")
            .works("Refuses writes while the last snapshot failed."),
        int(Key::KeyLoadDelay, "key-load-delay", INT_MIN, INT_MAX, "0")
            .hidden()
            .works("Microseconds to wait after each key loaded, for tests."),
        int(Key::LoadingProcessEventsIntervalBytes, "loading-process-events-interval-bytes", 1024, INT_MAX, "2097152")
            .hidden()
            .works("Bytes loaded between two looks at the network."),
        yes_no(Key::Appendonly, "appendonly", "no").deny_loading().works("Logs every write to the append-only files."),
        text(Key::Appendfilename, "appendfilename", "appendonly.aof")
            .immutable()
            .works("Base name of the append-only files."),
        text(Key::Appenddirname, "appenddirname", "appendonlydir")
            .immutable()
            .works("Directory inside dir for the append-only files."),
        choice(Key::Appendfsync, "appendfsync", &["everysec", "always", "no"], "everysec")
            .works("When the log reaches the disk: once a second, before every reply, or when the system likes."),
        yes_no(Key::NoAppendfsyncOnRewrite, "no-appendfsync-on-rewrite", "no")
            .works("Leaves out the syncs once a second while a snapshot or a rewrite is written."),
        int(Key::AutoAofRewritePercentage, "auto-aof-rewrite-percentage", 0, INT_MAX, "100")
            .works("Growth in percent at which the log is rewritten; 0 never."),
        memory(Key::AutoAofRewriteMinSize, "auto-aof-rewrite-min-size", 0, LONG_MAX, "67108864")
            .works("Bytes below which the log is not rewritten."),
        yes_no(Key::AofLoadTruncated, "aof-load-truncated", "yes")
            .works("Starts with a log whose end is cut off, dropping the unfinished command."),
        yes_no(Key::AofUseRdbPreamble, "aof-use-rdb-preamble", "yes")
            .works("Writes the base of the log in the snapshot format."),
        yes_no(Key::AofRewriteIncrementalFsync, "aof-rewrite-incremental-fsync", "yes")
            .works("Syncs a rewritten log to disk in steps."),
        yes_no(Key::AofTimestampEnabled, "aof-timestamp-enabled", "no")
            .works("Writes times into the log, for recovery to a point in time."),
        yes_no(Key::AofDisableAutoGc, "aof-disable-auto-gc", "no")
            .works("Keeps log files that a rewrite has replaced."),
        memory(Key::SnapshotMemoryLimit, "snapshot-memory-limit", 0, LONG_MAX, "0").works(
            "Bytes that snapshots may hold back before writers are slowed; 0: a quarter of the machine's memory.",
        ),
    ],
};
