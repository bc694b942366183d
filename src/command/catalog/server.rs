//! The server group: users, configuration, introspection, saving, and the commands of replication.

use super::terms::{OW_UPDATE_AT_1, RO_AT_2, block, integer, key, oneof, pattern, string, word};
use crate::command::meta::{Category, Flag, Group, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] =
    &[
        Meta::new("acl", -2, Group::Server, "6.0.0")
            .summary("A container for Access List Control commands ")
            .complexity("Depends on subcommand.")
            .acl(&[Category::Slow])
            .subcommands(&[
                Meta::new("cat", -2, Group::Server, "6.0.0")
                    .summary("List the ACL categories or the commands inside a category")
                    .complexity("O(1) since the categories and commands are a fixed set.")
                    .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow])
                    .params(&[string("categoryname").optional()]),
                Meta::new("deluser", -3, Group::Server, "6.0.0")
                    .summary("Remove the specified ACL users and the associated rules")
                    .complexity("O(1) amortized time considering the typical user.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .params(&[string("username").multiple()]),
                Meta::new("dryrun", -4, Group::Server, "7.0.0")
                    .summary("Returns whether the user can execute the given command without executing the command.")
                    .complexity("O(1).")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .params(&[string("username"), string("command"), string("arg").optional().multiple()]),
                Meta::new("genpass", -2, Group::Server, "6.0.0")
                    .summary("Generate a pseudorandom secure password to use for ACL users")
                    .complexity("O(1)")
                    .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow])
                    .params(&[integer("bits").optional()]),
                Meta::new("getuser", 3, Group::Server, "6.0.0")
                    .summary("Get the rules for a specific ACL user")
                    .complexity("O(N). Where N is the number of password, command and pattern rules that the user has.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .history(&[
                        ("6.2.0", "Added Pub/Sub channel patterns."),
                        (
                            "7.0.0",
                            "Added selectors and changed the format of key and channel patterns from a list to their \
                             rule representation.",
                        ),
                    ])
                    .params(&[string("username")]),
                Meta::new("help", 2, Group::Server, "6.0.0")
                    .summary("Show helpful text about the different subcommands")
                    .complexity("O(1)")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow]),
                Meta::new("list", 2, Group::Server, "6.0.0")
                    .summary("List the current ACL rules in ACL config file format")
                    .complexity("O(N). Where N is the number of configured users.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
                Meta::new("load", 2, Group::Server, "6.0.0")
                    .summary("Reload the ACLs from the configured ACL file")
                    .complexity("O(N). Where N is the number of configured users.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
                Meta::new("log", -2, Group::Server, "6.0.0")
                    .summary("List latest events denied because of ACLs in place")
                    .complexity("O(N) with N being the number of entries shown.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .params(&[oneof("operation", &[integer("count"), word("reset", "RESET")]).optional()]),
                Meta::new("save", 2, Group::Server, "6.0.0")
                    .summary("Save the current ACL rules in the configured ACL file")
                    .complexity("O(N). Where N is the number of configured users.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
                Meta::new("setuser", -3, Group::Server, "6.0.0")
                    .summary("Modify or create the rules for a specific ACL user")
                    .complexity("O(N). Where N is the number of rules provided.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .history(&[
                        ("6.2.0", "Added Pub/Sub channel patterns."),
                        ("7.0.0", "Added selectors and key based permissions."),
                    ])
                    .params(&[string("username"), string("rule").optional().multiple()]),
                Meta::new("users", 2, Group::Server, "6.0.0")
                    .summary("List the username of all the configured ACL rules")
                    .complexity("O(N). Where N is the number of configured users.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
                Meta::new("whoami", 2, Group::Server, "6.0.0")
                    .summary("Return the name of the user associated to the current connection")
                    .complexity("O(1)")
                    .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow]),
            ]),
        Meta::new("bgrewriteaof", 1, Group::Server, "1.0.0")
            .summary("Asynchronously rewrite the append-only file")
            .complexity("O(1)")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::NoAsyncLoading])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
        Meta::new("bgsave", -1, Group::Server, "1.0.0")
            .summary("Asynchronously save the dataset to disk")
            .complexity("O(1)")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::NoAsyncLoading])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
            .history(&[("3.2.2", "Added the `SCHEDULE` option.")])
            .params(&[word("schedule", "SCHEDULE").since("3.2.2").optional()]),
        Meta::new("command", -1, Group::Server, "2.8.13")
            .summary("Get array of Redis command details")
            .complexity("O(N) where N is the total number of Redis commands")
            .flags(&[Flag::Loading, Flag::Stale])
            .acl(&[Category::Slow, Category::Connection])
            .tips(&["nondeterministic_output_order"])
            .subcommands(&[
                Meta::new("count", 2, Group::Server, "2.8.13")
                    .summary("Get total number of Redis commands")
                    .complexity("O(1)")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow, Category::Connection]),
                Meta::new("docs", -2, Group::Server, "7.0.0")
                    .summary("Get array of specific Redis command documentation")
                    .complexity("O(N) where N is the number of commands to look up")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow, Category::Connection])
                    .tips(&["nondeterministic_output_order"])
                    .params(&[string("command-name").optional().multiple()]),
                Meta::new("getkeys", -4, Group::Server, "2.8.13")
                    .summary("Extract keys given a full Redis command")
                    .complexity("O(N) where N is the number of arguments to the command")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow, Category::Connection]),
                Meta::new("getkeysandflags", -4, Group::Server, "7.0.0")
                    .summary("Extract keys and access flags given a full Redis command")
                    .complexity("O(N) where N is the number of arguments to the command")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow, Category::Connection]),
                Meta::new("help", 2, Group::Server, "5.0.0")
                    .summary("Show helpful text about the different subcommands")
                    .complexity("O(1)")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow, Category::Connection]),
                Meta::new("info", -2, Group::Server, "2.8.13")
                    .summary("Get array of specific Redis command details, or all when no argument is given.")
                    .complexity("O(N) where N is the number of commands to look up")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow, Category::Connection])
                    .tips(&["nondeterministic_output_order"])
                    .history(&[("7.0.0", "Allowed to be called with no argument to get info on all commands.")])
                    .params(&[string("command-name").optional().multiple()]),
                Meta::new("list", -2, Group::Server, "7.0.0")
                    .summary("Get an array of Redis command names")
                    .complexity("O(N) where N is the total number of Redis commands")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow, Category::Connection])
                    .tips(&["nondeterministic_output_order"])
                    .params(&[oneof(
                        "filterby",
                        &[
                            string("module-name").token("MODULE"),
                            string("category").token("ACLCAT"),
                            pattern("pattern").token("PATTERN"),
                        ],
                    )
                    .token("FILTERBY")
                    .optional()]),
            ]),
        Meta::new("config", -2, Group::Server, "2.0.0")
            .summary("A container for server configuration commands")
            .complexity("Depends on subcommand.")
            .acl(&[Category::Slow])
            .subcommands(&[
                Meta::new("get", -3, Group::Server, "2.0.0")
                    .summary("Get the values of configuration parameters")
                    .complexity("O(N) when N is the number of configuration parameters provided")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .history(&[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")])
                    .params(&[block("parameter", &[string("parameter")]).multiple()]),
                Meta::new("help", 2, Group::Server, "5.0.0")
                    .summary("Show helpful text about the different subcommands")
                    .complexity("O(1)")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow]),
                Meta::new("resetstat", 2, Group::Server, "2.0.0")
                    .summary("Reset the stats returned by INFO")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
                Meta::new("rewrite", 2, Group::Server, "2.8.0")
                    .summary("Rewrite the configuration file with the in memory configuration")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
                Meta::new("set", -4, Group::Server, "2.0.0")
                    .summary("Set configuration parameters to the given values")
                    .complexity("O(N) when N is the number of configuration parameters provided")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
                    .history(&[("7.0.0", "Added the ability to set multiple parameters in one call.")])
                    .params(&[block("parameter_value", &[string("parameter"), string("value")]).multiple()]),
            ]),
        Meta::new("dbsize", 1, Group::Server, "1.0.0")
            .summary("Return the number of keys in the selected database")
            .complexity("O(1)")
            .flags(&[Flag::Readonly, Flag::Fast])
            .acl(&[Category::Keyspace, Category::Read, Category::Fast])
            .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
        Meta::new("debug", -2, Group::Server, "1.0.0")
            .summary("A container for debugging commands")
            .complexity("Depends on subcommand.")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Protected])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
            .doc_flags(&["syscmd"]),
        Meta::new("failover", -1, Group::Server, "6.2.0")
            .summary("Start a coordinated failover between this server and one of its replicas.")
            .complexity("O(1)")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::Stale])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
            .params(&[
                block("target", &[string("host"), integer("port"), word("force", "FORCE").optional()])
                    .token("TO")
                    .optional(),
                word("abort", "ABORT").optional(),
                integer("milliseconds").token("TIMEOUT").optional(),
            ]),
        Meta::new("flushall", -1, Group::Server, "1.0.0")
            .summary("Remove all keys from all databases")
            .complexity("O(N) where N is the total number of keys in all databases")
            .flags(&[Flag::Write])
            .acl(&[Category::Keyspace, Category::Write, Category::Slow, Category::Dangerous])
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .history(&[
                ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
                ("6.2.0", "Added the `SYNC` flushing mode modifier."),
            ])
            .params(&[oneof("async", &[word("async", "ASYNC").since("4.0.0"), word("sync", "SYNC").since("6.2.0")])
                .optional()]),
        Meta::new("flushdb", -1, Group::Server, "1.0.0")
            .summary("Remove all keys from the current database")
            .complexity("O(N) where N is the number of keys in the selected database")
            .flags(&[Flag::Write])
            .acl(&[Category::Keyspace, Category::Write, Category::Slow, Category::Dangerous])
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .history(&[
                ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
                ("6.2.0", "Added the `SYNC` flushing mode modifier."),
            ])
            .params(&[oneof("async", &[word("async", "ASYNC").since("4.0.0"), word("sync", "SYNC").since("6.2.0")])
                .optional()]),
        Meta::new("info", -1, Group::Server, "1.0.0")
            .summary("Get information and statistics about the server")
            .complexity("O(1)")
            .flags(&[Flag::Loading, Flag::Stale])
            .acl(&[Category::Slow, Category::Dangerous])
            .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
            .history(&[("7.0.0", "Added support for taking multiple section arguments.")])
            .params(&[string("section").optional().multiple()]),
        Meta::new("lastsave", 1, Group::Server, "1.0.0")
            .summary("Get the UNIX time stamp of the last successful save to disk")
            .complexity("O(1)")
            .flags(&[Flag::Loading, Flag::Stale, Flag::Fast])
            .acl(&[Category::Admin, Category::Fast, Category::Dangerous])
            .tips(&["nondeterministic_output"]),
        Meta::new("latency", -2, Group::Server, "2.8.13")
            .summary("A container for latency diagnostics commands")
            .complexity("Depends on subcommand.")
            .acl(&[Category::Slow])
            .subcommands(&[
                Meta::new("doctor", 2, Group::Server, "2.8.13")
                    .summary("Return a human readable latency analysis report.")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]),
                Meta::new("graph", 3, Group::Server, "2.8.13")
                    .summary("Return a latency graph for the event.")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
                    .params(&[string("event")]),
                Meta::new("help", 2, Group::Server, "2.8.13")
                    .summary("Show helpful text about the different subcommands.")
                    .complexity("O(1)")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow]),
                Meta::new("histogram", -2, Group::Server, "7.0.0")
                    .summary("Return the cumulative distribution of latencies of a subset of commands or all.")
                    .complexity("O(N) where N is the number of commands with latency information being retrieved.")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
                    .params(&[string("command").optional().multiple()]),
                Meta::new("history", 3, Group::Server, "2.8.13")
                    .summary("Return timestamp-latency samples for the event.")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
                    .params(&[string("event")]),
                Meta::new("latest", 2, Group::Server, "2.8.13")
                    .summary("Return the latest latency samples for all events.")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]),
                Meta::new("reset", -2, Group::Server, "2.8.13")
                    .summary("Reset latency data for one or more events.")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
                    .params(&[string("event").optional().multiple()]),
            ]),
        Meta::new("lolwut", -1, Group::Server, "5.0.0")
            .summary("Display some computer art and the Redis version")
            .flags(&[Flag::Readonly, Flag::Fast])
            .acl(&[Category::Read, Category::Fast])
            .params(&[integer("version").token("VERSION").optional()]),
        Meta::new("memory", -2, Group::Server, "4.0.0")
            .summary("A container for memory diagnostics commands")
            .complexity("Depends on subcommand.")
            .acl(&[Category::Slow])
            .subcommands(&[
                Meta::new("doctor", 2, Group::Server, "4.0.0")
                    .summary("Outputs memory problems report")
                    .complexity("O(1)")
                    .acl(&[Category::Slow])
                    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
                Meta::new("help", 2, Group::Server, "4.0.0")
                    .summary("Show helpful text about the different subcommands")
                    .complexity("O(1)")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow]),
                Meta::new("malloc-stats", 2, Group::Server, "4.0.0")
                    .summary("Show allocator internal stats")
                    .complexity("Depends on how much memory is allocated, could be slow")
                    .acl(&[Category::Slow])
                    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
                Meta::new("purge", 2, Group::Server, "4.0.0")
                    .summary("Ask the allocator to release memory")
                    .complexity("Depends on how much memory is allocated, could be slow")
                    .acl(&[Category::Slow])
                    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
                Meta::new("stats", 2, Group::Server, "4.0.0")
                    .summary("Show memory usage details")
                    .complexity("O(1)")
                    .acl(&[Category::Slow])
                    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
                Meta::new("usage", -3, Group::Server, "4.0.0")
                    .summary("Estimate the memory usage of a key")
                    .complexity("O(N) where N is the number of samples.")
                    .flags(&[Flag::Readonly])
                    .acl(&[Category::Read, Category::Slow])
                    .keys(&[RO_AT_2])
                    .params(&[key("key", 0), integer("count").token("SAMPLES").optional()]),
            ]),
        Meta::new("module", -2, Group::Server, "4.0.0")
            .summary("A container for module commands")
            .complexity("Depends on subcommand.")
            .acl(&[Category::Slow])
            .subcommands(&[
                Meta::new("help", 2, Group::Server, "5.0.0")
                    .summary("Show helpful text about the different subcommands")
                    .complexity("O(1)")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow]),
                Meta::new("list", 2, Group::Server, "4.0.0")
                    .summary("List all modules loaded by the server")
                    .complexity("O(N) where N is the number of loaded modules.")
                    .flags(&[Flag::Admin, Flag::Noscript])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["nondeterministic_output_order"]),
                Meta::new("load", -3, Group::Server, "4.0.0")
                    .summary("Load a module")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::NoAsyncLoading, Flag::Protected])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .params(&[string("path"), string("arg").optional().multiple()]),
                Meta::new("loadex", -3, Group::Server, "7.0.0")
                    .summary("Load a module with extended parameters")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::NoAsyncLoading, Flag::Protected])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .params(&[
                        string("path"),
                        block("configs", &[string("name"), string("value")])
                            .token("CONFIG")
                            .optional()
                            .multiple()
                            .multiple_token(),
                        block("args", &[string("arg")]).token("ARGS").optional().multiple(),
                    ]),
                Meta::new("unload", 3, Group::Server, "4.0.0")
                    .summary("Unload a module")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Noscript, Flag::NoAsyncLoading, Flag::Protected])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .params(&[string("name")]),
            ]),
        Meta::new("monitor", 1, Group::Server, "1.0.0")
            .summary("Listen for all requests received by the server in real time")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
        Meta::new("psync", -3, Group::Server, "2.8.0")
            .summary("Internal command used for replication")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::NoAsyncLoading, Flag::NoMulti])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
            .params(&[string("replicationid"), integer("offset")]),
        Meta::new("replconf", -1, Group::Server, "3.0.0")
            .summary("An internal command for configuring the replication stream")
            .complexity("O(1)")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale, Flag::AllowBusy])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
            .doc_flags(&["syscmd"]),
        Meta::new("replicaof", 3, Group::Server, "5.0.0")
            .summary("Make the server a replica of another instance, or promote it as master.")
            .complexity("O(1)")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::Stale, Flag::NoAsyncLoading])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
            .params(&[oneof(
                "args",
                &[
                    block("host-port", &[string("host"), integer("port")]),
                    block("no-one", &[word("no", "NO"), word("one", "ONE")]),
                ],
            )]),
        Meta::new("restore-asking", -4, Group::Server, "3.0.0")
            .summary("An internal command for migrating keys in a cluster")
            .complexity(
                "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the \
                 number of Redis objects composing the value and M their average size. For small string values the \
                 time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values \
                 the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
            )
            .flags(&[Flag::Write, Flag::Denyoom, Flag::Asking])
            .acl(&[Category::Keyspace, Category::Write, Category::Slow, Category::Dangerous])
            .keys(&[OW_UPDATE_AT_1])
            .history(&[
                ("3.0.0", "Added the `REPLACE` modifier."),
                ("5.0.0", "Added the `ABSTTL` modifier."),
                ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
            ])
            .doc_flags(&["syscmd"])
            .params(&[
                key("key", 0),
                integer("ttl"),
                string("serialized-value"),
                word("replace", "REPLACE").since("3.0.0").optional(),
                word("absttl", "ABSTTL").since("5.0.0").optional(),
                integer("seconds").token("IDLETIME").since("5.0.0").optional(),
                integer("frequency").token("FREQ").since("5.0.0").optional(),
            ]),
        Meta::new("role", 1, Group::Server, "2.8.12")
            .summary("Return the role of the instance in the context of replication")
            .complexity("O(1)")
            .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast])
            .acl(&[Category::Admin, Category::Fast, Category::Dangerous]),
        Meta::new("save", 1, Group::Server, "1.0.0")
            .summary("Synchronously save the dataset to disk")
            .complexity("O(N) where N is the total number of keys in all databases")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::NoAsyncLoading, Flag::NoMulti])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
        Meta::new("shutdown", -1, Group::Server, "1.0.0")
            .summary("Synchronously save the dataset to disk and then shut down the server")
            .complexity(
                "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise \
                 O(1)",
            )
            .flags(&[Flag::Admin, Flag::Noscript, Flag::Loading, Flag::Stale, Flag::NoMulti, Flag::AllowBusy])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
            .history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")])
            .params(&[
                oneof("nosave_save", &[word("nosave", "NOSAVE"), word("save", "SAVE")]).optional(),
                word("now", "NOW").since("7.0.0").optional(),
                word("force", "FORCE").since("7.0.0").optional(),
                word("abort", "ABORT").since("7.0.0").optional(),
            ]),
        Meta::new("slaveof", 3, Group::Server, "1.0.0")
            .summary("Make the server a replica of another instance, or promote it as master.")
            .complexity("O(1)")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::Stale, Flag::NoAsyncLoading])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
            .deprecated("5.0.0", "`REPLICAOF`")
            .params(&[oneof(
                "args",
                &[
                    block("host-port", &[string("host"), integer("port")]),
                    block("no-one", &[word("no", "NO"), word("one", "ONE")]),
                ],
            )]),
        Meta::new("slowlog", -2, Group::Server, "2.2.12")
            .summary("A container for slow log commands")
            .complexity("Depends on subcommand.")
            .acl(&[Category::Slow])
            .subcommands(&[
                Meta::new("get", -2, Group::Server, "2.2.12")
                    .summary("Get the slow log's entries")
                    .complexity("O(N) where N is the number of entries returned")
                    .flags(&[Flag::Admin, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["request_policy:all_nodes", "nondeterministic_output"])
                    .history(&[("4.0.0", "Added client IP address, port and name to the reply.")])
                    .params(&[integer("count").optional()]),
                Meta::new("help", 2, Group::Server, "6.2.0")
                    .summary("Show helpful text about the different subcommands")
                    .complexity("O(1)")
                    .flags(&[Flag::Loading, Flag::Stale])
                    .acl(&[Category::Slow]),
                Meta::new("len", 2, Group::Server, "2.2.12")
                    .summary("Get the slow log's length")
                    .complexity("O(1)")
                    .flags(&[Flag::Admin, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
                Meta::new("reset", 2, Group::Server, "2.2.12")
                    .summary("Clear all entries from the slow log")
                    .complexity("O(N) where N is the number of entries in the slowlog")
                    .flags(&[Flag::Admin, Flag::Loading, Flag::Stale])
                    .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
            ]),
        Meta::new("swapdb", 3, Group::Server, "4.0.0")
            .summary("Swaps two Redis databases")
            .complexity("O(N) where N is the count of clients watching or blocking on keys from both databases.")
            .flags(&[Flag::Write, Flag::Fast])
            .acl(&[Category::Keyspace, Category::Write, Category::Fast, Category::Dangerous])
            .params(&[integer("index1"), integer("index2")]),
        Meta::new("sync", 1, Group::Server, "1.0.0")
            .summary("Internal command used for replication")
            .flags(&[Flag::Admin, Flag::Noscript, Flag::NoAsyncLoading, Flag::NoMulti])
            .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
        Meta::new("time", 1, Group::Server, "2.6.0")
            .summary("Return the current server time")
            .complexity("O(1)")
            .flags(&[Flag::Loading, Flag::Stale, Flag::Fast])
            .acl(&[Category::Fast])
            .tips(&["nondeterministic_output"]),
    ];
