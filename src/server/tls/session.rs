//! One TLS session, between two streams of bytes: records in, plaintext out; plaintext in, records out.
//!
//! Owns the library's connection, the begin of a record that is not complete and the records that are not sent. Promises:
//! plaintext comes out in order and each byte once, also what stood before an error; `sealed` is not called while
//! records wait (`is_flushed`); what a session keeps of a peer is bounded by one handshake message.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{ClientConfig, Error, InvalidMessage, ServerConfig};
use std::sync::Arc;

/// Most plaintext that is sealed at once: four records.
pub const SEALED_BYTES: usize = 64 * 1024;
/// Room for what that becomes.
const SEALED_ROOM: usize = SEALED_BYTES + 4096;
/// Most bytes of an incomplete record or handshake message; the library refuses larger ones itself.
pub const MOST_KEPT: usize = 80 * 1024;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// The peers agree on keys.
    #[default]
    Handshake,
    /// Data flows.
    Open,
    /// The peer has said that nothing more comes.
    Ended,
}

/// Either side of a session, as the library has it.
trait Side {
    /// What the library keeps of this side alone.
    type Data;
    /// Goes on with what has come.
    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Side for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, ServerConnectionData> {
        self.process_tls_records(records)
    }
}

impl Side for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, ClientConnectionData> {
        self.process_tls_records(records)
    }
}

/// Which side this server is.
enum Connection {
    /// It was connected to.
    Server(UnbufferedServerConnection),
    /// It connected to another server.
    Client(UnbufferedClientConnection),
}

/// One session.
pub struct Session {
    connection: Connection,
    state: State,
}

/// Does something with a session's connection, whichever side it is.
macro_rules! with_side {
    ($session:expr, $connection:ident => $act:expr) => {
        match &mut $session.connection {
            Connection::Server($connection) => $act,
            Connection::Client($connection) => $act,
        }
    };
}

impl Session {
    /// A session that begins with somebody who has connected. Errors: the settings do not allow one.
    pub fn new(settings: Arc<ServerConfig>) -> Result<Session, Error> {
        Ok(Session {
            connection: Connection::Server(UnbufferedServerConnection::new(settings)?),
            state: State::default(),
        })
    }

    /// A session that begins with a server that was connected to. Its name is not looked at, and not told.
    pub fn to_server(settings: Arc<ClientConfig>) -> Result<Session, Error> {
        let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0])));
        let connection = Connection::Client(UnbufferedClientConnection::new(settings, name)?);
        let mut session = Session { connection, state: State::default() };
        // It speaks first.
        session.received(&mut [], &mut |_| {})?;
        Ok(session)
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        self.state.stage
    }

    /// Whether nothing more can be read.
    pub fn has_ended(&self) -> bool {
        self.state.stage == Stage::Ended || self.state.failed
    }

    /// What is kept of the last read and comes before the next one.
    pub fn kept(&self) -> &[u8] {
        &self.state.kept
    }

    /// Takes what was read, behind what was kept, and gives the plaintext to `sink`.
    ///
    /// # Errors
    /// What the peer did wrong. The alert that says so is among the records to be sent.
    pub fn received(&mut self, bytes: &mut [u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        with_side!(self, connection => self.state.received(connection, bytes, sink))
    }

    /// Whether all records are sent.
    pub fn is_flushed(&self) -> bool {
        self.state.outgoing.is_empty()
    }

    /// Whether replies are among the records to be sent.
    pub fn stands_for_plaintext(&self) -> bool {
        self.state.plain > 0
    }

    /// The records to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.state.outgoing[self.state.sent..]
    }

    /// Some of them were sent; how many bytes of plaintext have gone out with the last of them.
    pub fn sent(&mut self, bytes: usize) -> usize {
        self.state.sent(bytes)
    }

    /// Seals the front of some plaintext into `room`; how many of its bytes, and the length of the records.
    ///
    /// # Errors
    /// The session cannot be written to, or not any more.
    pub fn seal(&mut self, plain: &[u8], room: &mut Vec<u8>) -> Result<(usize, usize), Error> {
        with_side!(self, connection => self.state.seal(connection, plain, room))
    }

    /// Keeps records that the socket has not taken, which stand for so much plaintext.
    pub fn keep_unsent(&mut self, records: &[u8], plain: usize) {
        self.state.outgoing.extend_from_slice(records);
        self.state.plain += plain;
    }

    /// The records that tell the peer that nothing more comes; empty when none may be sent.
    pub fn farewell(&mut self) -> Vec<u8> {
        with_side!(self, connection => self.state.farewell(connection))
    }
}

/// What is known of a session beside the library's own.
#[derive(Default)]
struct State {
    stage: Stage,
    /// After an error the library is not asked again: what it would look at is not kept.
    failed: bool,
    /// The begin of what is not complete.
    kept: Vec<u8>,
    /// Records to be sent.
    outgoing: Vec<u8>,
    /// How much of `outgoing` is sent.
    sent: usize,
    /// How many bytes of plaintext `outgoing` stands for.
    plain: usize,
}

impl State {
    fn received(
        &mut self,
        connection: &mut impl Side,
        bytes: &mut [u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Error> {
        let mut at = 0;
        let result = loop {
            let UnbufferedStatus { mut discard, state } = connection.process(&mut bytes[at..]);
            let mut more = true;
            let state = match state {
                Ok(state) => state,
                Err(error) => {
                    at += discard;
                    break Err(error);
                }
            };
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        sink(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => append(&mut self.outgoing, |room| data.encode(room).ok()),
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::WriteTraffic(_) => {
                    self.stage = Stage::Open;
                    more = false;
                }
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.stage = Stage::Ended;
                    more = false;
                }
                _ => more = false,
            }
            at += discard;
            if !more {
                break Ok(());
            }
        };
        if let Err(error) = result {
            self.failed = true;
            self.collect_alert(connection, &error, &mut bytes[at..]);
            return Err(error);
        }
        self.kept.clear();
        self.kept.extend_from_slice(&bytes[at..]);
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
        if self.kept.len() > MOST_KEPT {
            return Err(Error::General("a handshake message is too long".into()));
        }
        Ok(())
    }

    /// After an error: the alert for the peer. One that speaks no TLS would take it for a reply, and gets none.
    fn collect_alert(&mut self, connection: &mut impl Side, error: &Error, rest: &mut [u8]) {
        let no_tls = [InvalidMessage::InvalidContentType, InvalidMessage::UnknownProtocolVersion].map(Error::from);
        if self.stage == Stage::Handshake && no_tls.contains(error) {
            return;
        }
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = connection.process(rest).state {
            append(&mut self.outgoing, |room| data.encode(room).ok());
        }
    }

    fn sent(&mut self, bytes: usize) -> usize {
        self.sent += bytes;
        if self.sent < self.outgoing.len() {
            return 0;
        }
        self.outgoing = Vec::new();
        self.sent = 0;
        std::mem::take(&mut self.plain)
    }

    fn seal(&mut self, connection: &mut impl Side, plain: &[u8], room: &mut Vec<u8>) -> Result<(usize, usize), Error> {
        if self.failed {
            return Err(Error::General("the session has ended".into()));
        }
        let plain = &plain[..plain.len().min(SEALED_BYTES)];
        if room.len() < SEALED_ROOM {
            room.resize(SEALED_ROOM, 0);
        }
        // A session that waits for the rest of a record must see what it has of it each time.
        let mut kept = std::mem::take(&mut self.kept);
        let sealed = match connection.process(&mut kept).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                traffic.encrypt(plain, room).map_err(|error| Error::General(format!("cannot seal a record: {error}")))
            }
            Ok(_) => Err(Error::HandshakeNotComplete),
            Err(error) => Err(error),
        };
        let sealed = sealed.inspect_err(|_| self.failed = true);
        let mut len = sealed?;
        // Sealing may have changed the keys: the message that says so goes out before the records under the new ones.
        let mut before = Vec::new();
        loop {
            match connection.process(&mut kept).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => append(&mut before, |room| data.encode(room).ok()),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => break,
            }
        }
        self.kept = kept;
        if !before.is_empty() {
            room.truncate(len);
            room.splice(..0, before.iter().copied());
            len += before.len();
        }
        Ok((plain.len(), len))
    }

    fn farewell(&mut self, connection: &mut impl Side) -> Vec<u8> {
        let mut records = Vec::new();
        if self.outgoing.is_empty() && !self.failed {
            let mut kept = std::mem::take(&mut self.kept);
            if let Ok(ConnectionState::WriteTraffic(mut traffic)) = connection.process(&mut kept).state {
                append(&mut records, |room| traffic.queue_close_notify(room).ok());
            }
        }
        records
    }
}

/// Appends what is written into a slice with room for any message that is no data.
fn append(into: &mut Vec<u8>, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
    const ROOM: usize = 2 * MOST_KEPT;
    let before = into.len();
    into.resize(before + ROOM, 0);
    let written = write(&mut into[before..]).unwrap_or(0);
    into.truncate(before + written);
    into.shrink_to_fit();
}
