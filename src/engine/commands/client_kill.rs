//! CLIENT KILL: by address, or by any filters together.

use super::client_commands::{ClientType, quoting};
use crate::acl::Acl;
use crate::base::ids::ClientId;
use crate::base::num::parse_i64;
use crate::client::Client;
use crate::command::{Args, CmdResult, CommandError, Outcome};
use crate::engine::ClientIndex;
use crate::engine::context::EngineCx;

/// What a client must be to be killed; every filter given must fit.
#[derive(Debug, Default)]
struct Filters<'a> {
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    class: Option<ClientType>,
    id: Option<ClientId>,
    /// Seconds since it connected, at least.
    age_s: Option<i64>,
    user: Option<&'a [u8]>,
    keep_caller: bool,
}

impl<'a> Filters<'a> {
    /// Errors: an unknown filter, or a value it does not take.
    fn parse(args: Args<'a>, acl: &Acl) -> Result<Filters<'a>, CommandError> {
        let mut filters = Filters { keep_caller: true, ..Filters::default() };
        let mut at = 2;
        while at < args.len() {
            let value = args.get(at + 1).ok_or(CommandError::SYNTAX)?;
            match () {
                _ if args.is(at, "ID") => {
                    let id = parse_i64(value).filter(|&id| id > 0);
                    let id = id.ok_or(CommandError::fixed("ERR client-id should be greater than 0"))?;
                    filters.id = Some(ClientId(id as u64));
                }
                _ if args.is(at, "TYPE") => filters.class = Some(ClientType::parse(value)?),
                _ if args.is(at, "ADDR") => filters.address = Some(value),
                _ if args.is(at, "LADDR") => filters.local_address = Some(value),
                _ if args.is(at, "USER") => {
                    if acl.find(value).is_none() {
                        return Err(quoting("ERR No such user '", value));
                    }
                    filters.user = Some(value);
                }
                _ if args.is(at, "SKIPME") => {
                    filters.keep_caller = match () {
                        _ if args.is(at + 1, "YES") => true,
                        _ if args.is(at + 1, "NO") => false,
                        _ => return Err(CommandError::SYNTAX),
                    }
                }
                _ if args.is(at, "MAXAGE") => {
                    let age =
                        parse_i64(value).ok_or(CommandError::fixed("ERR maxage is not an integer or out of range"))?;
                    if age <= 0 {
                        return Err(CommandError::fixed("ERR maxage should be greater than 0"));
                    }
                    filters.age_s = Some(age);
                }
                _ => return Err(CommandError::SYNTAX),
            }
            at += 2;
        }
        Ok(filters)
    }

    fn fit(&self, client: &Client, acl: &Acl, now_s: i64) -> bool {
        self.address.is_none_or(|address| client.endpoints.peer.is(address))
            && self.local_address.is_none_or(|address| client.endpoints.local.is(address))
            && self.class.is_none_or(|class| ClientType::of(client) == class)
            && self.id.is_none_or(|id| client.id == id)
            && self.user.is_none_or(|name| acl.name(client.user) == name)
            && self.age_s.is_none_or(|age| now_s - client.created_at.0 / 1000 >= age)
    }
}

pub(super) fn kill(cx: &mut EngineCx<'_>) -> CmdResult {
    let old_form = cx.args.len() == 3;
    let filters = if old_form {
        // With the old form a client can kill itself.
        Filters { address: Some(cx.args.at(2)), ..Filters::default() }
    } else {
        Filters::parse(cx.args, &cx.engine.acl)?
    };
    let (caller, engine) = (cx.client, &mut *cx.engine);
    let now_s = engine.now.0 / 1000;
    let doomed: Vec<ClientIndex> = engine
        .client_ids
        .values()
        .copied()
        .filter(|&index| {
            !(filters.keep_caller && index == caller) && filters.fit(&engine.clients[index], &engine.acl, now_s)
        })
        .collect();
    for &index in &doomed {
        // The caller still gets its answer.
        engine.close(index, index == caller);
    }
    match (old_form, doomed.len()) {
        (true, 0) => return Err(CommandError::fixed("ERR No such client")),
        (true, _) => cx.reply().ok(),
        (false, count) => cx.reply().integer(count as i64),
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::OwnedArgs;

    fn error(words: &[&[u8]]) -> String {
        let args = OwnedArgs::of(words);
        let error = Filters::parse(args.as_args(), &Acl::default()).unwrap_err();
        String::from_utf8_lossy(error.text()).into_owned()
    }

    #[test]
    fn filters_say_what_is_wrong_with_them() {
        assert_eq!(error(&[b"client", b"kill", b"id", b"0"]), "ERR client-id should be greater than 0");
        assert_eq!(error(&[b"client", b"kill", b"id", b"str"]), "ERR client-id should be greater than 0");
        assert_eq!(error(&[b"client", b"kill", b"type", b"wrong"]), "ERR Unknown client type 'wrong'");
        assert_eq!(error(&[b"client", b"kill", b"user", b"bob"]), "ERR No such user 'bob'");
        assert_eq!(error(&[b"client", b"kill", b"skipme", b"maybe"]), "ERR syntax error");
        assert_eq!(error(&[b"client", b"kill", b"maxage", b"0"]), "ERR maxage should be greater than 0");
        assert_eq!(error(&[b"client", b"kill", b"addr", b"1.2.3.4:5", b"id"]), "ERR syntax error");
    }
}
