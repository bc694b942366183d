//! CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO: what a client says about client-side caching. What follows from
//! it is in `engine/tracking.rs`.

use crate::base::ids::ClientId;
use crate::client::ClientFlags;
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::Engine;
use crate::engine::context::{EngineCx, EngineHandler, engine};

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("client|tracking", tracking),
    engine("client|caching", caching),
    engine("client|getredir", getredir),
    engine("client|trackinginfo", trackinginfo),
];

/// The options of CLIENT TRACKING.
#[derive(Debug, Default)]
struct Options<'a> {
    redirect: Option<ClientId>,
    modes: ClientFlags,
    prefixes: Vec<&'a [u8]>,
}

fn parse<'a>(cx: &EngineCx<'a>) -> Result<Options<'a>, CommandError> {
    let args = cx.args;
    let mut options = Options::default();
    let mut at = 3;
    while at < args.len() {
        let value = args.get(at + 1);
        match (args.at(at).to_ascii_lowercase().as_slice(), value) {
            (b"redirect", Some(_)) => {
                if options.redirect.is_some() {
                    return Err(CommandError::fixed("ERR A client can only redirect to a single other client"));
                }
                let id = cx.integer(at + 1)?;
                let known = u64::try_from(id).ok().map(ClientId).filter(|id| cx.engine.client_by_id(*id).is_some());
                let missing = CommandError::fixed("ERR The client ID you want redirect to does not exist");
                options.redirect = Some(known.ok_or(missing)?);
                at += 1;
            }
            (b"prefix", Some(prefix)) => {
                options.prefixes.push(prefix);
                at += 1;
            }
            (b"bcast", _) => options.modes |= ClientFlags::TRACKING_BCAST,
            (b"optin", _) => options.modes |= ClientFlags::TRACKING_OPTIN,
            (b"optout", _) => options.modes |= ClientFlags::TRACKING_OPTOUT,
            (b"noloop", _) => options.modes |= ClientFlags::TRACKING_NOLOOP,
            _ => return Err(CommandError::SYNTAX),
        }
        at += 1;
    }
    Ok(options)
}

fn tracking(cx: &mut EngineCx<'_>) -> CmdResult {
    let options = parse(cx)?;
    let (on, off) = (cx.args.is(2, "ON"), cx.args.is(2, "OFF"));
    let (index, engine) = (cx.client, &mut *cx.engine);
    if on {
        check(engine, index, &options)?;
        engine.tracking_on(index, options.redirect, options.modes, &options.prefixes);
    } else if off {
        engine.tracking_off(index);
    } else {
        return Err(CommandError::SYNTAX);
    }
    cx.reply().ok();
    Ok(Outcome::Done)
}

/// Whether the options go together and with what the client has chosen before.
fn check(engine: &Engine, index: usize, options: &Options<'_>) -> Result<(), CommandError> {
    let (now, wanted) = (engine.clients[index].flags, options.modes);
    let (bcast, optin, optout) =
        (ClientFlags::TRACKING_BCAST, ClientFlags::TRACKING_OPTIN, ClientFlags::TRACKING_OPTOUT);
    let refuse = |text| Err(CommandError::fixed(text));
    if !wanted.contains(bcast) && !options.prefixes.is_empty() {
        return refuse("ERR PREFIX option requires BCAST mode to be enabled");
    }
    if now.contains(ClientFlags::TRACKING) && now.contains(bcast) != wanted.contains(bcast) {
        return refuse(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
             with a different mode.",
        );
    }
    if wanted.contains(bcast) && wanted.intersects(optin | optout) {
        return refuse("ERR OPTIN and OPTOUT are not compatible with BCAST");
    }
    if wanted.contains(optin | optout) {
        return refuse("ERR You can't specify both OPTIN mode and OPTOUT mode");
    }
    if wanted.contains(optin) && now.contains(optout) || wanted.contains(optout) && now.contains(optin) {
        return refuse(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
             with a different mode.",
        );
    }
    let held = engine.clients[index].tracking.as_ref();
    check_overlap(held.into_iter().flat_map(|state| state.prefixes.iter().map(|p| &**p)), &options.prefixes)
}

fn overlap(a: &[u8], b: &[u8]) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

/// Prefixes of one client must not overlap: it would be told twice.
fn check_overlap<'a>(held: impl Iterator<Item = &'a [u8]> + Clone, new: &[&[u8]]) -> Result<(), CommandError> {
    let refuse = |prefix: &[u8], which: &[u8], other: &[u8]| {
        let end = b"'. Prefixes for a single client must not overlap.";
        Err(CommandError::from_bytes(
            [b"ERR Prefix '", prefix, b"' overlaps with ", which, b" prefix '", other, end].concat(),
        ))
    };
    for (at, prefix) in new.iter().enumerate() {
        if let Some(other) = held.clone().find(|other| overlap(prefix, other)) {
            return refuse(prefix, b"an existing", other);
        }
        if let Some(other) = new[at + 1..].iter().find(|other| overlap(prefix, other)) {
            return refuse(prefix, b"another provided", other);
        }
    }
    Ok(())
}

fn caching(cx: &mut EngineCx<'_>) -> CmdResult {
    let (yes, no) = (cx.args.is(2, "YES"), cx.args.is(2, "NO"));
    let flags = &mut cx.client().flags;
    if !flags.contains(ClientFlags::TRACKING) {
        return Err(CommandError::fixed(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    }
    if !yes && !no {
        return Err(CommandError::SYNTAX);
    }
    if yes && !flags.contains(ClientFlags::TRACKING_OPTIN) {
        return Err(CommandError::fixed(
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        ));
    }
    if no && !flags.contains(ClientFlags::TRACKING_OPTOUT) {
        return Err(CommandError::fixed(
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ));
    }
    flags.insert(ClientFlags::TRACKING_CACHING);
    cx.reply().ok();
    Ok(Outcome::Done)
}

/// The client invalidations go to: 0 for itself, -1 when it does not track.
fn redirect_of(cx: &mut EngineCx<'_>) -> i64 {
    let client = cx.client();
    if !client.flags.contains(ClientFlags::TRACKING) {
        return -1;
    }
    client.tracking.as_ref().and_then(|state| state.redirect).map_or(0, |id| id.0 as i64)
}

fn getredir(cx: &mut EngineCx<'_>) -> CmdResult {
    let redirect = redirect_of(cx);
    cx.reply().integer(redirect);
    Ok(Outcome::Done)
}

fn trackinginfo(cx: &mut EngineCx<'_>) -> CmdResult {
    let redirect = redirect_of(cx);
    let client = cx.client();
    let has = |flag| client.flags.contains(flag);
    let caching = has(ClientFlags::TRACKING_CACHING);
    let (optin, optout) = (has(ClientFlags::TRACKING_OPTIN), has(ClientFlags::TRACKING_OPTOUT));
    let words = [
        ("on", has(ClientFlags::TRACKING)),
        ("off", !has(ClientFlags::TRACKING)),
        ("bcast", has(ClientFlags::TRACKING_BCAST)),
        ("optin", optin),
        ("caching-yes", optin && caching),
        ("optout", optout),
        ("caching-no", optout && caching),
        ("noloop", has(ClientFlags::TRACKING_NOLOOP)),
        ("broken_redirect", has(ClientFlags::TRACKING_BROKEN_REDIRECT)),
    ];
    let prefixes: Vec<Box<[u8]>> =
        client.tracking.as_ref().map_or_else(Vec::new, |state| state.prefixes.iter().cloned().collect());
    let reply = cx.reply();
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(words.iter().filter(|(_, on)| *on).count());
    words.iter().filter(|(_, on)| *on).for_each(|(word, _)| reply.bulk(word.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(redirect);
    reply.bulk(b"prefixes");
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_overlap_when_one_begins_the_other() {
        let none = std::iter::empty;
        assert!(check_overlap(none(), &[b"foo", b"bar"]).is_ok());
        let error = check_overlap(none(), &[b"foobar", b"foo"]).unwrap_err();
        let text = "ERR Prefix 'foobar' overlaps with another provided prefix 'foo'. Prefixes for a single client must \
                    not overlap.";
        assert_eq!(String::from_utf8_lossy(error.text()), text);
        let error = check_overlap([&b"ab"[..]].into_iter(), &[b"x", b"abc"]).unwrap_err();
        let text =
            "ERR Prefix 'abc' overlaps with an existing prefix 'ab'. Prefixes for a single client must not overlap.";
        assert_eq!(String::from_utf8_lossy(error.text()), text);
        assert!(check_overlap([&b""[..]].into_iter(), &[b"x"]).is_err());
    }
}
