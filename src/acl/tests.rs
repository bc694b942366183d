//! Users by their rules: what they describe, what they allow, and what is refused.

use super::*;
use crate::command::OwnedArgs;
use crate::command::meta::Category;
use file::parse;

fn user(rules: &str) -> User {
    let rules = rules.split(' ').map(str::as_bytes);
    User::new(Defaults::default()).after(rules, Defaults::default()).unwrap_or_else(|e| panic!("{}", text(&e.text())))
}

fn wrong(rules: &str) -> String {
    let rules = rules.split(' ').map(str::as_bytes);
    text(&User::new(Defaults::default()).after(rules, Defaults::default()).unwrap_err().text())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn described(user: &User) -> String {
    let mut out = Vec::new();
    user.describe(&mut out);
    text(&out)
}

fn check(user: &User, request: &str) -> Result<(), Denied> {
    let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
    let args = OwnedArgs::of(&words);
    let all = commands::commands();
    let sub = words.get(1).and_then(|sub| all.find(&[words[0], b"|", sub].concat()));
    let id = sub.or_else(|| all.find(words[0])).expect("a command");
    user.check(id, args.as_args())
}

#[test]
fn a_new_user_is_off_and_may_do_nothing() {
    let user = user("");
    assert_eq!(described(&user), "off resetchannels -@all");
    assert_eq!(check(&user, "get k"), Err(Denied::Command));
    assert!(!user.accepts(b"") && !user.needs_no_login() && !user.is_unrestricted());
    // Logging in is for anybody.
    assert_eq!(check(&user, "auth a b"), Ok(()));
}

#[test]
fn rules_are_described_so_that_they_can_be_read_again() {
    assert_eq!(described(&User::unrestricted()), "on nopass ~* &* +@all");
    assert_eq!(described(&user("reset")), "off sanitize-payload resetchannels -@all");
    assert_eq!(described(&user("on %R~a %W~b %RW~c &x* +get")), "on %R~a %W~b ~c resetchannels &x* -@all +get");
    assert_eq!(described(&user("+@all -@write -flushall")), "off resetchannels +@all -@write");
    assert_eq!(
        described(&user("+select|1 +select|2 (~k +set) ()")),
        "off resetchannels -@all +select|1 +select|2 (~k resetchannels -@all +set) (resetchannels -@all)"
    );
    assert_eq!(
        described(&user("skip-sanitize-payload +config -config|set")),
        "off skip-sanitize-payload resetchannels -@all +config -config|set"
    );
}

#[test]
fn random_rules_describe_the_user_they_make() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let names: Vec<&str> = commands::commands().iter().map(|(_, entry)| &*entry.name).collect();
    for _ in 0..300 {
        let mut rules: Vec<String> = Vec::new();
        for _ in 0..rng.usize(..12) {
            let sign = if rng.bool() { '+' } else { '-' };
            rules.push(match rng.u8(..10) {
                0..5 => format!("{sign}{}", names[rng.usize(..names.len())]),
                5..8 => format!("{sign}@{}", Category::NAMES[rng.usize(..Category::NAMES.len())].1),
                8 => format!("{sign}@all"),
                _ => format!("+select|{}", rng.u8(..3)),
            });
        }
        let made = user(&rules.join(" "));
        let read = user(&format!("off {}", described(&made)));
        // First arguments that a whole command has made pointless are not written.
        assert_eq!(described(&read), described(&made), "{rules:?}");
        for name in &names {
            let id = commands::commands().find(name.as_bytes()).unwrap();
            let words = OwnedArgs::of(&[b"x", b"y", b"z"]);
            let denied = |user: &User| user.check(id, words.as_args()) == Err(Denied::Command);
            assert_eq!(denied(&read), denied(&made), "{name} after {rules:?}");
        }
    }
}

#[test]
fn passwords_are_added_and_removed_by_themselves_or_by_hash() {
    const HASH_OF_X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    let with_two = user(&format!("on #{HASH_OF_X} >y >y"));
    assert!(with_two.accepts(b"x") && with_two.accepts(b"y") && !with_two.accepts(b"z") && !with_two.accepts(b""));
    assert_eq!(with_two.password_hashes().len(), 2);
    let with_one = with_two.after([&format!("!{HASH_OF_X}").into_bytes()[..]], Defaults::default()).unwrap();
    assert!(!with_one.accepts(b"x") && with_one.accepts(b"y"));
    let with_none = with_one.after([&b"<y"[..]], Defaults::default()).unwrap();
    assert!(!with_none.accepts(b"y") && !with_none.needs_no_password());
    assert!(user("on nopass").accepts(b"whatever") && !user("off >x").accepts(b"x") && !user("nopass").accepts(b"x"));
    assert!(!user("on nopass >x").accepts(b"y") && !user("on >x nopass resetpass").accepts(b"x"));
    assert!(wrong("<x").ends_with("The password you are trying to remove from the user does not exist"));
    for hash in ["", "abc", &HASH_OF_X.to_uppercase(), &HASH_OF_X[1..], &format!("{HASH_OF_X}0")] {
        assert!(wrong(&format!("#{hash}")).contains("exactly 64 characters"), "{hash}");
    }
    assert!(user("on >").accepts(b""));
}

#[test]
fn commands_are_allowed_by_name_category_subcommand_and_first_argument() {
    let some = user("allkeys +@string -set +config|get +select|1");
    assert_eq!(check(&some, "get k"), Ok(()));
    assert_eq!(check(&some, "set k v"), Err(Denied::Command));
    assert_eq!(check(&some, "config get x"), Ok(()));
    assert_eq!(check(&some, "config set x y"), Err(Denied::Command));
    assert_eq!(check(&some, "select 1"), Ok(()));
    assert_eq!(check(&some, "select 2"), Err(Denied::Command));
    assert_eq!(check(&user("allkeys +@all -config|set"), "config get x"), Ok(()));
    assert_eq!(check(&user("+select|1 -select"), "select 1"), Err(Denied::Command));
    assert_eq!(check(&user("+select|1 -@connection"), "select 1"), Err(Denied::Command));
    assert_eq!(check(&user("+@all -@all +select|A"), "select a"), Ok(()));
}

#[test]
fn keys_are_allowed_for_reading_writing_or_both() {
    let some = user("+@all %R~r* %W~w* ~rw*");
    for allowed in
        ["get r1", "get rw1", "lpush w1 a", "set rw1 v get", "copy r1 w1", "exists r1", "bitfield r1 get u4 0"]
    {
        assert_eq!(check(&some, allowed), Ok(()), "{allowed}");
    }
    for (denied, at) in
        [("get w1", 1), ("get x", 1), ("lpush r1 a", 1), ("set w1 v get", 1), ("copy w1 r1", 1), ("mget r1 x r2", 2)]
    {
        assert_eq!(check(&some, denied), Err(Denied::Key(at)), "{denied}");
    }
    assert_eq!(check(&some, "sort r1 store x"), Err(Denied::Key(3)));
    assert_eq!(check(&user("+@all"), "ping"), Ok(()));
    // Every key counts, and so does what a condition tells of a value.
    assert_eq!(check(&some, "msetex 2 w1 a x b"), Err(Denied::Key(4)));
    assert_eq!(check(&some, "msetex 2 w1 a w2 b"), Ok(()));
    assert_eq!(check(&some, "delex x"), Err(Denied::Key(1)));
    assert_eq!((check(&some, "delex w1"), check(&some, "delex w1 ifeq a")), (Ok(()), Err(Denied::Key(1))));
    assert_eq!((check(&some, "set w1 v"), check(&some, "set w1 v ifeq a")), (Ok(()), Err(Denied::Key(1))));
    // What can be told of a request that makes no sense is that it names no keys.
    assert_eq!(check(&user("+@all"), "zunion none a"), Ok(()));
}

#[test]
fn channels_are_globs_and_patterns_must_stand_there_literally() {
    let some = user("+@all &news.* &exact");
    for allowed in
        ["publish news.a m", "subscribe exact news.b", "psubscribe news.*", "ssubscribe exact", "unsubscribe x"]
    {
        assert_eq!(check(&some, allowed), Ok(()), "{allowed}");
    }
    assert_eq!(check(&some, "publish other m"), Err(Denied::Channel(1)));
    assert_eq!(check(&some, "spublish other m"), Err(Denied::Channel(1)));
    assert_eq!(check(&some, "subscribe exact other"), Err(Denied::Channel(2)));
    assert_eq!(check(&some, "psubscribe news.a"), Err(Denied::Channel(1)));
}

#[test]
fn one_selector_must_allow_a_request_whole() {
    let some = user("+mget ~key (+mget ~key ~otherkey) (+set %W~w)");
    assert_eq!(check(&some, "mget key otherkey"), Ok(()));
    // The one that came furthest is told.
    assert_eq!(check(&some, "mget otherkey someotherkey"), Err(Denied::Key(2)));
    assert_eq!(check(&some, "mget key otherkey someotherkey"), Err(Denied::Key(3)));
    assert_eq!(check(&some, "get key"), Err(Denied::Command));
    assert_eq!(check(&some, "set key v"), Err(Denied::Key(1)));
    assert_eq!(check(&some, "set w v"), Ok(()));
    assert_eq!(user("(~a +get) clearselectors").selectors().len(), 0);
}

#[test]
fn patterns_of_sort_need_a_selector_that_reads_every_key() {
    let reads = |rules: &str| {
        let words = OwnedArgs::of(&[b"sort", b"k", b"by", b"w*"]);
        user(rules).reads_all_keys(commands::commands().find(b"sort").unwrap(), words.as_args())
    };
    assert!(reads("+@all allkeys") && reads("+sort %R~*") && reads("+@all ~k (+sort ~*)"));
    assert!(!reads("+sort ~k") && !reads("+sort %W~*") && !reads("+sort ~k (+get ~*)") && !reads("~*"));
}

#[test]
fn selectors_that_are_malformed_are_refused_and_change_nothing() {
    // A permission without a letter once made a pattern that could not be described, and ended the server.
    for rule in ["%~k", "%", "%~", "%X~k", "%RR~k", "%R W~k", "(%~k)", "(+get %)", "(%~k +get)"] {
        assert!(wrong(rule).ends_with("Syntax error"), "{rule}");
    }
    for rule in [")", "((+get))", "(on)", "(nopass)", "(>x)", "(reset)", "(())", "foo", "~a\u{b}b", "&a\tb"] {
        assert!(wrong(rule).ends_with("Syntax error"), "{rule}");
    }
    assert_eq!(wrong("on (+get"), "Unmatched parenthesis in acl selector starting at '(+get'.");
    assert!(wrong("(allkeys ~k)").contains("'allkeys' flag") && wrong("(&* &c)").contains("'allchannels' flag"));
    for rule in [
        "+nosuch",
        "-nosuch",
        "+@nosuch",
        "+",
        "-",
        "+@",
        "+get|x|y",
        "-get|x",
        "+config|nosuch",
        "(+nosuch)",
        "(+get))",
    ] {
        assert!(wrong(rule).ends_with("Unknown command or category name in ACL"), "{rule}");
    }
    assert!(wrong("+config|get|x").ends_with("Allowing first-arg of a subcommand is not supported"));
    assert!(wrong("+config|").ends_with("Syntax error") && wrong("+get|").ends_with("Syntax error"));
}

#[test]
fn selectors_of_any_bytes_neither_panic_nor_describe_more_than_they_allow() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let parts: [&[u8]; 22] = [
        b"(", b")", b"%", b"R", b"W", b"~", b"*", b" ", b"\"", b"'", b"\\", b"+get", b"+@all", b"-set", b"|", b"&",
        b"\0", b"\xff", b"k", b"[", b"allkeys", b"#",
    ];
    for _ in 0..20_000 {
        let words: Vec<Vec<u8>> = (0..rng.usize(1..4))
            .map(|_| (0..rng.usize(..8)).flat_map(|_| parts[rng.usize(..parts.len())]).copied().collect())
            .collect();
        let made = User::new(Defaults::default()).after(words.iter().map(Vec::as_slice), Defaults::default());
        let Ok(made) = made else { continue };
        let mut line = Vec::new();
        made.describe(&mut line);
        let again = User::new(Defaults::default()).after(line.split(|b| *b == b' '), Defaults::default());
        let Ok(again) = again else { continue };
        for request in ["get k", "set k v", "publish k m", "select k"] {
            if check(&made, request).is_err() {
                assert!(check(&again, request).is_err(), "{request} after {words:?}");
            }
        }
    }
}

#[test]
fn words_of_rules_end_at_nul_bytes() {
    let apply = |rule: &[u8]| User::new(Defaults::default()).after([rule], Defaults::default());
    assert!(apply(b"on\0x").unwrap().flags.contains(UserFlags::ON));
    assert_eq!(text(&apply(b"~a\0b").unwrap_err().text()), "Error in ACL SETUSER modifier '~a': Syntax error");
    // A password is all of its bytes.
    let user = apply(b">a\0b").unwrap().after([&b"on"[..]], Defaults::default()).unwrap();
    assert!(user.accepts(b"a\0b") && !user.accepts(b"a"));
}

#[test]
fn numbers_of_users_are_used_again_and_the_default_one_stays() {
    let mut acl = Acl::default();
    let a = acl.put(b"a", user("on nopass"));
    assert_eq!(acl.authenticate(b"a", b""), Some(a));
    assert_eq!((acl.remove(b"default"), acl.remove(b"nosuch"), acl.remove(b"a")), (None, None, Some(a)));
    assert_eq!(acl.put(b"b", user("off")), a);
    assert_eq!((acl.find(b"a"), acl.authenticate(b"b", b"")), (None, None));
    assert_eq!(acl.iter().map(|(name, _)| text(name)).collect::<Vec<_>>(), ["b", "default"]);
}

#[test]
fn a_file_of_users_is_read_as_it_was_written() {
    let mut acl = Acl::default();
    acl.put(b"alice", user("on >secret ~a* %R~b &c* +@all -@dangerous (+set ~w) (~x)"));
    acl.put(b"bob", user("reset"));
    let written = file::write(&acl);
    let users = parse(&written, "users.acl", Defaults::default()).unwrap();
    assert_eq!(users.len(), 3);
    let gone = acl.replace(users);
    assert_eq!((gone.len(), file::write(&acl)), (2, written));
    // Without a line for it, the default user may do everything.
    acl.replace(parse(b"\n\r\n  user a on\r\n", "users.acl", Defaults::default()).unwrap());
    assert!(acl.default_user().is_unrestricted());
    assert_eq!(text(&file::write(&acl)), "user a on resetchannels -@all\nuser default on nopass ~* &* +@all\n");
}

#[test]
fn every_error_of_a_file_is_told_with_its_line() {
    let errors = |text: &str| parse(text.as_bytes(), "f", Defaults::default()).unwrap_err();
    const END: &str = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
    assert_eq!(
        errors("user a +nosuch foo bar -@none\n\nalice on\nuser"),
        format!(
            "f:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. f:1: Syntax error. f:1: \
             Error in applying operation '-@none': Unknown command or category name in ACL. f:3 should start with user \
             keyword followed by the username. f:4 should start with user keyword followed by the username. {END}"
        )
    );
    assert_eq!(errors("user a on\nuser a on"), format!("WARNING: Duplicate user 'a' found on line 2. {END}"));
    assert_eq!(errors("user a (+get"), format!("f:1: Unmatched parenthesis in selector definition.{END}"));
    assert_eq!(errors("user a\tb on"), format!("'f:1: username 'a\tb' contains invalid characters. {END}"));
}
