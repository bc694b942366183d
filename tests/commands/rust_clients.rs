//! The `redis` crate as programs use it: its blocking connection, and under tokio the multiplexed one, the connection
//! manager, pub/sub, and client-side caching. (Programs in other languages are in `tests/clients`.)

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use redis::aio::ConnectionManagerConfig;
use redis::caching::CacheConfig;
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, AsyncConnectionConfig, Commands, IntoConnectionInfo, PushInfo, PushKind, Value};

use crate::support::{PATIENCE, Server, eventually};

fn client(s: &Server, protocol: &str) -> redis::Client {
    let url = format!("redis://127.0.0.1:{}/?protocol={protocol}", s.port());
    redis::Client::open(url.into_connection_info().expect("an address")).expect("an address")
}

/// Runs a program under tokio, and fails when it takes too long.
fn run<F: Future<Output = redis::RedisResult<()>>>(program: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, program).await.expect("the program ends in time").expect("no error");
    });
}

#[test]
fn the_blocking_client_reads_every_kind_of_reply() -> redis::RedisResult<()> {
    let s = Server::start();
    for protocol in ["resp2", "resp3"] {
        let mut c = client(&s, protocol).get_connection()?;
        redis::cmd("FLUSHALL").exec(&mut c)?;
        let () = c.set("text", "a\r\n\0b")?;
        assert_eq!(c.get::<_, Vec<u8>>("text")?, b"a\r\n\0b");
        assert_eq!(c.get::<_, Option<String>>("none")?, None);
        assert_eq!(c.incr::<_, _, i64>("n", i64::MAX)?, i64::MAX);
        let overflow = c.incr::<_, _, i64>("n", 1).expect_err("an overflow");
        assert_eq!(overflow.to_string(), "ResponseError: increment or decrement would overflow");
        assert_eq!(c.hset_multiple::<_, _, _, String>("hash", &[("a", "1"), ("b", "2")])?, "OK");
        assert_eq!(c.hgetall::<_, HashMap<String, i64>>("hash")?, HashMap::from([("a".into(), 1), ("b".into(), 2)]));
        assert_eq!(c.zadd_multiple::<_, _, _, i64>("zset", &[(1.5, "x"), (f64::INFINITY, "y")])?, 2);
        assert_eq!(
            c.zrange_withscores::<_, Vec<(String, f64)>>("zset", 0, -1)?,
            [("x".into(), 1.5), ("y".into(), f64::INFINITY)]
        );
        assert_eq!(c.sadd::<_, _, i64>("set", &["p", "q"])?, 2);
        assert_eq!(c.smembers::<_, BTreeSet<String>>("set")?, BTreeSet::from(["p".into(), "q".into()]));
        assert_eq!(c.zscore::<_, _, Option<f64>>("zset", "none")?, None);
        let wrong = c.lpush::<_, _, i64>("text", 1).expect_err("a wrong type");
        assert_eq!(wrong.code(), Some("WRONGTYPE"));
        let role: Value = redis::cmd("ROLE").query(&mut c)?;
        let Value::Array(role) = role else { panic!("ROLE answered {role:?}") };
        assert_eq!(role[0], Value::BulkString(b"master".to_vec()));
    }
    Ok(())
}

#[test]
fn the_blocking_client_pipelines_watches_and_scans() -> redis::RedisResult<()> {
    let s = Server::start();
    let mut c = client(&s, "resp3").get_connection()?;
    let mut pipe = redis::pipe();
    for i in 0..2000 {
        pipe.set(format!("key:{i}"), i).ignore();
    }
    let (got, missing): (i64, Option<i64>) = pipe.get("key:1999").get("none").query(&mut c)?;
    assert_eq!((got, missing), (1999, None));
    let keys: BTreeSet<String> = c.scan_match("key:*")?.collect::<Result<_, _>>()?;
    assert_eq!(keys.len(), 2000);

    let () = c.set("balance", 100)?;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut c = s.client();
                for _ in 0..25 {
                    let left: (i64,) = redis::transaction(&mut c, &["balance"], |c, pipe| {
                        let balance: i64 = c.get("balance")?;
                        pipe.set("balance", balance - 1).ignore().get("balance").query(c)
                    })
                    .expect("a transaction");
                    assert!((0..100).contains(&left.0));
                }
            });
        }
    });
    assert_eq!(c.get::<_, i64>("balance")?, 0);
    Ok(())
}

#[test]
fn the_blocking_client_subscribes() -> redis::RedisResult<()> {
    let s = Server::start();
    let mut c = client(&s, "resp2").get_connection()?;
    let mut publisher = s.client();
    let mut listener = c.as_pubsub();
    listener.subscribe("plain")?;
    listener.psubscribe("pat*")?;
    listener.set_read_timeout(Some(PATIENCE))?;
    assert_eq!(publisher.publish::<_, _, i64>("plain", "1")?, 1);
    assert_eq!(publisher.publish::<_, _, i64>("pattern", "2")?, 1);
    let first = listener.get_message()?;
    assert_eq!((first.get_channel_name(), first.get_payload::<i64>()?), ("plain", 1));
    let second = listener.get_message()?;
    assert_eq!((second.get_channel_name(), second.get_payload::<i64>()?), ("pattern", 2));
    assert_eq!(second.get_pattern::<String>()?, "pat*");
    Ok(())
}

#[test]
fn one_multiplexed_connection_serves_many_tasks() {
    let s = Server::start();
    for protocol in ["resp2", "resp3"] {
        run(async {
            let c = client(&s, protocol).get_multiplexed_async_connection().await?;
            let mut tasks = tokio::task::JoinSet::new();
            for t in 0..50_i64 {
                let mut c = c.clone();
                tasks.spawn(async move {
                    for i in 0..20_i64 {
                        let () = c.set(format!("{t}:{i}"), t * 1000 + i).await?;
                        assert_eq!(c.get::<_, i64>(format!("{t}:{i}")).await?, t * 1000 + i);
                    }
                    redis::pipe().atomic().incr("done", 1).incr("done", 1).query_async::<(i64, i64)>(&mut c).await
                });
            }
            while let Some(ended) = tasks.join_next().await {
                let (a, b) = ended.expect("no panic")?;
                assert_eq!(a + 1, b);
            }
            let mut c = c.clone();
            assert_eq!(c.get_del::<_, i64>("done").await?, 100);
            Ok(())
        });
    }
}

#[test]
fn consumers_under_tokio_share_a_queue_and_a_stream() {
    let s = Server::start();
    run(async {
        let open = client(&s, "resp3");
        // Blocking commands need a connection each, and no deadline of the client's own.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut producer = open.get_multiplexed_async_connection().await?;
        let mut consumers = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let mut c = open.get_multiplexed_async_connection_with_config(&config).await?;
            consumers.spawn(async move {
                let mut jobs = Vec::new();
                loop {
                    let (_, job): (String, String) = c.brpop(&["urgent", "queue"], 20.0).await?;
                    if job == "stop" {
                        return redis::RedisResult::Ok(jobs);
                    }
                    jobs.push(job);
                }
            });
        }
        for n in 0..500 {
            let _: i64 = producer.lpush("queue", n).await?;
        }
        let _: i64 = producer.lpush("queue", vec!["stop"; 5]).await?;
        let mut done = Vec::new();
        while let Some(ended) = consumers.join_next().await {
            done.extend(ended.expect("no panic")?);
        }
        done.sort_by_key(|n| n.parse::<i64>().expect("a number"));
        assert_eq!(done, (0..500).map(|n| n.to_string()).collect::<Vec<_>>());

        let _: String = producer.xgroup_create_mkstream("stream", "group", "$").await?;
        let mut reader = open.get_multiplexed_async_connection_with_config(&config).await?;
        let reading = tokio::spawn(async move {
            let options = StreamReadOptions::default().group("group", "one").block(20_000).count(10);
            let reply: Option<StreamReadReply> = reader.xread_options(&["stream"], &[">"], &options).await?;
            redis::RedisResult::Ok(reply.expect("an entry"))
        });
        let id: String = producer.xadd("stream", "*", &[("field", "value")]).await?;
        let reply = reading.await.expect("no panic")?;
        assert_eq!(reply.keys[0].ids[0].id, id);
        assert_eq!(reply.keys[0].ids[0].get::<String>("field").as_deref(), Some("value"));
        assert_eq!(producer.xack::<_, _, _, i64>("stream", "group", &[&id]).await?, 1);
        Ok(())
    });
}

#[test]
fn pushes_reach_a_tokio_client_beside_its_replies() {
    let s = Server::start();
    run(async {
        let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new().set_push_sender(tell);
        let mut c = client(&s, "resp3").get_multiplexed_async_connection_with_config(&config).await?;
        c.subscribe("news").await?;
        c.psubscribe("n*").await?;
        assert_eq!(c.publish::<_, _, i64>("news", "hello").await?, 2);
        let mut kinds = Vec::new();
        while kinds.len() < 4 {
            let PushInfo { kind, data } = heard.recv().await.expect("a push");
            if matches!(kind, PushKind::Message | PushKind::PMessage) {
                assert_eq!(data.last(), Some(&Value::BulkString(b"hello".to_vec())));
            }
            kinds.push(kind);
        }
        assert_eq!(kinds, [PushKind::Subscribe, PushKind::PSubscribe, PushKind::Message, PushKind::PMessage]);
        Ok(())
    });
}

#[test]
fn a_caching_tokio_client_drops_what_others_change() {
    let s = Server::start();
    run(async {
        let open = client(&s, "resp3");
        let config = AsyncConnectionConfig::new().set_cache_config(CacheConfig::default());
        let mut cached = open.get_multiplexed_async_connection_with_config(&config).await?;
        let mut other = open.get_multiplexed_async_connection().await?;
        let () = other.set("key", 1).await?;
        for _ in 0..10 {
            assert_eq!(cached.get::<_, i64>("key").await?, 1);
        }
        let statistics = cached.get_cache_statistics().expect("a cache");
        assert_eq!((statistics.miss, statistics.hit), (1, 9));
        let () = other.set("key", 2).await?;
        while cached.get::<_, i64>("key").await? != 2 {
            // Each round asks for another key too, which goes to the server: no waiting for a set time.
            let _: Option<i64> = cached.get("none").await?;
            other.ping::<String>().await?;
        }
        assert_eq!(cached.get_cache_statistics().expect("a cache").invalidate, 1);
        Ok(())
    });
}

#[test]
fn the_connection_manager_outlives_a_killed_connection() {
    let s = Server::start();
    run(async {
        let config = ConnectionManagerConfig::new()
            .set_min_delay(Duration::from_millis(5))
            .set_max_delay(Duration::from_millis(20));
        let mut managed = client(&s, "resp2").get_connection_manager_with_config(config).await?;
        let () = managed.set("before", 1).await?;
        let killed: i64 = redis::cmd("CLIENT")
            .arg("KILL")
            .arg("TYPE")
            .arg("normal")
            .arg("SKIPME")
            .arg("yes")
            .query(&mut s.client())?;
        assert_eq!(killed, 1);
        // The command that meets the closed connection may fail; one soon after does not.
        while managed.get::<_, i64>("before").await.is_err() {
            tokio::task::yield_now().await;
        }
        Ok(())
    });
    let mut c = s.client();
    eventually("only we are left", || {
        redis::cmd("CLIENT").arg("LIST").query::<String>(&mut c).is_ok_and(|l| l.lines().count() == 1)
    });
}
