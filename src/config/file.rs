//! Configuration files: lines of `name value ...`, read from bytes into a `Config`.
//!
//! Owns the grammar of a file, the rules of repeated directives and `include`, and the error that names a file and a
//! line. Promises: memory and work are bounded by the bytes read, and the number and depth of included files have
//! bounds. Leaves out opening files: `Sources` is asked for bytes; and checks that need other rooms (whether a renamed
//! command exists, what a user's rules mean): `Origins` blames the line for them later.

use super::key::Key;
use super::table::{Directive, FORGOTTEN, lookup};
use super::value::{self, Value};
use super::{Config, RenamedCommand};
use crate::base::quoting::split_args;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io;
use std::sync::Arc;

/// Files inside files inside files, at most so deep.
const MAX_DEPTH: usize = 16;
/// Files that one start may read.
const MAX_FILES: usize = 1024;
/// Bytes of a line that an error shows.
const MAX_SHOWN: usize = 1024;

/// Where bytes of configuration come from. A closure from a path to bytes is one, too.
pub trait Sources {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Whatever kept it from being read.
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>>;

    /// The files that match a path with `*`, `?` or `[`, in order; none is no error.
    fn matching(&mut self, pattern: &str) -> Vec<String> {
        let _ = pattern;
        Vec::new()
    }

    /// All of the standard input.
    ///
    /// # Errors
    /// Whatever kept it from being read.
    fn stdin(&mut self) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<F: FnMut(&str) -> io::Result<Vec<u8>>> Sources for F {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self(path)
    }
}

/// Why a configuration cannot be used. `Display` is the block for the standard error output; it never shows the values
/// of secret directives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// File, or what stands for one: `command line`, `environment`, `standard input`.
    pub file: String,
    /// Line from 1; 0 when no line is to blame.
    pub line: usize,
    /// The line itself.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
    unreadable: bool,
}

impl ConfigError {
    /// A fault of the configuration as a whole.
    pub fn overall(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, text: String::new(), reason: reason.into(), unreadable: false }
    }

    /// A file that cannot be read.
    pub fn unreadable(file: impl Into<String>, error: &io::Error) -> Self {
        // The name of the operating system's error, without its number.
        let reason = error.to_string();
        let reason = reason.split(" (os error").next().unwrap_or_default().to_string();
        Self { unreadable: true, ..Self::overall(file, reason) }
    }

    /// The same on one line: `file:line: reason`.
    pub fn one_line(&self) -> String {
        match self.line {
            0 => format!("{}: {}", self.file, self.reason),
            line => format!("{}:{line}: {}", self.file, self.reason),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unreadable {
            return writeln!(f, "Fatal error, can't open config file '{}': {}", self.file, self.reason);
        }
        writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Larder {}) ***", env!("CARGO_PKG_VERSION"))?;
        if self.line > 0 {
            writeln!(f, "Reading the configuration file, at line {}", self.line)?;
        }
        if !self.text.is_empty() {
            writeln!(f, ">>> '{}'", self.text)?;
        }
        writeln!(f, "{}", self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// Where a directive was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    file: Arc<str>,
    line: usize,
    text: String,
}

impl Origin {
    pub(super) fn new(file: &Arc<str>, line: usize, text: &[u8]) -> Self {
        Self { file: file.clone(), line, text: shown(text) }
    }

    /// The error that blames this place.
    pub fn error(&self, reason: impl Into<String>) -> ConfigError {
        let (file, text) = (self.file.to_string(), self.text.clone());
        ConfigError { file, line: self.line, text, reason: reason.into(), unreadable: false }
    }
}

/// Where everything was set, for checks that come later.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    pub(super) directives: BTreeMap<Key, Origin>,
    renamed: Vec<Origin>,
    users: Vec<Origin>,
}

impl Origins {
    /// The error that blames the line which set a directive last, or the defaults when none did.
    pub fn blame(&self, key: Key, reason: impl Into<String>) -> ConfigError {
        blame(self.directives.get(&key), reason)
    }

    /// The error that blames the `rename-command` line at this position of `Config::renamed_commands`.
    pub fn blame_renamed(&self, at: usize, reason: impl Into<String>) -> ConfigError {
        blame(self.renamed.get(at), reason)
    }

    /// The error that blames the `user` line at this position of `Config::users`.
    pub fn blame_user(&self, at: usize, reason: impl Into<String>) -> ConfigError {
        blame(self.users.get(at), reason)
    }
}

fn blame(origin: Option<&Origin>, reason: impl Into<String>) -> ConfigError {
    match origin {
        Some(origin) => origin.error(reason),
        None => ConfigError::overall("defaults", reason),
    }
}

/// A configuration and where each part of it was set.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The lines they come from.
    pub origins: Origins,
}

/// Reads one file, with all it includes, over the defaults.
///
/// # Errors
/// The first line that is wrong, or a file that cannot be read.
pub fn parse(file: &str, bytes: &[u8], sources: &mut dyn Sources) -> Result<Loaded, ConfigError> {
    let mut loader = Loader::new(sources, false);
    loader.text(file, bytes, 1)?;
    loader.finish()
}

/// Reads several texts one after the other, as if they were one file.
pub(super) struct Loader<'a> {
    sources: &'a mut dyn Sources,
    pub(super) loaded: Loaded,
    sentinel: bool,
    /// Whether a `save` line was read: the first one replaces the defaults, further ones add to it.
    pub(super) save_seen: bool,
    user_names: HashSet<Vec<u8>>,
    depth: usize,
    files: usize,
}

impl<'a> Loader<'a> {
    pub(super) fn new(sources: &'a mut dyn Sources, sentinel: bool) -> Self {
        let (loaded, user_names) = (Loaded::default(), HashSet::new());
        Self { sources, loaded, sentinel, save_seen: false, user_names, depth: 0, files: 0 }
    }

    pub(super) fn sources(&mut self) -> &mut (dyn Sources + 'a) {
        self.sources
    }

    /// Opens and reads a file.
    pub(super) fn file(&mut self, path: &str) -> Result<(), ConfigError> {
        let bytes = self.sources.read(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        self.text(path, &bytes, 1)
    }

    /// Reads the lines of a text; its first line counts as `first_line` in errors.
    pub(super) fn text(&mut self, file: &str, bytes: &[u8], first_line: usize) -> Result<(), ConfigError> {
        let file: Arc<str> = file.into();
        for (at, line) in bytes.split(|&b| b == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let origin = Origin::new(&file, first_line + at, line);
            let Some(mut words) = split_args(line) else {
                return Err(origin.error("Unbalanced quotes in configuration line"));
            };
            if !words.is_empty() {
                let rest = words.split_off(1);
                self.line(&words[0].to_ascii_lowercase(), rest, origin)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, name: &[u8], words: Vec<Vec<u8>>, origin: Origin) -> Result<(), ConfigError> {
        if let Some((row, _)) = lookup(name) {
            self.set(row, &words).map_err(|reason| origin.error(reason))?;
            self.loaded.origins.directives.insert(row.key, origin);
            return Ok(());
        }
        let store = &mut self.loaded.config;
        match (name, words.as_slice()) {
            (name, [_]) if FORGOTTEN.iter().any(|known| known.as_bytes() == name) => {}
            (b"include", [path]) => return self.include(&String::from_utf8_lossy(path), &origin),
            (b"rename-command", [from, to]) => {
                let (from, to) = (from.clone(), to.clone());
                store.change().renamed.push(RenamedCommand { from, to });
                self.loaded.origins.renamed.push(origin);
            }
            (b"user", [user, ..]) => {
                if !self.user_names.insert(user.clone()) {
                    let user = String::from_utf8_lossy(user);
                    let twice = "Duplicate user found. A user can only be defined once in config files";
                    return Err(origin.error(format!("Error in user declaration '{user}': {twice}")));
                }
                store.change().users.push(words);
                self.loaded.origins.users.push(origin);
            }
            (b"loadmodule", [_, ..]) => store.change().modules.push(words),
            // Alone it only asks for the mode, which the command line has seen to.
            (b"sentinel", []) => {}
            (b"sentinel", _) if self.sentinel => store.change().sentinel.push(words),
            (b"sentinel", _) => return Err(origin.error("sentinel directive while not in sentinel mode")),
            (name, []) if name.contains(&b'.') => return Err(origin.error("Module config specified without value")),
            (name, _) if name.contains(&b'.') => {
                return Err(origin.error("Module configuration without a module: modules are not supported"));
            }
            _ => return Err(origin.error("Bad directive or wrong number of arguments")),
        }
        Ok(())
    }

    fn set(&mut self, row: &Directive, words: &[Vec<u8>]) -> Result<(), value::Reason> {
        let config = &mut self.loaded.config;
        if row.key != Key::Save {
            return config.set_words(row, words).map(|_| ());
        }
        let clears = matches!(words, [word] if word.is_empty());
        let Value::Save(mut points) = value::parse(row, words, config.value(row.key))? else { return Ok(()) };
        if self.save_seen && !clears {
            if let Value::Save(known) = &mut config.change().values[row.key as usize] {
                known.append(&mut points);
            }
        } else {
            config.assign(row.key, Value::Save(points));
        }
        self.save_seen = true;
        Ok(())
    }

    fn include(&mut self, path: &str, origin: &Origin) -> Result<(), ConfigError> {
        if self.depth == MAX_DEPTH {
            return Err(origin.error(format!("more than {MAX_DEPTH} files include one another")));
        }
        // A relative path counts from the directory that was set before it.
        let dir = String::from_utf8_lossy(self.loaded.config.string(Key::Dir)).into_owned();
        let path = if path.starts_with('/') || self.loaded.config.is_default(Key::Dir) {
            path.to_string()
        } else {
            format!("{}/{path}", dir.trim_end_matches('/'))
        };
        let is_pattern = path.contains(['*', '?', '[']);
        let paths = if is_pattern { self.sources.matching(&path) } else { vec![path] };
        self.depth += 1;
        for path in paths {
            self.files += 1;
            if self.files > MAX_FILES {
                return Err(origin.error(format!("more than {MAX_FILES} files are included")));
            }
            self.file(&path)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Checks what concerns several directives, and hands over the result.
    pub(super) fn finish(self) -> Result<Loaded, ConfigError> {
        let config = &self.loaded.config;
        if config.boolean(Key::ClusterEnabled) && config.replicaof().is_some() {
            let reason = "replicaof directive not allowed in cluster mode";
            return Err(ConfigError::overall(self.loaded.origins.blame(Key::Replicaof, "").file, reason));
        }
        if !config.string(Key::Aclfile).is_empty() && !config.users().is_empty() {
            let reason = "Configuring users in the configuration file and at the same time setting an ACL file path is \
                          invalid: declare users in one of the two";
            return Err(self.loaded.origins.blame_user(0, reason));
        }
        Ok(self.loaded)
    }
}

/// A line as an error shows it: of bounded length, without passwords.
fn shown(line: &[u8]) -> String {
    let name = line.split(|b| b.is_ascii_whitespace()).next().unwrap_or_default();
    if lookup(name.trim_ascii()).is_some_and(|(row, _)| row.secret) {
        return format!("{} (redacted)", String::from_utf8_lossy(name));
    }
    let text = String::from_utf8_lossy(&line[..line.len().min(MAX_SHOWN)]);
    if !name.eq_ignore_ascii_case(b"user") {
        return text.into_owned();
    }
    // Rules that begin with one of these carry a password or its hash.
    let is_secret = |word: &str| word.trim_start_matches(['"', '\'', '(']).starts_with(['>', '<', '#', '!']);
    let words = text.split(' ').map(|word| if is_secret(word) { "(redacted)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_files(path: &str) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("No such file or directory: {path}")))
    }

    fn read(text: &str) -> Result<Config, String> {
        parse("test.conf", text.as_bytes(), &mut no_files).map(|l| l.config).map_err(|error| error.one_line())
    }

    #[test]
    fn lines_comments_quotes_and_units_are_understood() {
        let text = "# a comment\n\n  PORT 7000 \r\nmaxmemory 2mb\nrequirepass \"a b\\x41\"\nmasterauth 'it''s'\n";
        assert_eq!(read(text), Err("test.conf:6: Unbalanced quotes in configuration line".into()));
        let config = read(&text.replace("'it''s'", "'it\\'s'")).expect("a good file");
        assert_eq!(config.integer(Key::Port), 7000);
        assert_eq!(config.integer(Key::Maxmemory), 2 << 20);
        assert_eq!(config.string(Key::Requirepass), b"a bA");
        assert_eq!(config.string(Key::Masterauth), b"it's");
    }

    #[test]
    fn the_first_save_line_replaces_the_defaults_and_others_add() {
        let save = |text: &str| String::from_utf8(read(text).expect("a good file").show(Key::Save)).expect("text");
        assert_eq!(save(""), "3600 1 300 100 60 10000");
        assert_eq!(save("save 60 1\nsave 100 2 200 3"), "60 1 100 2 200 3");
        assert_eq!(save("save 60 1\nsave ''\nsave \"5 6\""), "5 6");
        assert_eq!(save("save ''"), "");
        assert_eq!(save("save"), "");
    }

    #[test]
    fn later_lines_win_and_lists_with_names_gather() {
        let text = "timeout 5\ntimeout 7\nslave-priority 3\nclient-output-buffer-limit normal 1 2 3\n\
                    client-output-buffer-limit slave 1mb 2mb 3 pubsub 4 5 6\nbind 127.0.0.1 ::1\n\
                    rename-command KEYS \"\"\nrename-command GET fetch\nuser alice on >x\nuser bob\n\
                    list-max-ziplist-value 5\nloadmodule x.so 1\nshutdown-on-sigterm save now\n";
        let config = read(text).expect("a good file");
        assert_eq!(config.integer(Key::Timeout), 7);
        assert_eq!(config.integer(Key::ReplicaPriority), 3);
        assert_eq!(config.output_buffer_limits()[1].soft_bytes, 2 << 20);
        assert_eq!(config.output_buffer_limits()[2].hard_bytes, 4);
        assert_eq!(config.bind(), [b"127.0.0.1".to_vec(), b"::1".to_vec()]);
        assert_eq!(config.renamed_commands()[0], RenamedCommand { from: b"KEYS".to_vec(), to: vec![] });
        assert_eq!(config.users()[0], [b"alice".to_vec(), b"on".to_vec(), b">x".to_vec()]);
        assert_eq!(config.modules().len(), 1);
        assert_eq!(config.bits(Key::ShutdownOnSigterm), 5);
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_reason() {
        let error = parse("a.conf", b"\nport \"6379\" \"6380\"\n", &mut no_files).expect_err("two ports");
        let block = format!(
            "\n*** FATAL CONFIG FILE ERROR (Larder {}) ***\nReading the configuration file, at line 2\n\
             >>> 'port \"6379\" \"6380\"'\nwrong number of arguments\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(error.to_string(), block);
        assert_eq!(error.one_line(), "a.conf:2: wrong number of arguments");
        for (text, reason) in [
            ("nonsense", "Bad directive or wrong number of arguments"),
            ("include", "Bad directive or wrong number of arguments"),
            ("user", "Bad directive or wrong number of arguments"),
            ("rename-command x", "Bad directive or wrong number of arguments"),
            ("list-max-ziplist-value 1 2", "Bad directive or wrong number of arguments"),
            ("foo.bar", "Module config specified without value"),
            ("sentinel monitor", "sentinel directive while not in sentinel mode"),
            ("loglevel x", "argument(s) must be one of the following: debug, verbose, notice, warning"),
            (
                "user a\nuser a",
                "Error in user declaration 'a': Duplicate user found. A user can only be defined once in config files",
            ),
        ] {
            assert_eq!(read(text), Err(format!("test.conf:{}: {reason}", text.lines().count())), "{text}");
        }
        let both = read("user a on\naclfile x").expect_err("two places for users");
        assert!(both.starts_with("test.conf:1: Configuring users"), "{both}");
        let cluster = "test.conf: replicaof directive not allowed in cluster mode";
        assert_eq!(read("cluster-enabled yes\nreplicaof ::1 1\nport 1"), Err(cluster.into()));
    }

    #[test]
    fn passwords_are_not_shown() {
        let error = parse("a.conf", b"requirepass a secret", &mut no_files).expect_err("two words");
        assert_eq!(error.text, "requirepass (redacted)");
        let error = parse("a.conf", b"user a on\nuser a on >secret ~*", &mut no_files).expect_err("twice");
        assert_eq!(error.text, "user a on (redacted) ~*");
    }

    struct Tree;

    impl Sources for Tree {
        fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
            match path {
                "/etc/one.conf" => Ok(b"timeout 1\ntcp-keepalive 9".to_vec()),
                "conf.d/a.conf" => Ok(b"hz 50".to_vec()),
                "conf.d/b.conf" => Ok(b"hz x".to_vec()),
                "/data/rel.conf" => Ok(b"maxclients 5".to_vec()),
                "loop.conf" => Ok(b"include loop.conf\ninclude loop.conf".to_vec()),
                _ => Err(io::Error::from_raw_os_error(2)),
            }
        }

        fn matching(&mut self, pattern: &str) -> Vec<String> {
            let all = ["conf.d/a.conf".to_string(), "conf.d/b.conf".to_string()];
            if pattern == "conf.d/*.conf" { all.to_vec() } else { vec![] }
        }
    }

    #[test]
    fn files_are_included_in_place() {
        let text =
            b"timeout 3\ninclude /etc/one.conf\ntcp-keepalive 4\ninclude none*.conf\ndir /data\ninclude rel.conf";
        let config = parse("x", text, &mut Tree).expect("a good file").config;
        let numbers = [Key::Timeout, Key::TcpKeepalive, Key::Maxclients].map(|key| config.integer(key));
        assert_eq!(numbers, [1, 4, 5]);
        let error = |text: &str| parse("x", text.as_bytes(), &mut Tree).expect_err("a bad file");
        let hz = "conf.d/b.conf:1: argument couldn't be parsed into an integer";
        assert_eq!(error("include conf.d/*.conf").one_line(), hz);
        let missing = "Fatal error, can't open config file 'gone': No such file or directory\n";
        assert_eq!(error("include gone").to_string(), missing);
        assert_eq!(error("include loop.conf").one_line(), "loop.conf:1: more than 16 files include one another");
    }

    #[test]
    fn later_checks_can_blame_a_line() {
        let text = b"port 1\nport 2\nrename-command a b\nuser alice on";
        let loaded = parse("x", text, &mut no_files).expect("a good file");
        assert_eq!(loaded.origins.blame(Key::Port, "busy").one_line(), "x:2: busy");
        assert_eq!(loaded.origins.blame_renamed(0, "no such command").one_line(), "x:3: no such command");
        assert_eq!(loaded.origins.blame_user(0, "bad rule").one_line(), "x:4: bad rule");
        assert_eq!(loaded.origins.blame(Key::Hz, "odd").one_line(), "defaults: odd");
    }
}
