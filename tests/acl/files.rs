//! Where users are kept: lines of the configuration file, and a file of their own.

use crate::support::{Server, run_to_end};
use std::fs;
use std::path::PathBuf;

#[test]
fn users_of_the_configuration_file_are_there_and_are_rewritten() {
    let s = Server::with_file("user alice on >secret ~a* +get (+set %W~w)\nuser default on nopass ~* &* +@all\n");
    let mut c = s.connect();
    c.is("ACL USERS", r#"["alice", "default"]"#);
    c.is("ACL DRYRUN alice SET w v", "+OK");
    c.is("ACL SETUSER bob on nopass ~b +@string", "+OK");
    let before = c.call("ACL LIST").to_string();
    c.is("CONFIG REWRITE", "+OK");
    let text = fs::read_to_string(s.dir().join("larder.conf")).unwrap();
    assert!(text.contains("user alice on #2bb80d53") && text.contains("user bob on nopass ~b "), "{text}");
    let s = s.restart(Some("larder.conf"), &[]);
    s.connect().is("ACL LIST", &before);
}

#[test]
fn a_file_of_users_is_loaded_at_start_saved_and_loaded_again() {
    let dir = TestDir::new("acl-file");
    let path = dir.write("users.acl", "user alice on nopass ~* +@all\nuser bob on nopass ~* &* +@all");
    let s = Server::with(&["--aclfile", &path]);
    let mut c = s.connect();
    c.is("ACL USERS", r#"["alice", "bob", "default"]"#);
    let (mut alice, mut stays) = (s.connect(), s.connect());
    alice.is("AUTH alice x", "+OK");
    c.is("ACL SETUSER carol on >x +get", "+OK");
    c.is("ACL SAVE", "+OK");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("user carol on #") && text.lines().count() == 4, "{text}");
    fs::write(&path, text.replace("user bob", "user dave")).unwrap();
    c.is("ACL LOAD", "+OK");
    c.is("ACL USERS", r#"["alice", "carol", "dave", "default"]"#);
    alice.closed();
    stays.is("PING", "+PONG");
}

#[test]
fn a_broken_file_changes_nothing_and_names_its_lines() {
    let dir = TestDir::new("acl-broken");
    let path = dir.write("users.acl", "user alice on nopass +get ~k\n");
    let s = Server::with(&["--aclfile", &path]);
    let mut c = s.connect();
    let mut alice = s.connect();
    alice.is("AUTH alice x", "+OK");
    let before = c.call("ACL LIST").to_string();
    fs::write(&path, "user alice on\n\nuser bob +nosuch (%~x)\nuser alice off\n").unwrap();
    c.is(
        "ACL LOAD",
        &format!(
            "-ERR {path}:3: Error in applying operation '+nosuch': Unknown command or category name in ACL. {path}:3: Syntax \
             error. WARNING: Duplicate user 'alice' found on line 4. WARNING: ACL errors detected, no change to the \
             previously active ACL rules was performed"
        ),
    );
    c.is("ACL LIST", &before);
    alice.is("GET k", "nil");
    fs::remove_file(&path).unwrap();
    c.is("ACL LOAD", &format!("-ERR Error loading ACLs, opening file '{path}': No such file or directory"));
    fs::remove_dir_all(&dir.0).unwrap();
    c.fails("ACL SAVE", "ERR There was an error trying to save the ACLs. Please check the server logs");
}

#[test]
fn without_a_file_there_is_nothing_to_load_or_save() {
    let s = Server::start();
    let mut c = s.connect();
    for request in ["ACL LOAD", "ACL SAVE"] {
        c.fails(request, "ERR This Redis instance is not configured to use an ACL file.");
    }
}

#[test]
fn a_bad_file_or_line_ends_the_start() {
    let dir = TestDir::new("acl-start");
    let path = dir.write("users.acl", "user alice on nopass\nuser alice on\n");
    let [missing, socket] = ["missing.acl", "socket"].map(|name| dir.0.join(name).to_string_lossy().into_owned());
    for (args, said) in [
        (
            vec!["--aclfile", &path],
            "Aborting Redis startup because of ACL errors: WARNING: Duplicate user 'alice' found on line 2",
        ),
        (vec!["--aclfile", &missing], "opening file"),
        (vec!["--user", "alice", "on", "--user", "alice", "off"], "Duplicate user found"),
        (vec!["--user", "alice", "%~x"], "Syntax error"),
        (vec!["--user", "alice", "(+get"], ""),
        (vec!["--user", "alice", "+nosuch"], "Unknown command or category name in ACL"),
    ] {
        let args: Vec<&str> = ["--port", "0", "--unixsocket", &socket].into_iter().chain(args).collect();
        let (status, out) = run_to_end(&args);
        assert!(!status.success() && out.contains(said), "{args:?}: {out}");
    }
}

#[test]
fn new_users_may_use_all_channels_where_the_directive_says_so() {
    let s = Server::with(&["--acl-pubsub-default", "allchannels"]);
    let mut c = s.connect();
    c.is("ACL SETUSER alice", "+OK");
    c.is("CONFIG SET acl-pubsub-default resetchannels", "+OK");
    c.is("ACL SETUSER bob", "+OK");
    c.is(
        "ACL LIST",
        r#"["user alice off &* -@all", "user bob off resetchannels -@all", "user default on nopass ~* &* +@all"]"#,
    );
}

/// A directory of a test's own; removed when dropped.
struct TestDir(PathBuf);

impl TestDir {
    fn new(name: &str) -> TestDir {
        let dir = std::env::temp_dir().join(format!("larder-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory under the temporary one");
        TestDir(dir)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file in our directory");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
