//! The connection group: greeting, authentication, and what a client asks about itself and others.
//!
//! Beyond 7.0: `CLIENT NO-TOUCH` and `CLIENT SETINFO`.

use super::terms::{block, integer, oneof, string, word};
use crate::command::meta::{Category, Flag, Group, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("auth", -2, Group::Connection, "1.0.0")
        .summary("Authenticate to the server")
        .complexity("O(N) where N is the number of passwords defined for the user")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::NoAuth, Flag::AllowBusy])
        .acl(&[Category::Fast, Category::Connection])
        .history(&[("6.0.0", "Added ACL style (username and password).")])
        .params(&[string("username").since("6.0.0").optional(), string("password")]),
    Meta::new("client", -2, Group::Connection, "2.4.0")
        .summary("A container for client connection commands")
        .complexity("Depends on subcommand.")
        .acl(&[Category::Slow])
        .subcommands(&[
            Meta::new("caching", 3, Group::Connection, "6.0.0")
                .summary("Instruct the server about tracking or not keys in the next request")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection])
                .params(&[oneof("mode", &[word("yes", "YES"), word("no", "NO")])]),
            Meta::new("getname", 2, Group::Connection, "2.6.9")
                .summary("Get the current connection name")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection]),
            Meta::new("getredir", 2, Group::Connection, "6.0.0")
                .summary("Get tracking notifications redirection client ID if any")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection]),
            Meta::new("help", 2, Group::Connection, "5.0.0")
                .summary("Show helpful text about the different subcommands")
                .complexity("O(1)")
                .flags(&[Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection]),
            Meta::new("id", 2, Group::Connection, "5.0.0")
                .summary("Returns the client ID for the current connection")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection]),
            Meta::new("info", 2, Group::Connection, "6.2.0")
                .summary("Returns information about the current client connection.")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection])
                .tips(&["nondeterministic_output"]),
            Meta::new("kill", -3, Group::Connection, "2.4.0")
                .summary("Kill the connection of a client")
                .complexity("O(N) where N is the number of client connections")
                .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection])
                .history(&[
                    ("2.8.12", "Added new filter format."),
                    ("2.8.12", "`ID` option."),
                    ("3.2.0", "Added `master` type in for `TYPE` option."),
                    (
                        "5.0.0",
                        "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.",
                    ),
                    ("6.2.0", "`LADDR` option."),
                ])
                .params(&[oneof(
                    "filter",
                    &[
                        string("ip:port").deprecated("2.8.12"),
                        oneof(
                            "new-format",
                            &[
                                integer("client-id").token("ID").since("2.8.12").optional(),
                                oneof(
                                    "normal_master_slave_pubsub",
                                    &[
                                        word("normal", "NORMAL"),
                                        word("master", "MASTER").since("3.2.0"),
                                        word("slave", "SLAVE"),
                                        word("replica", "REPLICA").since("5.0.0"),
                                        word("pubsub", "PUBSUB"),
                                    ],
                                )
                                .token("TYPE")
                                .since("2.8.12")
                                .optional(),
                                string("username").token("USER").optional(),
                                string("ip:port").token("ADDR").optional(),
                                string("ip:port").token("LADDR").since("6.2.0").optional(),
                                string("yes/no").token("SKIPME").optional(),
                            ],
                        )
                        .multiple(),
                    ],
                )]),
            Meta::new("list", -2, Group::Connection, "2.4.0")
                .summary("Get the list of client connections")
                .complexity("O(N) where N is the number of client connections")
                .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection])
                .tips(&["nondeterministic_output"])
                .history(&[
                    ("2.8.12", "Added unique client `id` field."),
                    ("5.0.0", "Added optional `TYPE` filter."),
                    ("6.0.0", "Added `user` field."),
                    ("6.2.0", "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."),
                    ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
                    ("7.0.3", "Added `ssub` field."),
                ])
                .params(&[
                    oneof(
                        "normal_master_replica_pubsub",
                        &[
                            word("normal", "NORMAL"),
                            word("master", "MASTER"),
                            word("replica", "REPLICA"),
                            word("pubsub", "PUBSUB"),
                        ],
                    )
                    .token("TYPE")
                    .since("5.0.0")
                    .optional(),
                    block("id", &[integer("client-id").multiple()]).token("ID").since("6.2.0").optional(),
                ]),
            Meta::new("no-evict", 3, Group::Connection, "7.0.0")
                .summary("Set client eviction mode for the current connection")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection])
                .params(&[oneof("enabled", &[word("on", "ON"), word("off", "OFF")])]),
            Meta::new("no-touch", 3, Group::Connection, "7.2.0")
                .summary("Set whether the commands of the connection count as uses of their keys for eviction")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection])
                .params(&[oneof("enabled", &[word("on", "ON"), word("off", "OFF")])]),
            Meta::new("pause", -3, Group::Connection, "2.9.50")
                .summary("Stop processing commands from clients for some time")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection])
                .history(&[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")])
                .params(&[
                    integer("timeout"),
                    oneof("mode", &[word("write", "WRITE"), word("all", "ALL")]).since("6.2.0").optional(),
                ]),
            Meta::new("reply", 3, Group::Connection, "3.2.0")
                .summary("Instruct the server whether to reply to commands")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection])
                .params(&[oneof("on_off_skip", &[word("on", "ON"), word("off", "OFF"), word("skip", "SKIP")])]),
            Meta::new("setinfo", 4, Group::Connection, "7.2.0")
                .summary("Tell the server the name or version of the client library")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection])
                .params(&[oneof("attr", &[string("libname").token("lib-name"), string("libver").token("lib-ver")])]),
            Meta::new("setname", 3, Group::Connection, "2.6.9")
                .summary("Set the current connection name")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection])
                .params(&[string("connection-name")]),
            Meta::new("tracking", -3, Group::Connection, "6.0.0")
                .summary("Enable or disable server assisted client side caching support")
                .complexity("O(1). Some options may introduce additional complexity.")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection])
                .params(&[
                    oneof("status", &[word("on", "ON"), word("off", "OFF")]),
                    integer("client-id").token("REDIRECT").optional(),
                    string("prefix").token("PREFIX").optional().multiple().multiple_token(),
                    word("bcast", "BCAST").optional(),
                    word("optin", "OPTIN").optional(),
                    word("optout", "OPTOUT").optional(),
                    word("noloop", "NOLOOP").optional(),
                ]),
            Meta::new("trackinginfo", 2, Group::Connection, "6.2.0")
                .summary("Return information about server assisted client side caching for the current connection")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Connection]),
            Meta::new("unblock", -3, Group::Connection, "5.0.0")
                .summary("Unblock a client blocked in a blocking command from a different connection")
                .complexity("O(log N) where N is the number of client connections")
                .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection])
                .params(&[
                    integer("client-id"),
                    oneof("timeout_error", &[word("timeout", "TIMEOUT"), word("error", "ERROR")]).optional(),
                ]),
            Meta::new("unpause", 2, Group::Connection, "6.2.0")
                .summary("Resume processing of clients that were paused")
                .complexity("O(N) Where N is the number of paused clients")
                .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection]),
        ]),
    Meta::new("echo", 2, Group::Connection, "1.0.0")
        .summary("Echo the given string")
        .complexity("O(1)")
        .flags(&[Flag::Loading, Flag::Stale, Flag::Fast])
        .acl(&[Category::Fast, Category::Connection])
        .params(&[string("message")]),
    Meta::new("hello", -1, Group::Connection, "6.0.0")
        .summary("Handshake with Redis")
        .complexity("O(1)")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::NoAuth, Flag::AllowBusy])
        .acl(&[Category::Fast, Category::Connection])
        .history(&[(
            "6.2.0",
            "`protover` made optional; when called without arguments the command reports the current connection's \
             context.",
        )])
        .params(&[block(
            "arguments",
            &[
                integer("protover"),
                block("username_password", &[string("username"), string("password")]).token("AUTH").optional(),
                string("clientname").token("SETNAME").optional(),
            ],
        )
        .optional()]),
    Meta::new("ping", -1, Group::Connection, "1.0.0")
        .summary("Ping the server")
        .complexity("O(1)")
        .flags(&[Flag::Fast])
        .acl(&[Category::Fast, Category::Connection])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .params(&[string("message").optional()]),
    Meta::new("quit", -1, Group::Connection, "1.0.0")
        .summary("Close the connection")
        .complexity("O(1)")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::NoAuth, Flag::AllowBusy])
        .acl(&[Category::Fast, Category::Connection]),
    Meta::new("reset", 1, Group::Connection, "6.2.0")
        .summary("Reset the connection")
        .complexity("O(1)")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::NoAuth, Flag::AllowBusy])
        .acl(&[Category::Fast, Category::Connection]),
    Meta::new("select", 2, Group::Connection, "1.0.0")
        .summary("Change the selected database for the current connection")
        .complexity("O(1)")
        .flags(&[Flag::Loading, Flag::Stale, Flag::Fast])
        .acl(&[Category::Fast, Category::Connection])
        .params(&[integer("index")]),
];
