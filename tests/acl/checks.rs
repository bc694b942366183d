//! What users are denied: at once, in transactions, when they are served after waiting; and how it is logged.

use crate::support::{Conn, Server, is_reference};

const NO_KEY: &str = "-NOPERM this user has no permissions to access one of the keys used as arguments";
const NO_CHANNEL: &str = "-NOPERM this user has no permissions to access one of the channels used as arguments";

fn with_user(rules: &str) -> (Server, Conn, Conn) {
    let s = Server::start();
    let mut admin = s.connect();
    admin.is(&format!("ACL SETUSER alice on >secret {rules}"), "+OK");
    let mut alice = s.connect();
    alice.is("AUTH alice secret", "+OK");
    (s, admin, alice)
}

#[test]
fn commands_keys_and_channels_are_denied_by_name() {
    let (_s, _, mut alice) = with_user("+get +set +publish +config|get ~mine* %R~theirs* &news");
    alice.is("ACL WHOAMI", "-NOPERM this user has no permissions to run the 'acl|whoami' command");
    alice.is("DEL mine", "-NOPERM this user has no permissions to run the 'del' command");
    alice.is("CONFIG SET hz 10", "-NOPERM this user has no permissions to run the 'config|set' command");
    alice.is("CONFIG GET hz", r#"["hz", "10"]"#);
    alice.is("SET mine v", "+OK");
    alice.is("SET theirs v", NO_KEY);
    alice.is("GET theirs", "nil");
    alice.is("GET other", NO_KEY);
    alice.is("PUBLISH news m", ":0");
    alice.is("PUBLISH other m", NO_CHANNEL);
    // What is wrong with a request is told first.
    alice.is("DEL", "-ERR wrong number of arguments for 'del' command");
    alice.fails("NOSUCH", "ERR unknown command 'NOSUCH'");
    alice.is("AUTH alice wrong", "-WRONGPASS invalid username-password pair or user is disabled.");
    // Nothing is lost by failing to become somebody else.
    alice.is("GET mine", r#""v""#);
}

#[test]
fn a_denied_command_spoils_the_transaction_it_was_to_be_queued_in() {
    let (_s, mut admin, mut alice) = with_user("+@all -del ~mine");
    alice.is("MULTI", "+OK");
    alice.is("SET mine v", "+QUEUED");
    alice.is("SET other v", NO_KEY);
    alice.is("EXEC", "-EXECABORT Transaction discarded because of previous errors.");
    admin.is("EXISTS mine", ":0");
}

#[test]
fn queued_commands_are_checked_again_by_exec() {
    let (_s, mut admin, mut alice) = with_user("+@all allkeys allchannels");
    for request in ["MULTI", "SET a 1", "INCR b", "PUBLISH c m", "PING"] {
        alice.call(request);
    }
    admin.is("ACL SETUSER alice -incr resetkeys ~b resetchannels", "+OK");
    let changed = "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This \
                   command is no longer allowed for the following reason: no permission to";
    alice.is(
        "EXEC",
        &format!(
            "[{changed} touch the specified keys, {changed} execute the command or subcommand, {changed} access one of the \
             channels used as arguments, +PONG]"
        ),
    );
    let contexts: Vec<String> = admin.call("ACL LOG").items().iter().map(|entry| entry.items()[5].text()).collect();
    assert_eq!(contexts, ["multi"; 3]);
    admin.is("EXISTS a b", ":0");
}

#[test]
fn a_transaction_may_change_its_own_rights() {
    let (_s, _, mut alice) = with_user("+@all allkeys");
    for request in ["MULTI", "SET a 1", "ACL SETUSER alice -@write", "SET a 2", "GET a"] {
        alice.call(request);
    }
    let reply = alice.call("EXEC");
    let replies: Vec<String> = reply.items().iter().map(ToString::to_string).collect();
    assert_eq!((&*replies[0], &*replies[1], &*replies[3]), ("+OK", "+OK", r#""1""#));
    assert!(replies[2].starts_with("-NOPERM ACLs rules changed"), "{}", replies[2]);
}

#[test]
fn who_waited_is_checked_again_when_there_is_something_to_be_had() {
    if is_reference() {
        return;
    }
    let (s, mut admin, mut alice) = with_user("+@all allkeys");
    alice.send("BLPOP list 0");
    s.blocked(1);
    admin.is("ACL SETUSER alice -blpop", "+OK");
    admin.is("RPUSH list a", ":1");
    alice.reads("-NOPERM this user has no permissions to run the 'blpop' command");
    admin.is("LRANGE list 0 -1", r#"["a"]"#);
    alice.send("BLMOVE other to LEFT LEFT 0");
    s.blocked(1);
    admin.is("ACL SETUSER alice resetkeys ~other", "+OK");
    admin.is("RPUSH other a", ":1");
    alice.reads(NO_KEY);
    // The next one in the line is served.
    let mut bob = s.connect();
    alice.send("BRPOP other queue 0");
    alice.reads(NO_KEY);
    admin.is("DEL other", ":1");
    alice.send("BRPOP other 0");
    s.blocked(1);
    bob.send("BRPOP other 0");
    s.blocked(2);
    admin.is("ACL SETUSER alice resetkeys", "+OK");
    admin.is("RPUSH other a", ":1");
    alice.reads(NO_KEY);
    bob.reads(r#"["other", "a"]"#);
}

#[test]
fn sort_reads_by_pattern_only_for_those_who_may_read_every_key() {
    let (_s, mut admin, mut alice) = with_user("+@all ~list ~weight*");
    admin.is("RPUSH list 2 1", ":2");
    alice.is("SORT list", r#"["1", "2"]"#);
    alice.is("SORT list BY weight*", "-ERR BY option of SORT denied due to insufficient ACL permissions.");
    alice.is("SORT list BY nosort", r#"["2", "1"]"#);
    alice.is("SORT list GET weight*", "-ERR GET option of SORT denied due to insufficient ACL permissions.");
    alice.is("SORT_RO list GET #", "-ERR GET option of SORT denied due to insufficient ACL permissions.");
    admin.is("ACL SETUSER alice %R~*", "+OK");
    alice.is("SORT list BY weight* GET #", r#"["1", "2"]"#);
    alice.is("SORT list BY weight* STORE other", NO_KEY);
}

#[test]
fn what_is_denied_is_logged_with_its_reason_and_counted() {
    let (_s, mut admin, mut alice) = with_user("+get +multi +exec ~mine");
    alice.call("GET other");
    alice.call("GET other");
    alice.call("SET mine v");
    alice.call("AUTH bob x");
    alice.call("MULTI");
    alice.call("GET other");
    let log = admin.call("ACL LOG");
    let facts: Vec<String> = log
        .items()
        .iter()
        .map(|entry| {
            let fields = entry.items();
            [1, 3, 5, 7, 9].map(|at| fields[at].to_string().replace('"', "")).join(" ")
        })
        .collect();
    assert_eq!(
        facts,
        [
            ":1 key multi other alice",
            ":1 auth toplevel AUTH bob",
            ":1 command toplevel set alice",
            ":2 key toplevel other alice"
        ]
    );
    let entry = log.items()[0].items();
    assert!(entry[13].text().contains(" cmd=get user=alice "), "{}", entry[13]);
    admin.call("ACL LOG 2").items().iter().for_each(|entry| assert!(entry.items().len() >= 14));
    if !is_reference() {
        assert_eq!((entry[14].text(), entry[15].int()), ("entry-id".into(), 3));
        assert!(entry[17].int() > 1_600_000_000_000 && entry[17] == entry[19]);
        let stats = admin.call("INFO stats").text();
        for line in ["auth:1", "cmd:1", "key:3", "channel:0"] {
            assert!(stats.contains(&format!("acl_access_denied_{line}\r\n")), "{stats}");
        }
    }
    assert_eq!(admin.call("ACL LOG 1").items().len(), 1);
    admin.is("ACL LOG RESET", "+OK");
    admin.is("ACL LOG", "[]");
    admin.is("CONFIG SET acllog-max-len 1", "+OK");
    alice.call("GET other");
    alice.call("SET x y");
    assert_eq!(admin.call("ACL LOG").items().len(), 1);
}

#[test]
fn malformed_selectors_neither_end_the_server_nor_open_it() {
    let (_s, mut admin, mut alice) = with_user("+@all ~mine");
    for rule in ["%~x", "(%~x)", "(+@all %~x)", "%", "(%)", "%RR~x", "( %W ~x"] {
        admin.fails(&format!("ACL SETUSER alice {rule}"), "ERR ");
        admin.call("ACL LIST");
        admin.call("ACL GETUSER alice");
    }
    admin.is("ACL SETUSER alice %R", "+OK");
    admin.call_bytes(&[b"ACL", b"SETUSER", b"alice", b"(\"+@all ~x)"]);
    alice.is("GET x", NO_KEY);
    let rules = admin.call("ACL LIST").items()[0].text();
    assert!(rules.starts_with("user alice on "), "{rules}");
    admin.is("PING", "+PONG");
}

#[test]
fn passwords_are_not_shown_in_the_slow_log() {
    let s = Server::with(&["--slowlog-log-slower-than", "0"]);
    let mut c = s.connect();
    c.is("ACL SETUSER alice on >secret", "+OK");
    c.call("AUTH alice secret");
    c.call("HELLO 2 AUTH alice secret");
    c = s.connect();
    let log = c.call("SLOWLOG GET").to_string();
    assert!(log.contains("(redacted)") && !log.contains("secret"), "{log}");
    assert!(log.contains(r#"["ACL", "SETUSER", "(redacted)", "(redacted)", "(redacted)"]"#), "{log}");
}

#[test]
fn genpass_makes_as_many_digits_as_are_asked_for() {
    let s = Server::start();
    let mut c = s.connect();
    let first = c.call("ACL GENPASS").text();
    assert!(first.len() == 64 && first.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{first}");
    assert_ne!(c.call("ACL GENPASS").text(), first);
    for (bits, digits) in [(1, 1), (4, 1), (5, 2), (4096, 1024)] {
        assert_eq!(c.call(&format!("ACL GENPASS {bits}")).text().len(), digits);
    }
    c.fails("ACL GENPASS 4097", "ERR ACL GENPASS argument must be the number of bits for the output password");
}

#[test]
fn getuser_is_a_map_of_rules() {
    let (s, mut admin, _) = with_user("nopass ~k &c +get (+set %W~w)");
    admin.is(
        "ACL GETUSER alice",
        r#"["flags", ["on", "nopass"], "passwords", [], "commands", "-@all +get", "keys", "~k", "channels", "&c", "selectors", [["commands", "-@all +set", "keys", "%W~w", "channels", ""]]]"#,
    );
    let mut resp3 = s.connect3();
    let user = resp3.call("ACL GETUSER alice").to_string();
    assert!(user.starts_with(r#"{"flags": ~["on", "nopass"], "passwords": [], "#), "{user}");
    assert!(user.ends_with(r#""selectors": [{"commands": "-@all +set", "keys": "%W~w", "channels": ""}]}"#), "{user}");
    resp3.is("ACL GETUSER nosuch", "_");
}
