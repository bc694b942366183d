//! Geo commands as clients see them.

use crate::families::testing::Bench;
use crate::resp::reply::Protocol;

fn sicily() -> Bench {
    let mut bench = Bench::new();
    let added = bench.run("GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge1");
    assert_eq!(added, ":3\r\n");
    bench.events();
    bench
}

#[test]
fn additions_are_those_of_a_sorted_set() {
    let mut bench = sicily();
    assert_eq!(bench.run("ZSCORE s Palermo"), "$16\r\n3479099956230698\r\n");
    assert_eq!(bench.run("GEOADD s NX 1 1 Palermo 2 2 new"), ":1\r\n");
    assert_eq!(bench.run("GEOADD s XX CH 1 1 Palermo 2 2 none"), ":1\r\n");
    assert_eq!(bench.run("GEOADD none XX 1 1 a"), ":0\r\n");
    assert_eq!(bench.events(), ["zadd s", "zadd s"]);
    let (syntax, float) = ("-ERR syntax error\r\n", "-ERR value is not a valid float\r\n");
    for (line, error) in [
        ("GEOADD s XX NX 1 1 a", syntax),
        ("GEOADD s 1 1 a 2", syntax),
        ("GEOADD s CH CH NX", syntax),
        ("GEOADD s 1 1 a nan 1 b", float),
        ("GEOADD s 1 1 a 1 x b", float),
        ("GEOADD s 1 1 a 181 inf b", "-ERR invalid longitude,latitude pair 181.000000,inf\r\n"),
        ("GEOADD s 0 85.06 b", "-ERR invalid longitude,latitude pair 0.000000,85.060000\r\n"),
    ] {
        assert_eq!(bench.run(line), error, "{line}");
    }
    assert_eq!(bench.run("ZSCORE s a"), "$-1\r\n");
}

#[test]
fn single_members_are_printed_as_redis_prints_them() {
    let mut bench = sicily();
    assert_eq!(bench.run("GEODIST s Palermo Catania"), "$11\r\n166274.1516\r\n");
    assert_eq!(bench.run("GEODIST s Palermo Catania KM"), "$8\r\n166.2742\r\n");
    assert_eq!(bench.run("GEODIST s Palermo Palermo"), "$6\r\n0.0000\r\n");
    assert_eq!(bench.run("GEODIST s Palermo none"), "$-1\r\n");
    assert_eq!(bench.run("GEODIST s a b c d"), "-ERR syntax error\r\n");
    assert_eq!(bench.run("GEODIST none a b ly"), "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n");
    assert_eq!(bench.run("GEOHASH s Palermo none"), "*2\r\n$11\r\nsqc8b49rny0\r\n$-1\r\n");
    assert_eq!(
        bench.run("GEOPOS s Palermo none"),
        "*2\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*-1\r\n"
    );
    bench.protocol = Protocol::Resp3;
    assert_eq!(
        bench.run("GEOPOS s Palermo none"),
        "*2\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n_\r\n"
    );
}

#[test]
fn searches_find_sort_and_limit() {
    let mut bench = sicily();
    let near = "GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km";
    assert_eq!(bench.run(&format!("{near} ASC")), "*2\r\n$7\r\nCatania\r\n$7\r\nPalermo\r\n");
    assert_eq!(bench.run(&format!("{near} DESC")), "*2\r\n$7\r\nPalermo\r\n$7\r\nCatania\r\n");
    assert_eq!(bench.run(&format!("{near} COUNT 1")), "*1\r\n$7\r\nCatania\r\n");
    assert!(bench.run(&format!("{near} COUNT 1 ANY")).starts_with("*1\r\n"));
    assert_eq!(
        bench.run("GEOSEARCH s FROMMEMBER Catania BYBOX 10 10 m WITHHASH WITHDIST"),
        "*1\r\n*3\r\n$7\r\nCatania\r\n$6\r\n0.0000\r\n:3479447370796909\r\n"
    );
    assert_eq!(
        bench.run("GEORADIUSBYMEMBER_RO s Palermo 1 m WITHCOORD"),
        "*1\r\n*2\r\n$7\r\nPalermo\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n"
    );
    assert!(bench.run("GEORADIUS s 15 37 200 km ASC").contains("Palermo"));
    assert!(bench.run("GEORADIUS s 15 37 inf km").starts_with("*3\r\n"));
}

#[test]
fn wrong_options_are_told_in_redis_words() {
    let mut bench = sicily();
    bench.run("SET t x");
    for (line, error) in [
        (
            "GEOSEARCH s FROMMEMBER Palermo WITHCOORD WITHDIST WITHHASH ASC",
            "exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH",
        ),
        (
            "geosearch s BYRADIUS 1 m ASC WITHDIST WITHHASH",
            "exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch",
        ),
        ("GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 m ANY", "the ANY argument requires COUNT argument"),
        ("GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 m COUNT 0", "COUNT must be > 0"),
        ("GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 m BYBOX 1 1 m", "syntax error"),
        ("GEOSEARCH s FROMMEMBER Palermo FROMLONLAT 1 1 BYBOX 1 1 m", "syntax error"),
        ("GEOSEARCH s FROMMEMBER none BYBOX 1 1 m", "could not decode requested zset member"),
        ("GEOSEARCH s FROMMEMBER Palermo BYBOX -1 1 m", "height or width cannot be negative"),
        ("GEOSEARCH s FROMMEMBER Palermo BYBOX 1 x m", "need numeric height"),
        ("GEOSEARCH s FROMMEMBER Palermo BYRADIUS x m", "need numeric radius"),
        ("GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 m STOREDIST", "syntax error"),
        ("GEORADIUS s 1 1 -1 m", "radius cannot be negative"),
        ("GEORADIUS_RO s 1 1 1 m STORE d", "syntax error"),
        (
            "GEORADIUS s 1 1 1 m STORE d WITHDIST",
            "STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        (
            "GEOSEARCHSTORE d s FROMMEMBER Palermo BYRADIUS 1 m WITHHASH",
            "GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
    ] {
        assert_eq!(bench.run(line), format!("-ERR {error}\r\n"), "{line}");
    }
    assert!(bench.run("GEORADIUS t x y z w").starts_with("-WRONGTYPE"));
    // A missing source hides what depends on it.
    assert_eq!(bench.run("GEORADIUSBYMEMBER none x y z"), "*0\r\n");
    assert_eq!(bench.run("GEOSEARCH none FROMMEMBER x BYRADIUS 1 m"), "*0\r\n");
}

#[test]
fn results_are_stored_or_the_target_is_deleted() {
    let mut bench = sicily();
    assert_eq!(bench.run("GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST"), ":2\r\n");
    assert_eq!(bench.dirty(), 2);
    assert_eq!(bench.run("ZSCORE d Catania"), "$18\r\n56.441257870158204\r\n");
    assert_eq!(bench.run("GEORADIUS s 15 37 200 km STORE d"), ":2\r\n");
    assert_eq!(bench.run("ZSCORE d Catania"), "$16\r\n3479447370796909\r\n");
    assert_eq!(bench.run("GEOSEARCHSTORE d none FROMLONLAT 15 37 BYRADIUS 200 km"), ":0\r\n");
    assert_eq!(bench.run("EXISTS d"), ":0\r\n");
    assert_eq!(bench.run("GEORADIUSBYMEMBER none x 1 m STORE d"), ":0\r\n");
    assert_eq!(bench.events(), ["geosearchstore d", "georadiusstore d", "del d"]);
}

#[test]
fn large_sets_answer_as_small_ones() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bench = Bench::new();
    for at in 0..600 {
        let (longitude, latitude) = (10.0 + rng.f64() * 4.0, 40.0 + rng.f64() * 4.0);
        bench.run(&format!("GEOADD large {longitude} {latitude} p{at}"));
        bench.run(&format!("GEOADD packed {longitude} {latitude} p{at}"));
        if at >= 100 {
            bench.run(&format!("ZREM packed p{}", at - 100));
            bench.run(&format!("ZREM large p{}", at - 100));
        }
    }
    assert_eq!(bench.run("OBJECT ENCODING large"), bench.run("OBJECT ENCODING packed"));
    for at in 0..100 {
        bench.run(&format!("GEOADD large {} {} x{at}", 100.0 + f64::from(at) / 10.0, 10.0));
    }
    assert_eq!(bench.run("OBJECT ENCODING large"), "$8\r\nskiplist\r\n");
    for options in
        ["BYRADIUS 90 km ASC", "BYRADIUS 90 km DESC COUNT 5", "BYBOX 100 300 km", "BYRADIUS 200 km COUNT 7 ANY"]
    {
        let search = |key: &str| format!("GEOSEARCH {key} FROMLONLAT 12 42 {options}");
        assert_eq!(bench.run(&search("large")), bench.run(&search("packed")), "{options}");
    }
}
