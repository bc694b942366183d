//! From the command line to a running server, and to its end: configuration, log, listeners, the runtime, signals.

use super::rim::{Rim, Start};
use super::tls::settings;
use super::{clock, crash, follow, listen, log, standing, supervision};
use crate::base::ids::UnixMs;
use crate::config::cli::Startup;
use crate::config::file::{ConfigError, Origins};
use crate::config::{Config, Key};
use crate::engine::{Engine, Facts, Files, ShutdownHow, StartError};
use crate::persist::{Disk, RealDisk};
use crate::structs::process;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Version of this server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The process from start to end.
pub fn main() -> ExitCode {
    let startup = match super::command_line::read() {
        Ok(startup) => startup,
        Err((code, text)) => {
            if code == 0 {
                print!("{text}");
            } else {
                eprint!("{text}");
            }
            return ExitCode::from(code.clamp(0, 255) as u8);
        }
    };
    if startup.check_only {
        println!("{}: OK", startup.config_file.unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    let ended_well = match serve(startup) {
        Ok(ended_well) => ended_well,
        Err(refusal) => {
            refusal.tell();
            false
        }
    };
    // What is still in memory goes with the process; taking it apart piece by piece would only take time.
    std::process::exit(if ended_well { 0 } else { 1 });
}

/// How the server was called: the program of its title.
pub fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "larder".into())
}

/// Why the server cannot run.
enum Refusal {
    /// A line of the configuration is to blame, for stderr.
    Config(ConfigError),
    /// Anything else: lines for the log and, when that is a file, for stderr too.
    Log(Vec<String>),
}

impl Refusal {
    fn log(line: impl Into<String>) -> Refusal {
        Refusal::Log(vec![line.into()])
    }

    fn tell(self) {
        match self {
            Refusal::Config(error) => eprint!("{error}"),
            Refusal::Log(lines) => lines.iter().for_each(|line| tracing::warn!("{line}")),
        }
    }
}

/// Brings the code of commands and of the structures they work on into memory; as it is linked, other code of ours lies
/// between them.
fn fetch_code(engine: &Engine) {
    let structures = crate::structs::listpack::Listpack::last as *const () as usize;
    if let Some((first, last)) = engine.table.code() {
        process::fetch_code(first.min(structures), last.max(structures));
    }
}

/// Serves until the end; whether all went well then.
fn serve(startup: Startup) -> Result<bool, Refusal> {
    let Startup { mut config, origins, config_file, unknown_env, .. } = startup;
    log::install();
    log::set_level(config.enum_name(Key::Loglevel));
    log::set_replica(config.replicaof().is_some());
    enter_folder(&config, &origins)?;
    open_log(&config, &origins)?;
    // No thread is there yet.
    supervision::detach(&config).map_err(|error| Refusal::log(format!("Can't go into the background: {error}")))?;
    let config_file = config_file.unwrap_or_default();
    if config.boolean(Key::SetProcTitle) && process::make_title_writable() {
        standing::show_title(&config, &program(), &config_file);
    }
    crash::watch(&config);
    if let Ok(here) = std::env::current_dir() {
        config.set_dir(here.as_os_str().as_encoded_bytes());
    }
    for name in unknown_env {
        tracing::warn!("The environment variable {name} names no directive and is ignored");
    }
    let seed = clock::entropy();
    crate::structs::table::set_hash_seed(seed[0]);
    let facts = facts(config_file, &seed);
    tracing::warn!("oO0OoO0OoO0Oo Larder is starting oO0OoO0OoO0Oo");
    tracing::warn!("Larder version={VERSION}, bits=64, pid={}, just started", std::process::id());
    tracing::info!(" PID: {}", std::process::id());
    follow::raise_descriptor_limit(config.integer(Key::Maxclients).max(1) as usize);
    let tls = settings::are_wanted(&config)
        .then(|| settings::server(&config))
        .transpose()
        .map_err(|line| Refusal::Log(vec![line, "Failed to configure TLS. Check logs for more info.".into()]))?;
    let bound = listen::bind(&config).map_err(Refusal::log)?;
    if bound.is_empty() {
        return Err(Refusal::log("Configured to not listen anywhere, exiting."));
    }
    let pidfile = write_pidfile(&config);
    if standing::adjust_oom_score(&config).is_err() {
        tracing::warn!("The out-of-memory score of the process is left as it is");
    }
    let executor = Arc::new(Notify::new());
    let waker = executor.clone();
    let files = Files { disk: take_working_folder(&config)?, notify: Arc::new(move || waker.notify_one()) };
    let engine = build_engine(config, facts, files, seed[0] ^ seed[3], &origins)?;
    fetch_code(&engine);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Every connection that one poll found readable is read before the executor runs.
        .event_interval(1024)
        .build_local(Default::default())
        .map_err(|error| Refusal::log(format!("Can't create the event loop: {error}")))?;
    let ended_well = runtime.block_on(run(Rim::new(engine, executor, tls), bound));
    if let Some(pidfile) = pidfile {
        let _ = std::fs::remove_file(pidfile);
    }
    // The runtime would wait for its tasks, which wait for clients.
    std::mem::forget(runtime);
    Ok(ended_well)
}

/// Goes to the working folder (`dir`).
fn enter_folder(config: &Config, origins: &Origins) -> Result<(), Refusal> {
    let dir = String::from_utf8_lossy(config.string(Key::Dir)).into_owned();
    std::env::set_current_dir(&dir).map_err(|error| Refusal::Config(origins.blame(Key::Dir, follow::reason_of(&error))))
}

/// Has the log go where the configuration says.
fn open_log(config: &Config, origins: &Origins) -> Result<(), Refusal> {
    let logfile = String::from_utf8_lossy(config.string(Key::Logfile)).into_owned();
    log::set_file(&logfile).map_err(|error| {
        let reason = format!("Can't open the log file: {}", follow::reason_of(&error));
        Refusal::Config(origins.blame(Key::Logfile, reason))
    })?;
    if config.boolean(Key::SyslogEnabled) {
        let ident = String::from_utf8_lossy(config.string(Key::SyslogIdent)).into_owned();
        log::set_system_logger(Some((ident, config.enum_name(Key::SyslogFacility))));
    }
    Ok(())
}

/// What stays as it is for as long as the process runs.
fn facts(config_file: String, seed: &[u64; 4]) -> Facts {
    Facts {
        executable: std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default(),
        config_file,
        process_id: std::process::id(),
        started_at: UnixMs(clock::unix_us() / 1000),
        run_id: format!("{:016x}{:016x}{:08x}", seed[1], seed[2], seed[3] as u32),
        os: process::system_name(),
        total_memory: process::total_memory(),
    }
}

/// Makes sure that no other server writes into the working folder, and clears away what one left that died.
fn take_working_folder(config: &Config) -> Result<Arc<dyn Disk>, Refusal> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let locked = match follow::lock_working_folder() {
        Ok(locked) => locked,
        // Two writers of one log would spoil it.
        Err(error) if config.boolean(Key::Appendonly) => return Err(Refusal::log(error.to_string())),
        Err(error) => {
            // A snapshot is replaced whole, so the last one written stands, as with redis-server.
            tracing::warn!("{error}");
            false
        }
    };
    if locked {
        let names = crate::persist::AofNames {
            dir: ".".into(),
            folder: String::from_utf8_lossy(config.string(Key::Appenddirname)).into_owned(),
            stem: String::from_utf8_lossy(config.string(Key::Appendfilename)).into_owned(),
        };
        // Else they may be another server's, at work.
        crate::persist::folder::remove_leftovers(&*disk, &names);
    }
    Ok(disk)
}

/// The heart, which begins to load what is on the disk.
fn build_engine(config: Config, facts: Facts, files: Files, seed: u64, origins: &Origins) -> Result<Engine, Refusal> {
    let mut engine = Engine::new(config, facts, clock::SENSES, files, seed).map_err(|error| match error {
        StartError::Renamed(at, reason) => Refusal::Config(origins.blame_renamed(at, reason)),
        StartError::User(at, reason) => Refusal::Config(origins.blame_user(at, reason)),
        StartError::Users(lines) => Refusal::Log(lines),
    })?;
    tracing::info!("Server initialized");
    // Who asks for a module needs its commands: better no server than one without them.
    if let Some(path) = engine.config.modules().first().and_then(|line| line.first()) {
        let path = String::from_utf8_lossy(path);
        return Err(Refusal::Log(vec![
            format!("Module {path} failed to load: modules are not supported"),
            format!("Can't load module from {path}: server aborting"),
        ]));
    }
    let log = engine.config.boolean(Key::Appendonly);
    engine.begin_load(log).map_err(Refusal::log)?;
    Ok(engine)
}

async fn run(rim: Rc<Rim>, bound: listen::Bound) -> bool {
    let unix = !rim.engine.borrow().options.unix_socket.is_empty();
    {
        let engine = rim.engine.borrow();
        rim.listen(bound, &engine);
    }
    if let Err(error) = watch_signals(&rim) {
        tracing::warn!("Can't watch signals: {error}");
        return false;
    }
    rim.engine.borrow_mut().started();
    match rim.finish_loading().await {
        Start::Serving => {}
        Start::Failed => return false,
        Start::Ended => return true,
    }
    tracing::info!("Ready to accept connections");
    supervision::ready(&rim.engine.borrow().config);
    if unix {
        tracing::info!("The server is now ready to accept connections at {}", rim.engine.borrow().options.unix_socket);
    }
    loop {
        rim.execute().await;
        let how = rim.ending.get().unwrap_or_default();
        rim.finishing.set(true);
        let finished = finish(&rim, how).await;
        rim.finishing.set(false);
        match finished {
            Ok(()) => break,
            Err(line) => {
                tracing::warn!("{line}");
                tracing::warn!("Errors trying to shut down the server. Check the logs for more information.");
                rim.shutdown_failed();
            }
        }
    }
    supervision::stopping(&rim.engine.borrow().config);
    if let Some(listeners) = rim.listeners.borrow_mut().take() {
        listeners.close();
    }
    rim.flush_all();
    tracing::warn!("Redis is now ready to exit, bye bye...");
    true
}

/// Brings everything to the disk. Nothing is executed meanwhile, but signals are heard. Errors: why the process cannot
/// end.
async fn finish(rim: &Rim, how: ShutdownHow) -> Result<(), String> {
    tracing::warn!("User requested shutdown...");
    // Each time the engine is lent for a moment: whoever is told of a failure needs it again.
    let job = rim.engine.borrow_mut().begin_finish(how)?;
    if let Some(mut job) = job {
        let saved = loop {
            match job.poll() {
                Some(saved) => break saved,
                None => rim.until_notified().await,
            }
        };
        rim.engine.borrow_mut().last_save_done(saved.map(|_| ()), how)?;
    }
    rim.engine.borrow_mut().close_log();
    Ok(())
}

/// Ends the process at once, as somebody insists; only what a save has begun is taken away.
fn exit_now(rim: &Rim) -> ! {
    tracing::warn!("You insist... exiting now.");
    let names = match rim.engine.try_borrow() {
        Ok(engine) => engine.log_names(),
        Err(_) => std::process::exit(1),
    };
    crate::persist::folder::remove_leftovers(&RealDisk::new(), &names);
    std::process::exit(1)
}

fn watch_signals(rim: &Rc<Rim>) -> std::io::Result<()> {
    let ends = [
        (SignalKind::terminate(), "SIGTERM", Key::ShutdownOnSigterm),
        (SignalKind::interrupt(), "SIGINT", Key::ShutdownOnSigint),
    ];
    for (kind, name, directive) in ends {
        let mut signals = signal(kind)?;
        let rim = rim.clone();
        tokio::task::spawn_local(async move {
            while signals.recv().await.is_some() {
                let insists = rim.ending.get().is_some() || rim.engine.borrow().farewell.is_some();
                if insists && name == "SIGINT" {
                    exit_now(&rim);
                }
                let mut engine = rim.engine.borrow_mut();
                match engine.durability.is_loading() {
                    true => tracing::warn!("Received shutdown signal during loading, scheduling shutdown."),
                    false => tracing::warn!("Received {name} scheduling shutdown..."),
                }
                let how = ShutdownHow::from_bits(engine.config.bits(directive));
                if engine.debug.pause_cron {
                    // As in Redis it is for the cron to begin it, and can be taken back until then.
                    engine.debug.shutdown_held = Some(how);
                } else if !engine.take_leave(how) {
                    rim.ending.set(Some(how));
                    rim.wake();
                }
            }
        });
    }
    // Ignored, as redis-server does.
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::task::spawn_local(async move { while hang_up.recv().await.is_some() {} });
    Ok(())
}

fn write_pidfile(config: &Config) -> Option<String> {
    const OF_BACKGROUND: &str = "/var/run/redis.pid";
    let mut path = String::from_utf8_lossy(config.string(Key::Pidfile)).into_owned();
    if path.is_empty() && supervision::runs_in_background(config) {
        path = OF_BACKGROUND.to_owned();
    }
    if path.is_empty() {
        return None;
    }
    match std::fs::write(&path, format!("{}\n", std::process::id())) {
        Ok(()) => Some(path),
        Err(error) => {
            tracing::warn!("Failed to write PID file {path}: {error}");
            None
        }
    }
}
