//! CLIENT LIST and CLIENT INFO: one line a client, the fields in Redis's order.
//!
//! The figures are those of this server: a connection between two requests holds no query buffer and no output
//! buffer, so `qbuf`, `qbuf-free` and `rbs` are 0 for it. A caller's own request is still in the reading buffer, which
//! all connections share, and shows as its length.

use super::client_commands::ClientType;
use crate::base::ids::ClientId;
use crate::base::num::parse_i64;
use crate::client::{Client, ClientFlags};
use crate::command::{Args, CmdResult, CommandError, Outcome};
use crate::engine::context::EngineCx;
use crate::engine::{ClientIndex, Engine};
use std::io::Write;

/// Replies up to this many bytes count as a client's own buffer (`obl`), longer ones as output memory (`omem`).
const OWN_BUFFER_BYTES: usize = 16 * 1024;

pub(super) fn info(cx: &mut EngineCx<'_>) -> CmdResult {
    let mut text = Vec::with_capacity(512);
    cx.engine.describe_client(cx.client, Some((cx.client, cx.args)), &mut text);
    cx.reply().verbatim(b"txt", &text);
    Ok(Outcome::Done)
}

pub(super) fn list(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    let engine = &*cx.engine;
    let wanted: Vec<ClientIndex> = match args.len() {
        2 => engine.client_ids.values().copied().collect(),
        4 if args.is(2, "TYPE") => {
            let class = ClientType::parse(args.at(3))?;
            let all = engine.client_ids.values().copied();
            all.filter(|&index| ClientType::of(&engine.clients[index]) == class).collect()
        }
        4.. if args.is(2, "ID") => {
            let mut found = Vec::new();
            for word in args.iter().skip(3) {
                let id = parse_i64(word).ok_or(CommandError::fixed("ERR Invalid client ID"))?;
                found.extend(u64::try_from(id).ok().and_then(|id| engine.client_by_id(ClientId(id))));
            }
            found
        }
        _ => return Err(CommandError::SYNTAX),
    };
    let mut text = Vec::with_capacity(wanted.len() * 400);
    for index in wanted {
        engine.describe_client(index, Some((cx.client, args)), &mut text);
    }
    cx.reply().verbatim(b"txt", &text);
    Ok(Outcome::Done)
}

/// The letters of a client's states, `N` for none.
fn letters(client: &Client) -> String {
    let flag = |flag| client.flags.contains(flag);
    let states = [
        ('S', flag(ClientFlags::REPLICA)),
        ('O', flag(ClientFlags::MONITOR)),
        ('M', flag(ClientFlags::PRIMARY)),
        ('P', client.subscriptions.is_some()),
        ('x', flag(ClientFlags::MULTI)),
        ('b', client.blocked.is_some()),
        ('t', flag(ClientFlags::TRACKING)),
        ('R', flag(ClientFlags::TRACKING_BROKEN_REDIRECT)),
        ('B', flag(ClientFlags::TRACKING_BCAST)),
        ('d', flag(ClientFlags::DIRTY_CAS)),
        ('c', flag(ClientFlags::CLOSE_AFTER_REPLY)),
        ('u', flag(ClientFlags::UNBLOCKED)),
        ('A', flag(ClientFlags::CLOSE_NOW)),
        ('U', flag(ClientFlags::UNIX_SOCKET)),
        ('e', flag(ClientFlags::NO_EVICT)),
        ('T', flag(ClientFlags::NO_TOUCH)),
    ];
    let letters: String = states.iter().filter(|(_, on)| *on).map(|(letter, _)| *letter).collect();
    if letters.is_empty() { "N".into() } else { letters }
}

/// Bytes a request takes on the wire.
fn wire_len(args: Args<'_>) -> usize {
    let digits = |number: usize| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let head = 1 + digits(args.len()) + 2;
    head + args.iter().map(|arg| 1 + digits(arg.len()) + 2 + arg.len() + 2).sum::<usize>()
}

impl Engine {
    /// A client's line, for the log.
    pub(crate) fn client_line(&self, index: ClientIndex) -> String {
        let mut text = Vec::new();
        self.describe_client(index, None, &mut text);
        String::from_utf8_lossy(&text).trim_end().to_owned()
    }

    /// Appends a client's line. `running` is the client whose command is running, and its arguments.
    pub(crate) fn describe_client(
        &self,
        index: ClientIndex,
        running: Option<(ClientIndex, Args<'_>)>,
        text: &mut Vec<u8>,
    ) {
        let client = &self.clients[index];
        let own = running.filter(|(caller, _)| *caller == index).map(|(_, args)| args);
        let subscriptions = client.subscriptions.as_deref();
        let count = |of: fn(&crate::client::Subscriptions) -> usize| subscriptions.map_or(0, of);
        let transaction = client.transaction.as_deref();
        let queued = match client.flags.contains(ClientFlags::MULTI) {
            true => transaction.map_or(0, |t| t.queue.len() as i64),
            false => -1,
        };
        // Of a request that is not complete those arguments that are.
        let argument_bytes = client.query.parsed as usize
            + own.map_or_else(|| client.blocked.as_ref().map_or(0, |b| b.args.as_args().byte_len()), Args::byte_len);
        let pending = client.output_bytes();
        let unread = self.unread_by(client.id) as usize;
        let (obl, oll, omem) = match pending <= OWN_BUFFER_BYTES {
            true => (pending, usize::from(unread > 0), unread),
            false => (0, 1, client.out.capacity() + unread),
        };
        let waits_for_socket = pending > 0 && !client.flags.contains(ClientFlags::OUTPUT_PENDING);
        let command = match client.last_command {
            u16::MAX => "NULL",
            id => &self.table.get(id).name,
        };
        let redirect = match (client.flags.contains(ClientFlags::TRACKING), &client.tracking) {
            (false, _) => -1,
            (true, state) => state.as_ref().and_then(|s| s.redirect).map_or(0, |id| id.0 as i64),
        };
        let user = String::from_utf8_lossy(self.acl.name(client.user));
        let identity = client.identity.as_deref();
        let field = |of: fn(&crate::client::Identity) -> &[u8]| {
            String::from_utf8_lossy(identity.map_or(&[][..], of)).into_owned()
        };
        let seconds_since = |at: crate::base::ids::UnixMs| (self.now.0 / 1000 - at.0 / 1000).max(0);
        // Writing into memory cannot fail.
        let _ = writeln!(
            text,
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={queued} \
             qbuf={} qbuf-free={} argv-mem={argument_bytes} multi-mem={} rbs={} rbp={} obl={obl} oll={oll} omem={omem} \
             tot-mem={} events={} cmd={command} user={user} redir={redirect} resp={} lib-name={} lib-ver={}",
            client.id.0,
            client.endpoints.peer,
            client.endpoints.local,
            client.endpoints.fd,
            field(|identity| &identity.name),
            seconds_since(client.created_at),
            seconds_since(client.active_at),
            letters(client),
            client.db.0,
            count(|subs| subs.channels.len()),
            count(|subs| subs.patterns.len()),
            count(|subs| subs.shard_channels.len()),
            client.query.used as usize + own.map_or(0, wire_len),
            client.query.free,
            transaction.map_or(0, |t| t.argument_bytes),
            client.out.capacity().min(OWN_BUFFER_BYTES),
            client.output_peak,
            client.memory_bytes() + own.map_or(0, Args::byte_len),
            if waits_for_socket { "rw" } else { "r" },
            if client.out.is_resp3() { 3 } else { 2 },
            field(|identity| &identity.lib_name),
            field(|identity| &identity.lib_ver),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::UnixMs;
    use crate::client::Endpoints;
    use crate::command::OwnedArgs;

    #[test]
    fn a_request_is_as_long_as_it_was_on_the_wire() {
        let args = OwnedArgs::of(&[b"CLIENT", b"LIST"]);
        assert_eq!(wire_len(args.as_args()), "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n".len());
        let args = OwnedArgs::of(&[b"", &[b'x'; 100]]);
        assert_eq!(wire_len(args.as_args()), 4 + 4 + 2 + 6 + 102);
    }

    #[test]
    fn a_client_without_states_is_flagged_n() {
        let mut client = Client::new(ClientId(1), Endpoints::default(), UnixMs(0));
        assert_eq!(letters(&client), "N");
        client.flags.insert(ClientFlags::MULTI | ClientFlags::TRACKING | ClientFlags::TRACKING_BCAST);
        client.subscriptions_mut();
        assert_eq!(letters(&client), "PxtB");
    }
}
