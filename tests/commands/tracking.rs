//! Client-side caching: who is told that a key changed, and when.

use crate::support::Server;

const GONE_K: &str = r#">["invalidate", ["k"]]"#;

#[test]
fn a_read_key_is_invalidated_once_when_another_writes_it() {
    let s = Server::start();
    let (mut cache, mut c) = (s.connect3(), s.connect());
    cache.is("CLIENT TRACKING ON", "+OK");
    cache.is("GET k", "_");
    c.is("SET k 1", "+OK");
    cache.reads(GONE_K);
    c.is("SET k 2", "+OK");
    c.is("PING", "+PONG");
    cache.silent();
    cache.is("GET k", r#""2""#);
    c.is("DEL k", ":1");
    cache.reads(GONE_K);
}

#[test]
fn own_writes_are_told_unless_noloop() {
    let s = Server::start();
    let mut cache = s.connect3();
    cache.is("CLIENT TRACKING ON", "+OK");
    cache.is("GET k", "_");
    cache.is("SET k 1", "+OK");
    cache.reads(GONE_K);
    cache.is("CLIENT TRACKING OFF", "+OK");
    cache.is("CLIENT TRACKING ON NOLOOP", "+OK");
    cache.is("GET k", r#""1""#);
    cache.is("SET k 2", "+OK");
    cache.is("PING", "+PONG");
    s.connect().is("SET other 1", "+OK");
    cache.silent();
}

#[test]
fn optin_and_optout_follow_client_caching() {
    let s = Server::start();
    let (mut cache, mut c) = (s.connect3(), s.connect());
    cache.is("CLIENT TRACKING ON OPTIN", "+OK");
    cache.is("GET a", "_");
    cache.is("CLIENT CACHING YES", "+OK");
    cache.is("GET k", "_");
    c.is("MSET a 1 k 1", "+OK");
    cache.reads(GONE_K);
    cache.is("CLIENT TRACKING OFF", "+OK");
    cache.is("CLIENT TRACKING ON OPTOUT", "+OK");
    cache.is("CLIENT CACHING NO", "+OK");
    cache.is("GET a", r#""1""#);
    cache.is("GET k", r#""1""#);
    c.is("MSET a 2 k 2", "+OK");
    cache.reads(GONE_K);
    cache.fails("CLIENT CACHING YES", "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
}

#[test]
fn broadcast_follows_prefixes_without_reads() {
    let s = Server::start();
    let (mut cache, mut c) = (s.connect3(), s.connect());
    cache.is("CLIENT TRACKING ON BCAST PREFIX user: PREFIX page:", "+OK");
    c.is("SET other 1", "+OK");
    c.is("SET user:1 1", "+OK");
    cache.reads(r#">["invalidate", ["user:1"]]"#);
    c.is("DEL page:1", ":0");
    c.is("SET page:1 1", "+OK");
    cache.reads(r#">["invalidate", ["page:1"]]"#);
    cache.fails(
        "CLIENT TRACKING ON BCAST PREFIX user:1",
        "ERR Prefix 'user:1' overlaps with an existing prefix 'user:'",
    );
}

#[test]
fn redirect_sends_to_a_resp2_subscriber() {
    let s = Server::start();
    let (mut target, mut cache, mut c) = (s.connect(), s.connect(), s.connect());
    let id = target.call("CLIENT ID").int();
    target.is("SUBSCRIBE __redis__:invalidate", r#"["subscribe", "__redis__:invalidate", :1]"#);
    cache.is(&format!("CLIENT TRACKING ON REDIRECT {id}"), "+OK");
    cache.is("CLIENT GETREDIR", &format!(":{id}"));
    cache.is("GET k", "nil");
    c.is("SET k 1", "+OK");
    target.reads(r#"["message", "__redis__:invalidate", ["k"]]"#);
    c.fails("CLIENT TRACKING ON REDIRECT 99999", "ERR The client ID you want redirect to does not exist");
}

#[test]
fn flushing_invalidates_everything() {
    let s = Server::start();
    let (mut cache, mut c) = (s.connect3(), s.connect());
    cache.is("CLIENT TRACKING ON", "+OK");
    cache.is("GET k", "_");
    c.is("FLUSHALL", "+OK");
    cache.reads(r#">["invalidate", _]"#);
}

#[test]
fn an_expired_key_is_invalidated() {
    let s = Server::start();
    let (mut cache, mut c) = (s.connect3(), s.connect());
    c.is("SET k v PX 50", "+OK");
    cache.is("CLIENT TRACKING ON", "+OK");
    cache.call("GET k");
    cache.reads(GONE_K);
}

#[test]
fn trackinginfo_shows_the_mode() {
    let s = Server::start();
    let mut c = s.connect3();
    c.is("CLIENT TRACKINGINFO", r#"{"flags": ~["off"], "redirect": :-1, "prefixes": []}"#);
    c.is("CLIENT TRACKING ON OPTIN NOLOOP", "+OK");
    c.is("CLIENT TRACKINGINFO", r#"{"flags": ~["on", "optin", "noloop"], "redirect": :0, "prefixes": []}"#);
}
