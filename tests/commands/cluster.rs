//! What a server without a cluster mode says to clients that look for one: redis-server's texts with
//! `cluster-enabled no`.

use crate::support::{Conn, Server};

const DISABLED: &str = "-ERR This instance has cluster support disabled";

/// A request with a fitting number of arguments for every one of these commands.
const FITTING: [&str; 32] = [
    "ASKING",
    "READONLY",
    "readwrite",
    "CLUSTER ADDSLOTS 1 2",
    "CLUSTER ADDSLOTSRANGE 1 2",
    "CLUSTER BUMPEPOCH",
    "CLUSTER COUNT-FAILURE-REPORTS x",
    "CLUSTER COUNTKEYSINSLOT 1",
    "CLUSTER DELSLOTS 1",
    "CLUSTER DELSLOTSRANGE 1 2",
    "CLUSTER FAILOVER",
    "CLUSTER FAILOVER no such thing",
    "CLUSTER FLUSHSLOTS",
    "CLUSTER FORGET x",
    "CLUSTER GETKEYSINSLOT x y",
    "CLUSTER HELP",
    "cluster info",
    "CLUSTER KEYSLOT k",
    "CLUSTER LINKS",
    "CLUSTER MEET 127.0.0.1 1",
    "CLUSTER MYID",
    "CLUSTER NODES",
    "CLUSTER REPLICAS x",
    "CLUSTER REPLICATE x",
    "CLUSTER RESET",
    "CLUSTER RESET HARD SOFT x",
    "CLUSTER SAVECONFIG",
    "CLUSTER SET-CONFIG-EPOCH x",
    "CLUSTER SETSLOT 1 STABLE",
    "CLUSTER SHARDS",
    "CLUSTER SLAVES x",
    "CLUSTER SLOTS",
];

#[test]
fn every_command_of_the_cluster_group_says_that_there_is_none() {
    let s = Server::start();
    for mut c in [s.connect(), s.connect3()] {
        for line in FITTING {
            c.is(line, DISABLED);
        }
    }
    let mut c = s.connect();
    for name in c.call("COMMAND INFO CLUSTER").items()[0].items()[9].items() {
        let name = name.items()[0].text();
        let sub = name.strip_prefix("cluster|").expect("a subcommand").to_ascii_uppercase();
        let asked = FITTING.iter().any(|line| line.to_ascii_uppercase().split(' ').nth(1) == Some(&sub));
        assert!(asked, "{name} is not asked for above");
    }
    assert!(c.call("INFO cluster").text().contains("cluster_enabled:0\r\n"));
    c.fails("CONFIG SET cluster-enabled yes", "ERR CONFIG SET failed (possibly related to argument 'cluster-enabled')");
}

#[test]
fn arity_and_unknown_subcommands_are_told_before_it() {
    let s = Server::start();
    let mut c = s.connect();
    let arity = |name: &str| format!("-ERR wrong number of arguments for '{name}' command");
    c.is("CLUSTER", &arity("cluster"));
    c.is("CLUSTER HELP x", &arity("cluster|help"));
    c.is("CLUSTER info x", &arity("cluster|info"));
    c.is("CLUSTER KEYSLOT", &arity("cluster|keyslot"));
    c.is("CLUSTER SETSLOT 1", &arity("cluster|setslot"));
    c.is("CLUSTER ADDSLOTSRANGE 1", &arity("cluster|addslotsrange"));
    c.is("READONLY x", &arity("readonly"));
    c.is("READWRITE x", &arity("readwrite"));
    c.is("ASKING x", &arity("asking"));
    c.is("CLUSTER nope", "-ERR unknown subcommand 'nope'. Try CLUSTER HELP.");
    c.is("CLUSTER MYSHARDID", "-ERR unknown subcommand 'MYSHARDID'. Try CLUSTER HELP.");
    c.is("cluster|info", "-ERR unknown command 'cluster|info', with args beginning with: ");
    let stats = c.call("INFO commandstats").text();
    let counted = |name: &str, text: &str| stats.lines().any(|l| l.starts_with(name) && l.ends_with(text));
    assert!(counted("cmdstat_cluster|keyslot:calls=0,", ",rejected_calls=1,failed_calls=0"), "{stats}");
}

#[test]
fn it_is_queued_by_multi_and_answered_by_exec() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("MULTI", "+OK");
    for line in ["CLUSTER INFO", "CLUSTER HELP", "CLUSTER RESET", "READONLY", "READWRITE", "ASKING", "SET k v"] {
        c.is(line, "+QUEUED");
    }
    c.is("EXEC", &format!("[{}, +OK]", [DISABLED; 6].join(", ")));
    c.is("MULTI", "+OK");
    c.is("READONLY", "+QUEUED");
    c.is("CLUSTER nope", "-ERR unknown subcommand 'nope'. Try CLUSTER HELP.");
    c.is("EXEC", "-EXECABORT Transaction discarded because of previous errors.");
}

#[test]
fn scripts_are_told_it_too() {
    let s = Server::start();
    let mut c = s.connect();
    let pcall = |c: &mut Conn, words: &str| {
        let script = format!("return redis.pcall({words})");
        c.call_bytes(&[b"EVAL", script.as_bytes(), b"0"]).to_string()
    };
    for words in ["'CLUSTER', 'INFO'", "'CLUSTER', 'HELP'", "'READONLY'", "'READWRITE'", "'ASKING'"] {
        assert_eq!(pcall(&mut c, words), DISABLED, "{words}");
    }
    let refused = "-ERR This Redis command is not allowed from script";
    assert!(pcall(&mut c, "'CLUSTER', 'RESET'").starts_with(refused));
    let arity = "-ERR Wrong number of args calling Redis command from script";
    for words in ["'CLUSTER'", "'CLUSTER', 'KEYSLOT'", "'ASKING', 'x'"] {
        assert!(pcall(&mut c, words).starts_with(arity), "{words}");
    }
    assert!(pcall(&mut c, "'CLUSTER', 'nope'").starts_with("-ERR Unknown Redis command called from script"));
    let error = c.call_bytes(&[b"EVAL", b"return redis.call('CLUSTER', 'INFO')", b"0"]).to_string();
    assert!(error.starts_with(&format!("{DISABLED} script: ")), "{error}");
}

#[test]
fn a_user_needs_permission_to_be_told() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("ACL SETUSER u on nopass +@all -@admin -readonly", "+OK");
    c.is("AUTH u x", "+OK");
    c.is("CLUSTER INFO", DISABLED);
    c.is("CLUSTER SETSLOT 1 STABLE", "-NOPERM this user has no permissions to run the 'cluster|setslot' command");
    c.is("READONLY", "-NOPERM this user has no permissions to run the 'readonly' command");
    c.is("ASKING", DISABLED);
}
