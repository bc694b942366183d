//! Sending keys to another server for MIGRATE, from threads of the runtime: connect, authenticate, select, one RESTORE
//! a key, and the answers. Connections are kept for ten seconds and used again.

use super::rim::Rim;
use crate::engine::migration::{Delivery, Shipment, Target, restore_ttl_ms};
use crate::object::Object;
use crate::persist::aof::append_request;
use crate::rdb::dump_payload;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long an unused connection is kept, and how many are.
const KEPT_FOR: Duration = Duration::from_secs(10);
const MOST_KEPT: usize = 64;
/// Bytes of requests that are gathered before they are sent.
const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of an answer that are looked at.
const ANSWER_BYTES: u64 = 1024;

/// A connection to another server.
struct Link {
    socket: BufReader<TcpStream>,
    /// The database that is selected there, if it is known.
    db: Option<i64>,
}

/// Connections that are kept.
#[derive(Default)]
pub struct Links {
    kept: HashMap<String, (Link, Instant)>,
}

impl Links {
    fn name(target: &Target) -> String {
        format!("{}:{}", target.host, target.port)
    }

    fn keep(&mut self, name: String, link: Link) {
        if self.kept.len() >= MOST_KEPT
            && let Some(oldest) = self.kept.iter().min_by_key(|(_, (_, since))| *since).map(|(name, _)| name.clone())
        {
            self.kept.remove(&oldest);
        }
        self.kept.insert(name, (link, Instant::now()));
    }
}

impl Rim {
    /// Sends a shipment from a thread, and tells the engine how it ended.
    pub fn migrate(self: &Rc<Rim>, shipment: Box<Shipment>) {
        let name = Links::name(&shipment.target);
        let link = self.links.borrow_mut().kept.remove(&name).map(|(link, _)| link);
        let rim = self.clone();
        tokio::task::spawn_local(async move {
            let id = shipment.id;
            let sent = tokio::task::spawn_blocking(move || {
                let Shipment { target, records, .. } = *shipment;
                send(&target, &records, link)
            });
            // A thread that panicked has sent an unknown part.
            let lost = |_| (Delivery::Broken { writing: true }, Vec::new(), None);
            let (delivery, delivered, link) = sent.await.unwrap_or_else(lost);
            let keeps = link.is_some();
            let count = {
                let mut links = rim.links.borrow_mut();
                if let Some(link) = link {
                    links.keep(name, link);
                }
                links.kept.len()
            };
            {
                let mut engine = rim.engine.borrow_mut();
                engine.begin_turn();
                engine.migrations.cached_sockets = count;
                engine.migration_ended(id, &delivery, &delivered);
            }
            rim.wake();
            if keeps {
                tokio::time::sleep(KEPT_FOR).await;
                rim.close_unused_links();
            }
        });
    }

    fn close_unused_links(&self) {
        let mut links = self.links.borrow_mut();
        links.kept.retain(|_, (_, since)| since.elapsed() < KEPT_FOR);
        self.engine.borrow_mut().migrations.cached_sockets = links.kept.len();
    }
}

/// Why an attempt has ended early.
struct Broken {
    writing: bool,
    timed_out: bool,
    /// Answers to RESTORE that came before.
    answers: usize,
}

/// What the other side has said so far.
#[derive(Default)]
struct Answers {
    delivered: Vec<usize>,
    error: Option<Vec<u8>>,
}

/// Appends an AUTH with this password, and this user where one is named.
pub(super) fn append_auth(out: &mut Vec<u8>, user: Option<&[u8]>, password: &[u8]) {
    let parts = [Some(&b"AUTH"[..]), user, Some(password)];
    append_request(out, parts.into_iter().flatten().collect::<Vec<_>>());
}

/// Sends records on a connection of their own, and waits for the answers.
pub fn send_now(target: &Target, records: &[Object]) -> (Delivery, Vec<usize>) {
    let (delivery, delivered, _) = send(target, records, None);
    (delivery, delivered)
}

/// Sends records. One broken attempt is made good by another on a new connection if nothing was answered, since a kept
/// connection may have been closed by the other side.
fn send(target: &Target, records: &[Object], kept: Option<Link>) -> (Delivery, Vec<usize>, Option<Link>) {
    let mut link = kept;
    let mut may_retry = true;
    loop {
        let mut used = match link.take().map_or_else(|| connect(target), Ok) {
            Ok(link) => link,
            Err(_) => return (Delivery::Unreachable, Vec::new(), None),
        };
        let mut answers = Answers::default();
        match exchange(&mut used, target, records, &mut answers) {
            Ok(()) => {
                used.db = answers.error.is_none().then_some(target.db);
                let delivery = answers.error.map_or(Delivery::Done, Delivery::Refused);
                return (delivery, answers.delivered, Some(used));
            }
            Err(broken) if may_retry && !broken.timed_out && broken.answers == 0 => may_retry = false,
            Err(broken) => {
                let delivery = answers.error.map_or(Delivery::Broken { writing: broken.writing }, Delivery::Refused);
                return (delivery, answers.delivered, None);
            }
        }
    }
}

fn connect(target: &Target) -> io::Result<Link> {
    let port: u16 = target.port.parse().map_err(|_| ErrorKind::InvalidInput)?;
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in (target.host.as_str(), port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, target.timeout) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(Link { socket: BufReader::new(socket), db: None });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn exchange(link: &mut Link, target: &Target, records: &[Object], answers: &mut Answers) -> Result<(), Broken> {
    let broken = |writing: bool, answers: usize| {
        move |error: io::Error| Broken {
            writing,
            timed_out: matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            answers,
        }
    };
    let timeout = Some(target.timeout);
    let socket = link.socket.get_ref();
    socket.set_write_timeout(timeout).and_then(|()| socket.set_read_timeout(timeout)).map_err(broken(true, 0))?;
    let selects = link.db != Some(target.db);
    let sent = write_requests(link.socket.get_mut(), target, selects, records).map_err(broken(true, 0))?;
    let mut before = [None, None];
    for (slot, is_asked) in [target.auth.is_some(), selects].into_iter().enumerate() {
        if is_asked {
            before[slot] = Some(read_answer(&mut link.socket).map_err(broken(false, 0))?);
        }
    }
    let earlier = before.into_iter().flatten().find(|line| line.first() == Some(&b'-'));
    for (count, at) in sent.into_iter().enumerate() {
        let line = read_answer(&mut link.socket).map_err(broken(false, count))?;
        let refused = earlier.as_ref().or(Some(&line).filter(|line| line.first() == Some(&b'-')));
        match refused {
            None => answers.delivered.push(at),
            Some(line) => {
                answers.error.get_or_insert_with(|| line[1..].to_vec());
            }
        }
    }
    Ok(())
}

/// Writes what there is to say; returns the positions of the records that were sent, those whose time has passed left out.
fn write_requests(
    socket: &mut TcpStream,
    target: &Target,
    selects: bool,
    records: &[Object],
) -> io::Result<Vec<usize>> {
    let mut bytes = Vec::new();
    if let Some((user, password)) = &target.auth {
        append_auth(&mut bytes, user.as_deref(), password);
    }
    if selects {
        append_request(&mut bytes, [&b"SELECT"[..], target.db.to_string().as_bytes()]);
    }
    let mut sent = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let now = crate::base::ids::UnixMs(super::clock::unix_us() / 1000);
        let Some(ttl_ms) = restore_ttl_ms(record, now) else { continue };
        let (ttl, payload) = (ttl_ms.to_string(), dump_payload(record, true));
        let mut parts = vec![&b"RESTORE"[..], record.key(), ttl.as_bytes(), &payload];
        if target.replace {
            parts.push(b"REPLACE");
        }
        append_request(&mut bytes, parts);
        sent.push(at);
        if bytes.len() >= CHUNK_BYTES {
            socket.write_all(&bytes)?;
            bytes.clear();
        }
    }
    socket.write_all(&bytes)?;
    Ok(sent)
}

/// One line, without its end.
fn read_answer(socket: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    socket.by_ref().take(ANSWER_BYTES).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}
