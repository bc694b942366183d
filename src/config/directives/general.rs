//! Directives: general. The process itself: where it runs, what it logs, how it stops.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{INT_MAX, ListKind, Section, bits, choice, int, list, nullable, text, yes_no};

/// Words of a shutdown and the bit each sets; `default` stands for none.
const SHUTDOWN: &[(&str, u32)] = &[("default", 0), ("save", 1), ("nosave", 2), ("now", 4), ("force", 8)];

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "General",
    intro: "The process itself: where it runs, what it logs, how it stops.",
    rows: &[
        yes_no(Key::Daemonize, "daemonize", "no")
            .immutable()
            .works("Runs in the background. Leave it off under a service manager or in a container."),
        choice(Key::Supervised, "supervised", &["upstart", "systemd", "auto", "no"], "no")
            .immutable()
            .works("Which service manager is told that the server is ready."),
        nullable(Key::Pidfile, "pidfile").immutable().works("File that receives the process id."),
        text(Key::Dir, "dir", "./")
            .protected()
            .deny_loading()
            .works("Working directory: data files and relative paths are found from here."),
        int(Key::Databases, "databases", 1, INT_MAX, "16")
            .immutable()
            .works("Number of databases that SELECT can choose from."),
        choice(Key::Loglevel, "loglevel", &["debug", "verbose", "notice", "warning"], "notice")
            .works("How much is logged, from everything to warnings only."),
        text(Key::Logfile, "logfile", "")
            .immutable()
            .works("File the log is appended to; empty means the standard output."),
        yes_no(Key::SyslogEnabled, "syslog-enabled", "no").immutable().works("Sends the log to the system logger too."),
        text(Key::SyslogIdent, "syslog-ident", "redis")
            .immutable()
            .works("Name under which the system logger files our lines."),
        choice(
            Key::SyslogFacility,
            "syslog-facility",
            &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
            "local0",
        )
        .immutable()
        .works("Facility for the system logger."),
        yes_no(Key::AlwaysShowLogo, "always-show-logo", "no")
            .immutable()
            .no_meaning("Prints a banner at start even when the output is not a terminal."),
        yes_no(Key::SetProcTitle, "set-proc-title", "yes")
            .immutable()
            .works("Lets the process title show the address and mode."),
        text(Key::ProcTitleTemplate, "proc-title-template", "{title} {listen-addr} {server-mode}").works(
            "Template of the process title; knows {title} {listen-addr} {server-mode} {port} \
                 {tls-port} {unixsocket} {config-file}.",
        ),
        int(Key::ShutdownTimeout, "shutdown-timeout", 0, INT_MAX, "10")
            .works("Seconds that a shutdown waits for replicas to catch up."),
        bits(Key::ShutdownOnSigint, "shutdown-on-sigint", SHUTDOWN, "default")
            .works("What SIGINT does: 'default', or a combination of save or nosave, now and force."),
        bits(Key::ShutdownOnSigterm, "shutdown-on-sigterm", SHUTDOWN, "default")
            .works("What SIGTERM does, with the same words as shutdown-on-sigint."),
        int(Key::Hz, "hz", 0, INT_MAX, "10")
            .works("How often a second background work is looked at; held between 1 and 500."),
        yes_no(Key::DynamicHz, "dynamic-hz", "yes").no_meaning("Raises hz by itself when many clients are connected."),
        text(Key::IgnoreWarnings, "ignore-warnings", "").no_meaning("Names of start-up warnings to keep quiet about."),
        yes_no(Key::CrashLogEnabled, "crash-log-enabled", "yes")
            .works("Writes a report to the log when the process crashes."),
        yes_no(Key::CrashMemcheckEnabled, "crash-memcheck-enabled", "yes").no_meaning("Tests memory after a crash."),
        yes_no(Key::UseExitOnPanic, "use-exit-on-panic", "no")
            .hidden()
            .no_meaning("Ends with exit instead of abort after a fatal assertion."),
        int(Key::WatchdogPeriod, "watchdog-period", 0, INT_MAX, "0")
            .hidden()
            .not_yet("Milliseconds after which a command that still runs is reported in the log; 0 never."),
        yes_no(Key::DisableThp, "disable-thp", "yes")
            .immutable()
            .no_meaning("Asks the kernel to keep transparent huge pages away from the process."),
        nullable(Key::ServerCpulist, "server_cpulist").immutable().not_yet("Processors the event loop may run on."),
        nullable(Key::BioCpulist, "bio_cpulist").immutable().not_yet("Processors the background threads may run on."),
        nullable(Key::AofRewriteCpulist, "aof_rewrite_cpulist")
            .immutable()
            .no_meaning("Processors for the child that rewrites the append-only file; there is no such child here."),
        nullable(Key::BgsaveCpulist, "bgsave_cpulist")
            .immutable()
            .no_meaning("Processors for the child that saves a snapshot; there is no such child here."),
        choice(Key::OomScoreAdj, "oom-score-adj", &["no", "yes", "relative", "absolute"], "no")
            .works("Whether the kernel's out-of-memory score of the process is set."),
        list(Key::OomScoreAdjValues, "oom-score-adj-values", ListKind::OomScoreAdj, "0 200 800")
            .works("The three scores, for a primary, a replica and a child process; there is no child here."),
    ],
};
