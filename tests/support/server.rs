//! A server process of the test's own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::{Conn, PATIENCE, eventually};

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    port: u16,
    dir: PathBuf,
    log: Arc<Mutex<String>>,
}

fn binary() -> String {
    std::env::var("LARDER_TEST_SERVER").unwrap_or_else(|_| env!("CARGO_BIN_EXE_larder").to_owned())
}

/// Is another server than our own under test? For the few places where ours is meant to do better.
pub fn is_reference() -> bool {
    std::env::var_os("LARDER_TEST_SERVER").is_some_and(|s| !s.to_string_lossy().contains("larder"))
}

fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("larder-test-{}-{n}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory under the temporary one");
    dir
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Collects the process's output; the receiver gets a word when the server is ready, and hangs up at its end.
fn watch(child: &mut Child, log: &Arc<Mutex<String>>) -> Receiver<()> {
    let (tell, ready) = channel();
    let out = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let log = log.clone();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let is_ready = line.contains("Ready to accept");
            let mut log = log.lock().expect("nobody panics with the log");
            log.push_str(&line);
            log.push('\n');
            drop(log);
            if is_ready {
                let _ = tell.send(());
            }
        }
    });
    ready
}

fn spawn(args: &[String], dir: &Path, log: &Arc<Mutex<String>>) -> (Child, Receiver<()>) {
    let mut child = Command::new(binary())
        .args(args)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("cannot run {}: {e}", binary()));
    let ready = watch(&mut child, log);
    (child, ready)
}

impl Server {
    /// A server with nothing saved and the loopback address only.
    #[track_caller]
    pub fn start() -> Server {
        Server::with(&[])
    }

    /// The same with more directives: `["--maxclients", "10"]`. A later directive overrides an earlier one.
    #[track_caller]
    pub fn with(extra: &[&str]) -> Server {
        Server::launch(None, extra, fresh_dir())
    }

    /// A server started from a configuration file with these lines; `rewrite` has something to rewrite then.
    #[track_caller]
    pub fn with_file(lines: &str) -> Server {
        let dir = fresh_dir();
        std::fs::write(dir.join("larder.conf"), lines).expect("a file in our directory");
        Server::launch(Some("larder.conf"), &[], dir)
    }

    #[track_caller]
    fn launch(file: Option<&str>, extra: &[&str], dir: PathBuf) -> Server {
        let wanted = extra.iter().position(|word| *word == "--port").map(|at| extra[at + 1].parse().expect("a port"));
        for _ in 0..5 {
            let port = wanted.unwrap_or_else(free_port);
            let mut args: Vec<String> = file.iter().map(|f| dir.join(f).to_string_lossy().into_owned()).collect();
            args.extend(["--port".into(), port.to_string(), "--dir".into(), dir.to_string_lossy().into_owned()]);
            args.extend(["--save", "", "--enable-debug-command", "yes"].map(String::from));
            if !extra.contains(&"--bind") {
                args.extend(["--bind", "127.0.0.1"].map(String::from));
            }
            args.extend(extra.iter().map(ToString::to_string));
            let log = Arc::new(Mutex::new(String::new()));
            let (child, ready) = spawn(&args, &dir, &log);
            let mut server = Server { child, port, dir: dir.clone(), log };
            if ready.recv_timeout(PATIENCE).is_ok() {
                return server;
            }
            // Somebody may have taken the port between our look and the server's bind: then another one.
            let _ = server.child.kill();
            let _ = server.child.wait();
            let log = server.log();
            assert!(log.contains("in use"), "{} did not get ready; its log:\n{log}", binary());
            std::fs::create_dir_all(&dir).expect("our directory");
            std::mem::forget(server);
        }
        panic!("no free port in five tries");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics with the log").clone()
    }

    /// A new raw connection.
    #[track_caller]
    pub fn connect(&self) -> Conn {
        Conn::tcp("127.0.0.1", self.port).unwrap_or_else(|e| panic!("cannot connect: {e}; log:\n{}", self.log()))
    }

    /// A new raw connection that speaks RESP3.
    #[track_caller]
    pub fn connect3(&self) -> Conn {
        let mut c = self.connect();
        let hello = c.call("HELLO 3").to_string();
        assert!(hello.starts_with('{'), "HELLO 3 answered {hello}");
        c
    }

    /// A connection of the `redis` crate.
    #[track_caller]
    pub fn client(&self) -> redis::Connection {
        let client = redis::Client::open(("127.0.0.1", self.port)).expect("an address");
        client.get_connection().expect("a connection")
    }

    /// Waits until so many clients are blocked.
    #[track_caller]
    pub fn blocked(&self, n: usize) {
        let mut c = self.connect();
        let want = format!("blocked_clients:{n}\r\n");
        eventually(&want, || c.call("INFO clients").text().contains(&want));
    }

    /// Sends a signal by name: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|s| s.success()), "kill -{name}");
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    pub fn ends(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the server ends", || {
            status = self.child.try_wait().expect("our own child");
            status.is_some()
        });
        status.expect("set above")
    }

    /// Kills the server and starts another in the same directory, from the same file where there was one.
    #[track_caller]
    pub fn restart(mut self, file: Option<&str>, extra: &[&str]) -> Server {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let dir = std::mem::take(&mut self.dir);
        Server::launch(file, extra, dir)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.dir.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

/// Runs the binary with these arguments to its end and returns its status and output; panics when it keeps running.
#[track_caller]
pub fn run_to_end(args: &[&str]) -> (ExitStatus, String) {
    let mut child = Command::new(binary())
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("cannot run {}: {e}", binary()));
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("our own child").is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("{args:?} keeps running");
        }
        std::thread::yield_now();
    }
    let out = child.wait_with_output().expect("our own child");
    (out.status, String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}
