//! A raw connection that shows replies as text, so that a test can state exactly what arrives.
//!
//! `Reply` prints as `+OK`, `-ERR ...`, `:1`, `"bulk"`, `nil`, `[a, b]`, `{k: v}`, `~[a]`, `>[push]`, `,1.5`, `#t`, `(123`,
//! `=txt:...`. Null bulk strings, null arrays and RESP3 nulls print as `nil`, `nil*` and `_`.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use super::PATIENCE;

/// One reply, of either protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    NullBulk,
    NullArray,
    Null,
    Array(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    Double(String),
    Bool(bool),
    Big(String),
    Verbatim(Vec<u8>),
}

impl Reply {
    /// The text of a string reply of any kind; panics on others.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Reply::Simple(s) | Reply::Error(s) | Reply::Double(s) | Reply::Big(s) => s.clone(),
            Reply::Bulk(b) | Reply::Verbatim(b) => String::from_utf8_lossy(b).into_owned(),
            other => panic!("not a string: {other}"),
        }
    }

    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Reply::Int(n) => *n,
            other => panic!("not an integer: {other}"),
        }
    }

    #[track_caller]
    pub fn items(&self) -> &[Reply] {
        match self {
            Reply::Array(v) | Reply::Set(v) | Reply::Push(v) => v,
            other => panic!("not an array: {other}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, open: &str, items: &[Reply]) -> fmt::Result {
            f.write_str(open)?;
            for (i, r) in items.iter().enumerate() {
                write!(f, "{}{r}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str("]")
        }
        match self {
            Reply::Simple(s) => write!(f, "+{s}"),
            Reply::Error(s) => write!(f, "-{s}"),
            Reply::Int(n) => write!(f, ":{n}"),
            Reply::Bulk(b) => write!(f, "\"{}\"", b.escape_ascii()),
            Reply::NullBulk => f.write_str("nil"),
            Reply::NullArray => f.write_str("nil*"),
            Reply::Null => f.write_str("_"),
            Reply::Array(v) => list(f, "[", v),
            Reply::Set(v) => list(f, "~[", v),
            Reply::Push(v) => list(f, ">[", v),
            Reply::Map(v) => {
                f.write_str("{")?;
                for (i, (k, v)) in v.iter().enumerate() {
                    write!(f, "{}{k}: {v}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
            Reply::Double(s) => write!(f, ",{s}"),
            Reply::Bool(b) => write!(f, "#{}", if *b { 't' } else { 'f' }),
            Reply::Big(s) => write!(f, "({s}"),
            Reply::Verbatim(b) => write!(f, "={}", b.escape_ascii()),
        }
    }
}

/// A client's end of a TLS connection.
pub type TlsClient = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsClient>),
    Unix(UnixStream),
}

impl Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Stream::Tcp(s) => s.read(buf),
                Stream::Tls(s) => s.read(buf),
                Stream::Unix(s) => s.read(buf),
            };
            // A process that was stopped and goes on finds its reads with a time limit so.
            if !read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
                return read;
            }
        }
    }

    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.set_nonblocking(on),
            Stream::Tls(s) => s.sock.set_nonblocking(on),
            Stream::Unix(s) => s.set_nonblocking(on),
        }
    }
}

/// A connection. Reads give up (and panic) after `PATIENCE`.
pub struct Conn {
    stream: Stream,
    buf: Vec<u8>,
}

impl Conn {
    pub fn tcp(host: &str, port: u16) -> io::Result<Conn> {
        let stream = TcpStream::connect((host, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Conn { stream: Stream::Tcp(stream), buf: Vec::new() })
    }

    /// A connection over TLS whose handshake is still to be done: the first request does it.
    pub fn tls(port: u16, config: Arc<rustls::ClientConfig>) -> io::Result<Conn> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let name = rustls::pki_types::ServerName::from(std::net::Ipv4Addr::LOCALHOST);
        let client = rustls::ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Conn { stream: Stream::Tls(Box::new(rustls::StreamOwned::new(client, socket))), buf: Vec::new() })
    }

    /// The TLS connection below.
    #[track_caller]
    pub fn tls_session(&mut self) -> &mut rustls::ClientConnection {
        match &mut self.stream {
            Stream::Tls(s) => &mut s.conn,
            _ => panic!("not a TLS connection"),
        }
    }

    pub fn unix(path: &Path) -> io::Result<Conn> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Conn { stream: Stream::Unix(stream), buf: Vec::new() })
    }

    /// Sends bytes as they are.
    pub fn try_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(s) => s.write_all(bytes),
            Stream::Tls(s) => s.write_all(bytes).and_then(|()| s.flush()),
            Stream::Unix(s) => s.write_all(bytes),
        }
    }

    #[track_caller]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.try_raw(bytes).expect("the server closed the connection");
    }

    /// Sends one request of words separated by spaces.
    #[track_caller]
    pub fn send(&mut self, line: &str) {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.raw(&request(&words));
    }

    /// The next reply, of whatever kind.
    #[track_caller]
    pub fn read(&mut self) -> Reply {
        match self.try_read() {
            Ok(Some(r)) => r,
            Ok(None) => panic!("the server closed the connection; unread: {}", self.buf.escape_ascii()),
            Err(e) => panic!("no reply: {e}; unread: {}", self.buf.escape_ascii()),
        }
    }

    /// The next reply; `None` when the connection is closed.
    pub fn try_read(&mut self) -> io::Result<Option<Reply>> {
        loop {
            if let Some((reply, used)) = parse(&self.buf, 0) {
                self.buf.drain(..used);
                return Ok(Some(reply));
            }
            let mut chunk = [0; 65536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(n) => self.buf.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }

    /// Sends a request of words and returns its reply.
    #[track_caller]
    pub fn call(&mut self, line: &str) -> Reply {
        self.send(line);
        self.read()
    }

    /// Sends a request of any bytes and returns its reply.
    #[track_caller]
    pub fn call_bytes(&mut self, words: &[&[u8]]) -> Reply {
        self.raw(&request(words));
        self.read()
    }

    /// Sends a request and asserts how its reply prints.
    #[track_caller]
    pub fn is(&mut self, line: &str, expected: &str) {
        let got = self.call(line).to_string();
        assert_eq!(got, expected, "reply to {line}");
    }

    /// Asserts that the next reply prints so.
    #[track_caller]
    pub fn reads(&mut self, expected: &str) {
        assert_eq!(self.read().to_string(), expected);
    }

    /// Asserts that the reply is an error that begins so.
    #[track_caller]
    pub fn fails(&mut self, line: &str, beginning: &str) {
        let got = self.call(line).to_string();
        assert!(got.starts_with(&format!("-{beginning}")), "reply to {line}: {got}");
    }

    /// Asserts that nothing has arrived. Only meaningful after a later request of another connection was answered.
    #[track_caller]
    pub fn silent(&mut self) {
        self.stream.set_nonblocking(true).expect("a socket option");
        let mut chunk = [0; 4096];
        let got = self.stream.read(&mut chunk);
        self.stream.set_nonblocking(false).expect("a socket option");
        match got {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && self.buf.is_empty() => {}
            other => {
                panic!("wanted silence, got {other:?}: {} {}", self.buf.escape_ascii(), chunk[..40].escape_ascii())
            }
        }
    }

    /// Reads to the end of the connection, passing over replies; panics when it stays open.
    #[track_caller]
    pub fn closed(&mut self) {
        loop {
            match self.try_read() {
                Ok(None) => return,
                Ok(Some(_)) => {}
                Err(e) => panic!("the connection stays open: {e}"),
            }
        }
    }
}

/// The bytes of one request.
pub fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for w in words {
        out.extend_from_slice(format!("${}\r\n", w.len()).as_bytes());
        out.extend_from_slice(w);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// One reply at `at` and where it ends; `None` when bytes are missing.
fn parse(buf: &[u8], at: usize) -> Option<(Reply, usize)> {
    let end = at + buf.get(at..)?.windows(2).position(|w| w == b"\r\n")?;
    let (kind, line, next) = (buf[at], String::from_utf8_lossy(&buf[at + 1..end]).into_owned(), end + 2);
    let number = || line.parse::<i64>().unwrap_or_else(|_| panic!("bad length in reply: {line}"));
    let many = |n: i64| {
        let (mut items, mut at) = (Vec::new(), next);
        for _ in 0..n {
            let (item, end) = parse(buf, at)?;
            items.push(item);
            at = end;
        }
        Some((items, at))
    };
    Some(match kind {
        b'+' => (Reply::Simple(line), next),
        b'-' => (Reply::Error(line), next),
        b':' => (Reply::Int(number()), next),
        b'_' => (Reply::Null, next),
        b',' => (Reply::Double(line), next),
        b'(' => (Reply::Big(line), next),
        b'#' => (Reply::Bool(line == "t"), next),
        b'$' | b'=' => match usize::try_from(number()) {
            Err(_) => (Reply::NullBulk, next),
            Ok(n) => {
                let bytes = buf.get(next..next + n)?.to_vec();
                buf.get(next + n + 1)?;
                (if kind == b'$' { Reply::Bulk(bytes) } else { Reply::Verbatim(bytes) }, next + n + 2)
            }
        },
        b'*' if number() < 0 => (Reply::NullArray, next),
        b'*' | b'~' | b'>' => {
            let (items, end) = many(number())?;
            let reply = match kind {
                b'*' => Reply::Array(items),
                b'~' => Reply::Set(items),
                _ => Reply::Push(items),
            };
            (reply, end)
        }
        b'%' => {
            let (items, end) = many(number() * 2)?;
            (Reply::Map(items.chunks(2).map(|p| (p[0].clone(), p[1].clone())).collect()), end)
        }
        other => panic!("unknown reply type {:?} in {}", other as char, buf[at..].escape_ascii()),
    })
}
