//! Directives: diagnostics. Slow log, latency figures, and the switches that tests use.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{LONG_MAX, ListKind, Section, choice, int, list, yes_no};

/// Who may do a thing that is off by default.
const WHO: &[&str] = &["no", "yes", "local"];

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Diagnostics",
    intro: "Slow log, latency figures, and the switches that tests use.",
    rows: &[
        int(Key::SlowlogLogSlowerThan, "slowlog-log-slower-than", -1, LONG_MAX, "10000")
            .works("Microseconds from which a command goes into the slow log; -1 logs none, 0 all."),
        int(Key::SlowlogMaxLen, "slowlog-max-len", 0, LONG_MAX, "128").works("Entries that the slow log keeps."),
        int(Key::LatencyMonitorThreshold, "latency-monitor-threshold", 0, LONG_MAX, "0")
            .works("Milliseconds from which an event is recorded by LATENCY; 0 records none."),
        yes_no(Key::LatencyTracking, "latency-tracking", "yes")
            .works("Keeps a histogram of the run time of every command."),
        list(
            Key::LatencyTrackingInfoPercentiles,
            "latency-tracking-info-percentiles",
            ListKind::Percentiles,
            "50 99 99.9",
        )
        .works("Percentiles that INFO latencystats shows."),
        int(Key::BusyReplyThreshold, "busy-reply-threshold", 0, LONG_MAX, "5000")
            .alias("lua-time-limit")
            .works("Milliseconds a script may run before other clients are answered BUSY; 0 lets it run for ever."),
        yes_no(Key::LuaEnableDeprecatedApi, "lua-enable-deprecated-api", "no")
            .immutable()
            .hidden()
            .works("Gives scripts access to interfaces that were withdrawn."),
        choice(Key::EnableProtectedConfigs, "enable-protected-configs", WHO, "no")
            .immutable()
            .works("Who may change protected directives at run time: no one, everyone, or local clients."),
        choice(Key::EnableDebugCommand, "enable-debug-command", WHO, "no")
            .immutable()
            .works("Who may run DEBUG: no one, everyone, or local clients."),
        choice(Key::EnableModuleCommand, "enable-module-command", WHO, "no")
            .immutable()
            .not_yet("Who may run MODULE: no one, everyone, or local clients."),
        choice(Key::SanitizeDumpPayload, "sanitize-dump-payload", &["no", "yes", "clients"], "no")
            .no_meaning("When values given to RESTORE are checked in depth; here they always are."),
        choice(
            Key::PropagationErrorBehavior,
            "propagation-error-behavior",
            &["ignore", "panic", "panic-on-replicas"],
            "ignore",
        )
        .works(
            "Whether a replica goes on when a command of its primary fails. For commands of the log it always does.",
        ),
    ],
};
