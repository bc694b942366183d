//! The log: tracing events as lines in redis-server's format, to stdout or to `logfile`, one write a line, and to the
//! system's logger when it is asked for.
//!
//! Levels: `debug` is TRACE and DEBUG, `verbose` is DEBUG with target `verbose`, `notice` is INFO, `warning` is WARN and ERROR.

use crate::structs::process;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// `loglevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum LogLevel {
    Debug = 0,
    Verbose = 1,
    Notice = 2,
    Warning = 3,
    Nothing = 4,
}

static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Notice as u8);
static IS_REPLICA: AtomicBool = AtomicBool::new(false);
static FILE: RwLock<Option<PathBuf>> = RwLock::new(None);
static SYSTEM: RwLock<Option<SystemLogger>> = RwLock::new(None);

/// Sets the level.
pub fn set_level(name: &str) {
    let level = match name {
        "debug" => LogLevel::Debug,
        "verbose" => LogLevel::Verbose,
        "warning" => LogLevel::Warning,
        "nothing" => LogLevel::Nothing,
        _ => LogLevel::Notice,
    };
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Sets whether lines are marked as a replica's.
pub fn set_replica(is_replica: bool) {
    IS_REPLICA.store(is_replica, Ordering::Relaxed);
}

/// Writes to this file from now on, or to stdout when the name is empty. Errors: it cannot be opened.
pub fn set_file(name: &str) -> std::io::Result<()> {
    let path = if name.is_empty() {
        None
    } else {
        OpenOptions::new().create(true).append(true).open(name)?;
        Some(std::path::absolute(name)?)
    };
    if let Ok(mut file) = FILE.write() {
        *file = path;
    }
    Ok(())
}

/// Sends the log to the system's logger too, or, with `None`, not. `ident` names the process there.
pub fn set_system_logger(ident_and_facility: Option<(String, &str)>) {
    let logger = ident_and_facility.and_then(|(ident, facility)| {
        let socket = UnixDatagram::unbound().ok()?;
        // A logger that does not keep up must not hold the server.
        socket.set_nonblocking(true).ok()?;
        Some(SystemLogger { socket, ident, facility: facility_code(facility) })
    });
    if let Ok(mut held) = SYSTEM.write() {
        *held = logger;
    }
}

/// The system's logger, as its protocol (RFC 3164) wants to be spoken to.
struct SystemLogger {
    socket: UnixDatagram,
    ident: String,
    facility: u8,
}

/// The number of a facility: `user`, or `local0` to `local7`.
fn facility_code(name: &str) -> u8 {
    const USER: u8 = 1;
    const LOCAL0: u8 = 16;
    name.strip_prefix("local").and_then(|digit| digit.parse().ok()).map_or(USER, |digit: u8| LOCAL0 + digit)
}

impl SystemLogger {
    fn datagram(&self, mark: char, message: &str, seconds: i64) -> String {
        let severity = match mark {
            '.' => 7,
            '-' => 6,
            '*' => 5,
            _ => 4,
        };
        // "21 Nov 2026 10:11:12.000" has the day first and a year.
        let date = local_time(seconds, 0);
        let (day, month, time) = (date[..2].trim_start_matches('0'), &date[3..6], &date[12..20]);
        let priority = u32::from(self.facility) * 8 + severity;
        format!("<{priority}>{month} {day:>2} {time} {}[{}]: {message}", self.ident, std::process::id())
    }
}

/// Makes this log the process's.
pub fn install() {
    // Only a second call can fail, and then the log is already there.
    let _ = tracing::subscriber::set_global_default(RedisLog);
}

/// Writes one line, at a level given by its mark.
pub fn line(mark: char, message: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (role, process) = (if IS_REPLICA.load(Ordering::Relaxed) { 'S' } else { 'M' }, std::process::id());
    let mut text =
        format!("{process}:{role} {} {mark} {message}", local_time(now.as_secs() as i64, now.subsec_millis()));
    text.retain(|character| character != '\n');
    text.push('\n');
    if let Ok(system) = SYSTEM.read()
        && let Some(system) = &*system
    {
        // Nobody can be told that there is no logger.
        let _ = system.socket.send_to(system.datagram(mark, message, now.as_secs() as i64).as_bytes(), "/dev/log");
    }
    let file = FILE.read().ok().and_then(|file| file.clone());
    // A log that cannot be written must not stop the server, and there is nowhere to say so.
    let _ = match file {
        // Past the buffer and its lock: who crashes while a line is being written can still report it.
        None => {
            let stdout = std::io::stdout().as_fd().try_clone_to_owned();
            stdout.and_then(|stdout| File::from(stdout).write_all(text.as_bytes()))
        }
        Some(path) => {
            OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()))
        }
    };
}

/// `21 Nov 2026 10:11:12.345` in the local time zone.
fn local_time(seconds: i64, ms: u32) -> String {
    let seconds = seconds + process::seconds_east(seconds);
    calendar(seconds, ms)
}

/// The date and time that so many seconds after the year 1970 began.
fn calendar(seconds: i64, ms: u32) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a civil date, by eras of 400 years (H. Hinnant's algorithm).
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = year_of_era + era * 400 + (month < 2) as i64;
    format!(
        "{day:02} {} {year} {:02}:{:02}:{:02}.{ms:03}",
        MONTHS[month as usize],
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

struct RedisLog;

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        } else {
            let _ = write!(self.0, " {}={value:?}", field.name());
        }
    }
}

fn level_of(metadata: &Metadata<'_>) -> (LogLevel, char) {
    match *metadata.level() {
        Level::ERROR | Level::WARN => (LogLevel::Warning, '#'),
        Level::INFO => (LogLevel::Notice, '*'),
        Level::DEBUG if metadata.target() == "verbose" => (LogLevel::Verbose, '-'),
        _ => (LogLevel::Debug, '.'),
    }
}

impl Subscriber for RedisLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The runtime's own events are not the server's.
        let own = metadata.target().starts_with("larder") || metadata.target() == "verbose";
        own && level_of(metadata).0 as u8 >= LEVEL.load(Ordering::Relaxed)
    }

    fn register_callsite(&self, _: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        // The level may change at any time.
        tracing::subscriber::Interest::sometimes()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        line(level_of(event.metadata()).1, &message.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(calendar(0, 7), "01 Jan 1970 00:00:00.007");
        assert_eq!(calendar(951_782_400, 0), "29 Feb 2000 00:00:00.000");
        assert_eq!(calendar(1_795_220_000, 999), "21 Nov 2026 00:13:20.999");
    }

    #[test]
    fn the_systems_logger_is_told_priority_date_and_sender() {
        let socket = UnixDatagram::unbound().unwrap();
        let logger = SystemLogger { socket, ident: "cache".into(), facility: facility_code("local3") };
        let text = logger.datagram('#', "full", 951_782_400);
        let (priority, rest) = text.split_at(5);
        assert_eq!(priority, "<156>");
        let (day, month) = (local_time(951_782_400, 0)[..2].to_owned(), local_time(951_782_400, 0)[3..6].to_owned());
        assert!(rest.starts_with(&format!("{month} {day} ")), "{text}");
        assert!(rest.ends_with(&format!(" cache[{}]: full", std::process::id())), "{text}");
        assert_eq!(facility_code("user"), 1);
    }
}
