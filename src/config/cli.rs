//! The command line, and how file, environment and command line become one configuration.
//!
//! Owns the order file, standard input, environment, command line (the last one that speaks wins) and redis-server's
//! way with arguments: `[FILE | -] [--directive value ...] [-]`, where every argument that begins with `--` starts a
//! line of configuration unless the one before it still lacks a value. Promises: argument lists that work with
//! redis-server work here. That grammar cannot be told to clap, so only a first argument that is one of `COMMANDS` goes
//! there. Leaves out everything real: arguments, variables and bytes of files are passed in.

use super::Config;
use super::env;
use super::file::{ConfigError, Loader, Origins, Sources};
use crate::base::quoting::{repr, split_args};
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;

/// First arguments that ask for something else than serving with these settings.
const COMMANDS: &[&[u8]] =
    &[b"-v", b"--version", b"-h", b"--help", b"--check-config", b"--test-memory", b"--check-system"];

/// What to start with.
#[derive(Debug, Clone)]
pub struct Startup {
    /// The settings.
    pub config: Config,
    /// Where each was made, for checks that come later.
    pub origins: Origins,
    /// The file they were read from, as it was named.
    pub config_file: Option<String>,
    /// Whether the standard input was read.
    pub from_stdin: bool,
    /// Whether this is to be a Sentinel.
    pub sentinel: bool,
    /// Whether to stop here, since only the file was to be checked.
    pub check_only: bool,
    /// Variables with our prefix that name no directive; worth a warning.
    pub unknown_env: Vec<String>,
}

/// Why not to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// There is only this to print, and the process ends with this code.
    Exit {
        /// Exit code of the process.
        code: i32,
        /// What to print, on the standard output when the code is 0, else on the standard error output.
        text: String,
    },
    /// The configuration is wrong; the exit code is 1.
    Config(ConfigError),
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Exit { text, .. } => f.write_str(text),
            StartError::Config(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

/// The version, in the form of `redis-server --version`.
pub fn version_line() -> String {
    format!("Larder server v={} bits={}", env!("CARGO_PKG_VERSION"), usize::BITS)
}

/// Makes a configuration of the arguments (the first one is the program's name), the variables and the files they name.
///
/// # Errors
/// `Exit` when something was only to be printed; `Config` when a setting is wrong or a file cannot be read.
pub fn startup(
    argv: &[Vec<u8>],
    env: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    sources: &mut dyn Sources,
) -> Result<Startup, StartError> {
    let sentinel = is_sentinel(argv);
    if argv.get(1).is_some_and(|first| COMMANDS.contains(&first.as_slice())) {
        let file = file_to_check(argv)?;
        let mut loader = Loader::new(sources, sentinel);
        loader.file(&file)?;
        let loaded = loader.finish()?;
        return Ok(Startup {
            config: loaded.config,
            origins: loaded.origins,
            config_file: Some(file),
            from_stdin: false,
            sentinel,
            check_only: true,
            unknown_env: Vec::new(),
        });
    }
    let line = CommandLine::read(argv.get(1..).unwrap_or_default());
    let mut loader = Loader::new(sources, sentinel);
    let mut text = Vec::new();
    if let Some(path) = &line.file {
        text = loader.sources().read(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        loader.text(path, &text, 1)?;
    }
    let mut lines = newlines(&text);
    if line.from_stdin {
        let file = "standard input";
        let text = loader.sources().stdin().map_err(|error| ConfigError::unreadable(file, &error))?;
        loader.text(file, &text, lines + 1)?;
        lines += newlines(&text);
    }
    let unknown_env = env::apply(&mut loader, env)?;
    // Settings from the command line are numbered as if they stood in the file, an empty line below its end.
    loader.text("command line", &line.options, lines + 2)?;
    let loaded = loader.finish()?;
    Ok(Startup {
        config: loaded.config,
        origins: loaded.origins,
        config_file: line.file,
        from_stdin: line.from_stdin,
        sentinel,
        check_only: false,
        unknown_env,
    })
}

fn newlines(text: &[u8]) -> usize {
    text.iter().filter(|&&b| b == b'\n').count()
}

fn is_sentinel(argv: &[Vec<u8>]) -> bool {
    let by_name = argv.first().is_some_and(|program| program.ends_with(b"-sentinel"));
    by_name || argv.iter().skip(1).any(|arg| arg.eq_ignore_ascii_case(b"--sentinel"))
}

/// The part of the command line that clap reads: the file to check, or what to print.
fn file_to_check(argv: &[Vec<u8>]) -> Result<String, StartError> {
    let args = argv.iter().map(|arg| OsString::from_vec(arg.clone()));
    let matches = clap_command()
        .try_get_matches_from(args)
        .map_err(|error| StartError::Exit { code: i32::from(error.use_stderr()), text: error.to_string() })?;
    match matches.get_one::<OsString>("check-config") {
        Some(file) => Ok(file.to_string_lossy().into_owned()),
        None if matches.get_flag("version") => Err(StartError::Exit { code: 0, text: version_line() + "\n" }),
        None => {
            let text = "Tests of memory and of the system are not part of this server.\n";
            Err(StartError::Exit { code: 1, text: text.into() })
        }
    }
}

fn clap_command() -> Command {
    let usage = "larder [FILE | -] [--directive value ...] [-]\n       larder --check-config FILE\n       \
                 larder check-rdb | check-aof | inspect ... (each tells more with --help)\n       \
                 larder -v | --version\n       larder -h | --help";
    Command::new("larder")
        .about("A Redis-compatible in-memory key-value server.")
        .override_usage(usage)
        .disable_version_flag(true)
        .arg(Arg::new("version").short('v').long("version").action(ArgAction::SetTrue).help("Prints the version"))
        .arg(
            Arg::new("check-config")
                .long("check-config")
                .value_name("FILE")
                .value_parser(clap::value_parser!(OsString))
                .help("Reads a configuration file, says what is wrong with it, and ends"),
        )
        .arg(Arg::new("test-memory").long("test-memory").num_args(0..).hide(true))
        .arg(Arg::new("check-system").long("check-system").num_args(0..).hide(true))
        .arg(Arg::new("rest").num_args(0..).hide(true))
        .after_help(
            "Every directive of the configuration file can stand on the command line, and wins over the file:\n  \
             larder --port 7777\n  larder /etc/larder.conf --loglevel verbose --save \"\"\n  \
             echo 'maxmemory 128mb' | larder -\n\n\
             The environment stands between them: LARDER_MAXMEMORY=1gb, LARDER_REQUIREPASS_FILE=/run/secrets/password.",
        )
}

/// Arguments as redis-server reads them.
#[derive(Debug, Default, PartialEq, Eq)]
struct CommandLine {
    file: Option<String>,
    from_stdin: bool,
    /// Lines of configuration.
    options: Vec<u8>,
}

impl CommandLine {
    fn read(args: &[Vec<u8>]) -> Self {
        let mut line = Self::default();
        let mut args = args;
        if let [first, rest @ ..] = args
            && !first.starts_with(b"-")
        {
            line.file = Some(String::from_utf8_lossy(first).into_owned());
            args = rest;
        }
        // The file's seat does not count: '-' may stand first of all or last.
        let may_lead = line.file.is_none();
        let mut complete = true;
        for (at, arg) in args.iter().enumerate() {
            let next = args.get(at + 1);
            if arg == b"-" && (may_lead && at == 0 || next.is_none()) {
                line.from_stdin = true;
            } else if complete && arg.starts_with(b"--") {
                complete = line.begin(&arg[2..], next.map(Vec::as_slice));
            } else {
                line.options.extend(repr(arg).bytes());
                line.options.push(b' ');
                complete = true;
            }
        }
        line
    }

    /// Begins a line of configuration; whether it may end here, so that a further `--` begins the next one.
    fn begin(&mut self, name: &[u8], next: Option<&[u8]>) -> bool {
        if !self.options.is_empty() {
            self.options.push(b'\n');
        }
        self.options.extend(name);
        self.options.push(b' ');
        if split_args(name).is_none_or(|words| words.len() > 1) {
            return true;
        }
        // Lists of arguments made by programs end in a bare `--save` when there is nothing to save, or go on with the
        // next directive; `--sentinel` takes nothing.
        let ends_here = next.is_none_or(|next| next.starts_with(b"--"));
        if name.eq_ignore_ascii_case(b"save") && ends_here {
            self.options.extend(b"\"\"");
            return true;
        }
        name.eq_ignore_ascii_case(b"sentinel") && ends_here
    }
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::*;
    use std::io;

    struct Files;

    impl Sources for Files {
        fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
            match path {
                "a.conf" => Ok(b"port 1\ntimeout 1\nsave 60 1\n".to_vec()),
                "secret" => Ok(b"s3cret\n".to_vec()),
                _ => Err(io::Error::from_raw_os_error(2)),
            }
        }

        fn stdin(&mut self) -> io::Result<Vec<u8>> {
            Ok(b"timeout 2\nhz 20\n".to_vec())
        }
    }

    fn start_with(args: &[&str], env: &[(&str, &str)]) -> Result<Startup, StartError> {
        let argv: Vec<Vec<u8>> = ["larder"].iter().chain(args).map(|arg| arg.as_bytes().to_vec()).collect();
        startup(&argv, env.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())), &mut Files)
    }

    fn start(args: &[&str]) -> Startup {
        start_with(args, &[]).unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    fn failed(args: &[&str]) -> ConfigError {
        match start_with(args, &[]) {
            Err(StartError::Config(error)) => error,
            other => panic!("{args:?} gave {other:?}"),
        }
    }

    /// The line that is to blame, its number and what is wrong, as redis-server 7.0.15 says it.
    #[test]
    fn odd_arguments_fail_as_they_do_in_the_reference() {
        const UNKNOWN: &str = "Bad directive or wrong number of arguments";
        const COUNT: &str = "wrong number of arguments";
        const LEVELS: &str = "argument(s) must be one of the following: debug, verbose, notice, warning";
        const SHUTDOWN: &str = "argument(s) must be one of the following: default, save, nosave, now, force";
        let cases: &[(&[&str], usize, &str, &str)] = &[
            (&["--invalid"], 2, "invalid", UNKNOWN),
            (&["--port"], 2, "port", COUNT),
            (&["--port", "6379", "6380"], 2, "port \"6379\" \"6380\"", COUNT),
            (&["--port", "--loglevel", "verbose"], 2, "port \"--loglevel\" \"verbose\"", COUNT),
            (&["--port", "7", "--logfile", "--x", "--loglevel", "--bla"], 4, "loglevel \"--bla\"", LEVELS),
            (&["--replicaof", "--127.0.0.1", "abc"], 2, "replicaof \"--127.0.0.1\" \"abc\"", "Invalid master port"),
            (&["--replicaof", "127.0.0.1", "abc"], 2, "replicaof \"127.0.0.1\" \"abc\"", "Invalid master port"),
            (&["--replicaof", "127.0.0.1"], 2, "replicaof \"127.0.0.1\"", COUNT),
            (&["--replicaof", "a b"], 2, "replicaof \"a b\"", "Invalid master port"),
            (&["--shutdown-on-sigint"], 2, "shutdown-on-sigint", SHUTDOWN),
            (&["--shutdown-on-sigint", "now", "bla"], 2, "shutdown-on-sigint \"now\" \"bla\"", SHUTDOWN),
            (&["--maxmemory 700mb", "--zzz"], 3, "zzz", UNKNOWN),
            (&["--port 7790", "loglevel", "verbose"], 2, "port 7790 \"loglevel\" \"verbose\"", COUNT),
            (&["--save", "--zzz"], 3, "zzz", UNKNOWN),
            (&["--save", "", "--zzz"], 3, "zzz", UNKNOWN),
            (&["--save", "1", "--zzz"], 2, "save \"1\"", "Invalid save parameters"),
            (&["--save 1 2 '3 4'", "--zzz"], 2, "save 1 2 '3 4'", "Invalid save parameters"),
            (&["--", "x"], 2, "\"x\"", UNKNOWN),
            (&["--", "--port", "1"], 2, "\"--port\" \"1\"", UNKNOWN),
            (&["-", "--zzz"], 4, "zzz", UNKNOWN),
            (&["--zzz", "-"], 4, "zzz", UNKNOWN),
            (&["--port", "-"], 4, "port", COUNT),
            (&["-x", "1"], 2, "\"-x\" \"1\"", UNKNOWN),
            (&["--port", "1", "-", "--zzz"], 2, "port \"1\" \"-\"", COUNT),
            (&["--port '1", "--zzz"], 2, "port '1", "Unbalanced quotes in configuration line"),
            (&["--port", "\"1"], 2, "port \"\\\"1\"", "argument couldn't be parsed into an integer"),
            (&["--PORT", "99999"], 2, "PORT \"99999\"", "argument must be between 0 and 65535 inclusive"),
            (&["a.conf", "--zzz"], 5, "zzz", UNKNOWN),
            (&["--lua-replicate-commands", "x", "--zzz"], 3, "zzz", UNKNOWN),
            (&["--foo.bar"], 2, "foo.bar", "Module config specified without value"),
            (
                &["--user", "foo", "--user", "foo"],
                3,
                "user \"foo\"",
                "Error in user declaration 'foo': Duplicate user found. A user can only be defined once in config files",
            ),
        ];
        for (args, line, text, reason) in cases {
            let error = failed(args);
            assert_eq!((error.line, error.text.as_str(), error.reason.as_str()), (*line, *text, *reason), "{args:?}");
        }
    }

    #[test]
    fn odd_arguments_work_as_they_do_in_the_reference() {
        assert_eq!(start(&["--save", "--port", "7"]).config.save_points(), []);
        assert_eq!(start(&["--port", "7", "--save"]).config.save_points(), []);
        assert_eq!(start(&["--port", "7", "--SAVE"]).config.save_points(), []);
        assert_eq!(start(&["--save", "3", "4", "--save", "5 6"]).config.show(Key::Save), b"3 4 5 6");
        assert_eq!(start(&["a.conf", "--save", "3 4"]).config.show(Key::Save), b"60 1 3 4");
        assert_eq!(start(&["--maxmemory 700mb"]).config.integer(Key::Maxmemory), 700 << 20);
        assert_eq!(start(&["a.conf", "loglevel", "verbose"]).config.enum_name(Key::Loglevel), "verbose");
        assert_eq!(start(&["--maxmemory '700mb'"]).config.integer(Key::Maxmemory), 700 << 20);
        assert_eq!(start(&["--shutdown-on-sigint", "nosave force now"]).config.bits(Key::ShutdownOnSigint), 14);
        assert_eq!(start(&["--shutdown-on-sigint", "nosave", "now"]).config.bits(Key::ShutdownOnSigint), 6);
        assert_eq!(start(&["--logfile", "--x"]).config.string(Key::Logfile), b"--x");
        assert_eq!(start(&["--lua-replicate-commands", "--zzz"]).config, Config::default());
        let sentinel = start(&["--port", "7", "--sentinel"]);
        assert!(sentinel.sentinel && sentinel.config.integer(Key::Port) == 7);
        assert!(start(&["--sentinel", "--port", "7"]).sentinel);
        assert!(!start(&[]).sentinel);
    }

    #[test]
    fn a_file_comes_first_then_input_environment_and_arguments() {
        let started = start(&["a.conf", "-"]);
        assert_eq!(started.config_file.as_deref(), Some("a.conf"));
        assert!(started.from_stdin);
        let number = |started: &Startup, key| started.config.integer(key);
        assert_eq!([Key::Port, Key::Timeout, Key::Hz].map(|key| number(&started, key)), [1, 2, 20]);
        let env = [("LARDER_TIMEOUT", "3"), ("LARDER_hz", "30"), ("LARDER_PORT", "3"), ("HOME", "/")];
        let started = start_with(&["a.conf", "-", "--port", "4"], &env[..2]);
        assert!(
            started.is_err_and(|error| error.to_string().contains(">>> '\"-\"")),
            "a dash in the middle is an argument"
        );
        let started = start_with(&["a.conf", "--port", "4", "-"], &env).expect("all is well");
        assert_eq!([Key::Port, Key::Timeout, Key::Hz].map(|key| number(&started, key)), [4, 3, 30]);
        let missing = failed(&["gone.conf"]).to_string();
        assert_eq!(missing, "Fatal error, can't open config file 'gone.conf': No such file or directory\n");
    }

    #[test]
    fn variables_name_directives_and_files_with_their_values() {
        let env = [
            ("LARDER_REQUIREPASS_FILE", "secret"),
            ("LARDER_SERVER_CPULIST", "0-1"),
            ("LARDER_TLS_CERT_FILE", "cert.pem"),
            ("LARDER_SAVE", "5 6"),
            ("LARDER_CLIENT_OUTPUT_BUFFER_LIMIT", "normal 1 2 3"),
            ("LARDER_PORT", "tcp://10.0.0.1:6379"),
            ("LARDER_SERVICE_HOST", "10.0.0.1"),
        ];
        let started = start_with(&["a.conf"], &env).expect("all is well");
        assert_eq!(started.config.string(Key::Requirepass), b"s3cret");
        assert_eq!(started.config.string(Key::ServerCpulist), b"0-1");
        assert_eq!(started.config.string(Key::TlsCertFile), b"cert.pem");
        assert_eq!(started.config.show(Key::Save), b"5 6");
        assert_eq!(started.config.output_buffer_limits()[0].hard_bytes, 1);
        assert_eq!(started.config.integer(Key::Port), 1);
        assert_eq!(started.unknown_env, ["LARDER_PORT", "LARDER_SERVICE_HOST"]);
        let save = start_with(&["a.conf", "--save", "7 8"], &env).expect("all is well");
        assert_eq!(save.config.show(Key::Save), b"7 8");
        let error = start_with(&[], &[("LARDER_HZ", "x")]).expect_err("not a number").to_string();
        assert!(error.ends_with("\n>>> 'LARDER_HZ'\nargument couldn't be parsed into an integer\n"), "{error}");
        let error = start_with(&[], &[("LARDER_REQUIREPASS_FILE", "gone")]).expect_err("no such file").to_string();
        assert!(error.contains("'gone'"), "{error}");
    }

    #[test]
    fn questions_are_answered_instead_of_starting() {
        let exit = |args: &[&str]| match start_with(args, &[]) {
            Err(StartError::Exit { code, text }) => (code, text),
            other => panic!("{args:?} gave {other:?}"),
        };
        for args in [["-v"].as_slice(), &["--version"], &["-v", "x"]] {
            assert_eq!(exit(args), (0, version_line() + "\n"));
        }
        for args in [["-h"].as_slice(), &["--help"]] {
            let (code, text) = exit(args);
            assert_eq!(code, 0);
            assert!(text.contains("--check-config") && text.contains("LARDER_MAXMEMORY"), "{text}");
        }
        for args in [["--test-memory"].as_slice(), &["--test-memory", "1"], &["--check-system"], &["--check-config"]] {
            assert_ne!(exit(args).0, 0, "{args:?}");
        }
        let checked = start(&["--check-config", "a.conf"]);
        assert!(checked.check_only && checked.config.integer(Key::Port) == 1);
        assert!(matches!(start_with(&["--check-config", "gone"], &[]), Err(StartError::Config(_))));
    }
}
