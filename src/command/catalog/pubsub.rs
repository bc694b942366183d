//! The pubsub group: channels, patterns and shard channels.

use super::terms::{NOT_KEY_FROM_1, block, pattern, string};
use crate::command::meta::{Category, Flag, Group, KeyFlag, KeySpec, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("psubscribe", -2, Group::PubSub, "2.0.0")
        .summary("Listen for messages published to channels matching the given patterns")
        .complexity("O(N) where N is the number of patterns the client is already subscribed to.")
        .flags(&[Flag::Pubsub, Flag::Noscript, Flag::Loading, Flag::Stale])
        .acl(&[Category::PubSub, Category::Slow])
        .params(&[block("pattern", &[pattern("pattern")]).multiple()]),
    Meta::new("publish", 3, Group::PubSub, "2.0.0")
        .summary("Post a message to a channel")
        .complexity(
            "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of \
             subscribed patterns (by any client).",
        )
        .flags(&[Flag::Pubsub, Flag::Loading, Flag::Stale, Flag::Fast, Flag::MayReplicate])
        .acl(&[Category::PubSub, Category::Fast])
        .params(&[string("channel"), string("message")]),
    Meta::new("pubsub", -2, Group::PubSub, "2.8.0")
        .summary("A container for Pub/Sub commands")
        .complexity("Depends on subcommand.")
        .acl(&[Category::Slow])
        .subcommands(&[
            Meta::new("channels", -2, Group::PubSub, "2.8.0")
                .summary("List active channels")
                .complexity(
                    "O(N) where N is the number of active channels, and assuming constant time pattern matching \
                     (relatively short channels and patterns)",
                )
                .flags(&[Flag::Pubsub, Flag::Loading, Flag::Stale])
                .acl(&[Category::PubSub, Category::Slow])
                .params(&[pattern("pattern").optional()]),
            Meta::new("help", 2, Group::PubSub, "6.2.0")
                .summary("Show helpful text about the different subcommands")
                .complexity("O(1)")
                .flags(&[Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow]),
            Meta::new("numpat", 2, Group::PubSub, "2.8.0")
                .summary("Get the count of unique patterns pattern subscriptions")
                .complexity("O(1)")
                .flags(&[Flag::Pubsub, Flag::Loading, Flag::Stale])
                .acl(&[Category::PubSub, Category::Slow]),
            Meta::new("numsub", -2, Group::PubSub, "2.8.0")
                .summary("Get the count of subscribers for channels")
                .complexity("O(N) for the NUMSUB subcommand, where N is the number of requested channels")
                .flags(&[Flag::Pubsub, Flag::Loading, Flag::Stale])
                .acl(&[Category::PubSub, Category::Slow])
                .params(&[string("channel").optional().multiple()]),
            Meta::new("shardchannels", -2, Group::PubSub, "7.0.0")
                .summary("List active shard channels")
                .complexity(
                    "O(N) where N is the number of active shard channels, and assuming constant time pattern matching \
                     (relatively short shard channels).",
                )
                .flags(&[Flag::Pubsub, Flag::Loading, Flag::Stale])
                .acl(&[Category::PubSub, Category::Slow])
                .params(&[pattern("pattern").optional()]),
            Meta::new("shardnumsub", -2, Group::PubSub, "7.0.0")
                .summary("Get the count of subscribers for shard channels")
                .complexity("O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels")
                .flags(&[Flag::Pubsub, Flag::Loading, Flag::Stale])
                .acl(&[Category::PubSub, Category::Slow])
                .params(&[string("shardchannel").optional().multiple()]),
        ]),
    Meta::new("punsubscribe", -1, Group::PubSub, "2.0.0")
        .summary("Stop listening for messages posted to channels matching the given patterns")
        .complexity(
            "O(N+M) where N is the number of patterns the client is already subscribed and M is the number of total \
             patterns subscribed in the system (by any client).",
        )
        .flags(&[Flag::Pubsub, Flag::Noscript, Flag::Loading, Flag::Stale])
        .acl(&[Category::PubSub, Category::Slow])
        .params(&[pattern("pattern").optional().multiple()]),
    Meta::new("spublish", 3, Group::PubSub, "7.0.0")
        .summary("Post a message to a shard channel")
        .complexity("O(N) where N is the number of clients subscribed to the receiving shard channel.")
        .flags(&[Flag::Pubsub, Flag::Loading, Flag::Stale, Flag::Fast, Flag::MayReplicate])
        .acl(&[Category::PubSub, Category::Fast])
        .keys(&[KeySpec::range(&[KeyFlag::NotKey], 1, 0, 1)])
        .params(&[string("shardchannel"), string("message")]),
    Meta::new("ssubscribe", -2, Group::PubSub, "7.0.0")
        .summary("Listen for messages published to the given shard channels")
        .complexity("O(N) where N is the number of shard channels to subscribe to.")
        .flags(&[Flag::Pubsub, Flag::Noscript, Flag::Loading, Flag::Stale])
        .acl(&[Category::PubSub, Category::Slow])
        .keys(&[NOT_KEY_FROM_1])
        .params(&[string("shardchannel").multiple()]),
    Meta::new("subscribe", -2, Group::PubSub, "2.0.0")
        .summary("Listen for messages published to the given channels")
        .complexity("O(N) where N is the number of channels to subscribe to.")
        .flags(&[Flag::Pubsub, Flag::Noscript, Flag::Loading, Flag::Stale])
        .acl(&[Category::PubSub, Category::Slow])
        .params(&[string("channel").multiple()]),
    Meta::new("sunsubscribe", -1, Group::PubSub, "7.0.0")
        .summary("Stop listening for messages posted to the given shard channels")
        .complexity("O(N) where N is the number of clients already subscribed to a shard channel.")
        .flags(&[Flag::Pubsub, Flag::Noscript, Flag::Loading, Flag::Stale])
        .acl(&[Category::PubSub, Category::Slow])
        .keys(&[NOT_KEY_FROM_1])
        .params(&[string("shardchannel").optional().multiple()]),
    Meta::new("unsubscribe", -1, Group::PubSub, "2.0.0")
        .summary("Stop listening for messages posted to the given channels")
        .complexity("O(N) where N is the number of clients already subscribed to a channel.")
        .flags(&[Flag::Pubsub, Flag::Noscript, Flag::Loading, Flag::Stale])
        .acl(&[Category::PubSub, Category::Slow])
        .params(&[string("channel").optional().multiple()]),
];
