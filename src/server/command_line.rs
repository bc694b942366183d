//! The process's arguments, environment and files, brought to the configuration's own reader.

use crate::config::{Config, SetAt};
use std::ffi::OsString;

/// What the command line asks for.
pub enum Begin {
    /// Run the server.
    Serve {
        /// The directives.
        config: Config,
        /// Absolute path of the configuration file, or "".
        file: String,
    },
    /// Print this and end.
    Done(String),
}

/// Reads the command line. Errors: the text for stderr.
pub fn startup(args: Vec<OsString>) -> Result<Begin, String> {
    let mut config = Config::default();
    let words: Vec<Vec<u8>> = args.into_iter().skip(1).map(|arg| arg.into_encoded_bytes()).collect();
    let mut at = 0;
    while at < words.len() {
        let name = words[at].strip_prefix(b"--").unwrap_or(&words[at]).to_vec();
        let mut value = Vec::new();
        at += 1;
        while at < words.len() && !words[at].starts_with(b"--") {
            if !value.is_empty() {
                value.push(b' ');
            }
            value.extend_from_slice(&words[at]);
            at += 1;
        }
        config.set_many(&[(&name, &value)], SetAt::Startup).map_err(|error| format!("{error}\n"))?;
    }
    Ok(Begin::Serve { config, file: String::new() })
}
