//! SUBSCRIBE and its like, PUBLISH, SPUBLISH, PUBSUB; and how a message reaches its listeners.

use crate::base::glob::glob_match;
use crate::client::Client;
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::{ClientIndex, Engine};
use crate::pubsub::{PubSub, Registry};
use std::collections::BTreeSet;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("subscribe", subscribe),
    engine("unsubscribe", unsubscribe),
    engine("psubscribe", psubscribe),
    engine("punsubscribe", punsubscribe),
    engine("ssubscribe", ssubscribe),
    engine("sunsubscribe", sunsubscribe),
    engine("publish", publish),
    engine("spublish", spublish),
    engine("pubsub|channels", channels),
    engine("pubsub|numsub", numsub),
    engine("pubsub|numpat", numpat),
    engine("pubsub|shardchannels", shard_channels),
    engine("pubsub|shardnumsub", shard_numsub),
    engine("pubsub|help", help),
];

/// One of the three kinds of subscription: its words on the wire and where it is kept.
struct Kind {
    subscribed: &'static str,
    unsubscribed: &'static str,
    registry: fn(&mut PubSub) -> &mut Registry,
    names: fn(&mut Client) -> &mut BTreeSet<Box<[u8]>>,
    count: fn(&Client) -> usize,
}

fn plain_count(client: &Client) -> usize {
    client.subscriptions.as_ref().map_or(0, |subs| subs.count())
}

const CHANNEL: Kind = Kind {
    subscribed: "subscribe",
    unsubscribed: "unsubscribe",
    registry: |pubsub| &mut pubsub.channels,
    names: |client| &mut client.subscriptions_mut().channels,
    count: plain_count,
};

const PATTERN: Kind = Kind {
    subscribed: "psubscribe",
    unsubscribed: "punsubscribe",
    registry: |pubsub| &mut pubsub.patterns,
    names: |client| &mut client.subscriptions_mut().patterns,
    count: plain_count,
};

const SHARD: Kind = Kind {
    subscribed: "ssubscribe",
    unsubscribed: "sunsubscribe",
    registry: |pubsub| &mut pubsub.shard_channels,
    names: |client| &mut client.subscriptions_mut().shard_channels,
    count: |client| client.subscriptions.as_ref().map_or(0, |subs| subs.shard_channels.len()),
};

fn subscribe(cx: &mut EngineCx<'_>) -> CmdResult {
    add(cx, &CHANNEL)
}

fn unsubscribe(cx: &mut EngineCx<'_>) -> CmdResult {
    remove(cx, &CHANNEL)
}

fn psubscribe(cx: &mut EngineCx<'_>) -> CmdResult {
    add(cx, &PATTERN)
}

fn punsubscribe(cx: &mut EngineCx<'_>) -> CmdResult {
    remove(cx, &PATTERN)
}

fn ssubscribe(cx: &mut EngineCx<'_>) -> CmdResult {
    add(cx, &SHARD)
}

fn sunsubscribe(cx: &mut EngineCx<'_>) -> CmdResult {
    remove(cx, &SHARD)
}

fn add(cx: &mut EngineCx<'_>, kind: &Kind) -> CmdResult {
    for name in cx.args.iter().skip(1) {
        let (index, engine) = (cx.client, &mut *cx.engine);
        let client = &mut *engine.clients[index];
        if (kind.names)(client).insert(name.into()) {
            (kind.registry)(&mut engine.pubsub).add(name, index as u32);
        }
        let count = (kind.count)(client);
        announce(client, kind.subscribed, Some(name), count);
    }
    Ok(Outcome::Done)
}

fn remove(cx: &mut EngineCx<'_>, kind: &Kind) -> CmdResult {
    let index = cx.client;
    let names: Vec<Box<[u8]>> = if cx.args.len() > 1 {
        cx.args.iter().skip(1).map(Into::into).collect()
    } else {
        (kind.names)(cx.client()).iter().cloned().collect()
    };
    let engine = &mut *cx.engine;
    for name in &names {
        let client = &mut *engine.clients[index];
        if (kind.names)(client).remove(name) {
            (kind.registry)(&mut engine.pubsub).remove(name, index as u32);
        }
        let count = (kind.count)(client);
        announce(client, kind.unsubscribed, Some(name), count);
    }
    let client = &mut *engine.clients[index];
    if names.is_empty() {
        let count = (kind.count)(client);
        announce(client, kind.unsubscribed, None, count);
    }
    if client.subscriptions.as_ref().is_some_and(|subs| subs.is_empty()) {
        client.subscriptions = None;
    }
    Ok(Outcome::Done)
}

fn announce(client: &mut Client, word: &str, name: Option<&[u8]>, count: usize) {
    let reply = &mut client.out;
    reply.push(3);
    reply.bulk(word.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.integer(count as i64);
}

fn publish(cx: &mut EngineCx<'_>) -> CmdResult {
    let (channel, message) = (cx.args.at(1), cx.args.at(2));
    let receivers = cx.engine.publish(channel, message);
    cx.repeat_on_replicas();
    cx.reply().integer(receivers as i64);
    Ok(Outcome::Done)
}

fn spublish(cx: &mut EngineCx<'_>) -> CmdResult {
    let (channel, message) = (cx.args.at(1), cx.args.at(2));
    let listeners = cx.engine.pubsub.shard_channels.listeners(channel).to_vec();
    for &listener in &listeners {
        cx.engine.deliver(listener as ClientIndex, &[b"smessage", channel, message]);
    }
    cx.repeat_on_replicas();
    cx.reply().integer(listeners.len() as i64);
    Ok(Outcome::Done)
}

fn channels(cx: &mut EngineCx<'_>) -> CmdResult {
    list_names(cx, |pubsub| &pubsub.channels)
}

fn shard_channels(cx: &mut EngineCx<'_>) -> CmdResult {
    list_names(cx, |pubsub| &pubsub.shard_channels)
}

fn list_names(cx: &mut EngineCx<'_>, registry: fn(&PubSub) -> &Registry) -> CmdResult {
    if cx.args.len() > 3 {
        return Err(syntax_of_subcommand(cx));
    }
    let pattern = cx.args.get(2);
    let matches = |name: &&[u8]| pattern.is_none_or(|pattern| glob_match(pattern, name, false));
    let names: Vec<Vec<u8>> = registry(&cx.engine.pubsub).names().filter(matches).map(<[u8]>::to_vec).collect();
    let reply = cx.reply();
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(Outcome::Done)
}

fn syntax_of_subcommand(cx: &EngineCx<'_>) -> CommandError {
    CommandError::new(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try PUBSUB HELP.",
        String::from_utf8_lossy(cx.args.at(1))
    ))
}

fn numsub(cx: &mut EngineCx<'_>) -> CmdResult {
    count_listeners(cx, |pubsub| &pubsub.channels)
}

fn shard_numsub(cx: &mut EngineCx<'_>) -> CmdResult {
    count_listeners(cx, |pubsub| &pubsub.shard_channels)
}

fn count_listeners(cx: &mut EngineCx<'_>, registry: fn(&PubSub) -> &Registry) -> CmdResult {
    let args = cx.args;
    let counts: Vec<usize> =
        args.iter().skip(2).map(|name| registry(&cx.engine.pubsub).listeners(name).len()).collect();
    let reply = cx.reply();
    reply.array(counts.len() * 2);
    for (name, count) in args.iter().skip(2).zip(counts) {
        reply.bulk(name);
        reply.integer(count as i64);
    }
    Ok(Outcome::Done)
}

fn numpat(cx: &mut EngineCx<'_>) -> CmdResult {
    let patterns = cx.engine.pubsub.patterns.len() as i64;
    cx.reply().integer(patterns);
    Ok(Outcome::Done)
}

fn help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
    ]);
    Ok(Outcome::Done)
}

impl Engine {
    /// Sends a message to a channel's listeners and to those of matching patterns; returns how many got it.
    pub(crate) fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let mut receivers = 0;
        if !self.pubsub.channels.is_empty() {
            let listeners = self.pubsub.channels.listeners(channel).to_vec();
            receivers += listeners.len();
            for listener in listeners {
                self.deliver(listener as ClientIndex, &[b"message", channel, message]);
            }
        }
        if !self.pubsub.patterns.is_empty() {
            let matching: Vec<(Vec<u8>, Vec<u32>)> = self
                .pubsub
                .matching(channel)
                .map(|(pattern, listeners)| (pattern.to_vec(), listeners.to_vec()))
                .collect();
            for (pattern, listeners) in matching {
                receivers += listeners.len();
                for listener in listeners {
                    self.deliver(listener as ClientIndex, &[b"pmessage", &pattern, channel, message]);
                }
            }
        }
        receivers
    }

    /// Writes one message to a listener. The client whose command is running gets its own after its reply.
    fn deliver(&mut self, listener: ClientIndex, parts: &[&[u8]]) {
        if self.running == Some(listener) {
            self.own_messages.push(parts.iter().map(|part| part.to_vec()).collect());
            return;
        }
        self.lend_buffer(listener);
        let reply = &mut self.clients[listener].out;
        reply.push(parts.len());
        parts.iter().for_each(|part| reply.bulk(part));
        self.mark_dirty(listener);
        self.check_output_limit(listener);
    }

    /// Writes the messages that a client's own command sent to itself.
    pub(crate) fn deliver_own_messages(&mut self, index: ClientIndex) {
        for parts in std::mem::take(&mut self.own_messages) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            self.deliver(index, &parts);
        }
    }

    /// A client listens to nothing any more.
    pub(crate) fn forget_subscriptions(&mut self, index: ClientIndex) {
        let Some(subscriptions) = self.clients[index].subscriptions.take() else { return };
        let listener = index as u32;
        subscriptions.channels.iter().for_each(|name| self.pubsub.channels.remove(name, listener));
        subscriptions.patterns.iter().for_each(|name| self.pubsub.patterns.remove(name, listener));
        subscriptions.shard_channels.iter().for_each(|name| self.pubsub.shard_channels.remove(name, listener));
    }
}
