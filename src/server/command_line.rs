//! The process's arguments, environment and files, brought to the configuration's own reader, and what it makes of
//! them: a start, a text to print, or an error.

use crate::config::Key;
use crate::config::cli::{self, StartError, Startup};
use crate::config::file::Sources;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// The file system and the standard input, as the configuration reads them.
struct Files;

impl Sources for Files {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn matching(&mut self, pattern: &str) -> Vec<String> {
        let paths = glob::glob(pattern).into_iter().flatten().flatten();
        paths.map(|path| path.to_string_lossy().into_owned()).collect()
    }

    fn stdin(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text)?;
        Ok(text)
    }
}

/// Reads the process's own command line and environment. Errors: what is to be printed, and the exit code.
pub fn read() -> Result<Startup, (i32, String)> {
    let argv: Vec<Vec<u8>> = std::env::args_os().map(OsStringExt::into_vec).collect();
    let variables = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
    let mut startup = cli::startup(&argv, variables, &mut Files).map_err(|error| match error {
        StartError::Exit { code, text } => (code, text),
        StartError::Config(error) => (1, error.to_string()),
    })?;
    if startup.sentinel {
        return Err((1, "Sentinel mode is not there yet: start without --sentinel\n".into()));
    }
    // Who asks for a node needs what it does: better no server than one that only looks like it.
    if startup.config.boolean(Key::ClusterEnabled) {
        return Err((1, "Cluster mode is not there yet: start with cluster-enabled no\n".into()));
    }
    if let Some(file) = &mut startup.config_file
        && let Ok(absolute) = std::path::absolute(Path::new(file))
    {
        *file = absolute.to_string_lossy().into_owned();
    }
    Ok(startup)
}
