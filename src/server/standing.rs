//! What the system shows and thinks of the process: its title in `ps`, and its score for the killer that comes when
//! memory is out.

use super::follow::reason_of;
use crate::config::{Config, Key, expand_title};
use crate::structs::process;
use std::sync::Mutex;

/// Shows the title that the configuration asks for; `program` is how the server was called,
/// `file` its configuration file.
pub fn show_title(config: &Config, program: &str, file: &str) {
    if !config.boolean(Key::SetProcTitle) {
        return;
    }
    let number = |key| config.integer(key).to_string();
    let text = |key| String::from_utf8_lossy(config.string(key)).into_owned();
    let title = expand_title(config.string(Key::ProcTitleTemplate), |name| {
        Some(match name {
            b"title" => program.to_owned(),
            b"listen-addr" => {
                let address = config.bind().first().map_or("*".into(), |address| String::from_utf8_lossy(address));
                let port = if config.integer(Key::Port) != 0 { Key::Port } else { Key::TlsPort };
                format!("{address}:{}", number(port))
            }
            // Neither cluster nor Sentinel, which would be named here.
            b"server-mode" => String::new(),
            b"port" => number(Key::Port),
            b"tls-port" => number(Key::TlsPort),
            b"unixsocket" => text(Key::Unixsocket),
            b"config-file" => file.to_owned(),
            _ => return None,
        })
    });
    if let Some(title) = title {
        process::set_title(&title);
    }
}

const SCORE_FILE: &str = "/proc/self/oom_score_adj";

/// The score before the server touched it; `None` while it has not.
static FOUND_SCORE: Mutex<Option<i32>> = Mutex::new(None);

/// Sets the score as `oom-score-adj` and its values ask, or restores what was found. Errors: the system's reason.
pub fn adjust_oom_score(config: &Config) -> Result<(), String> {
    let mut found = FOUND_SCORE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mode = config.enum_name(Key::OomScoreAdj);
    let score = if mode == "no" {
        let Some(score) = found.take() else { return Ok(()) };
        score
    } else {
        let base = *found.get_or_insert_with(|| {
            std::fs::read_to_string(SCORE_FILE).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
        });
        let [primary, replica, _] = config.oom_score_adj_values();
        let own = if config.replicaof().is_some() { replica } else { primary };
        if mode == "absolute" { own } else { own.saturating_add(base) }
    };
    std::fs::write(SCORE_FILE, score.clamp(-1000, 1000).to_string()).map_err(|error| {
        let reason = reason_of(&error);
        tracing::warn!("Unable to write oom_score_adj: {reason}");
        reason
    })
}
