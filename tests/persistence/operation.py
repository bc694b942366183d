"""What operators do to a server with files: start two on one folder, start on damaged, torn and old files, turn the log on
and off under load, end the server in every way, ask it while it loads, flush it, and let it run short of memory while a
snapshot is written.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from kit import Failure, Node, check, encode, main, options, value

LOG = {"appendonly": "yes", "appendfsync": "always", "auto-aof-rewrite-percentage": 0}


def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def refused(node, *texts, **more):
    """It does not start; the log says why in these words, and no trace of a panic is in it."""
    status, log = node.fails_to_start(**more)
    check(status == 1, f"exit status {status} instead of 1:\n{log[-1500:]}")
    for text in texts:
        check(text in log, f"{text!r} is not in the log:\n{log[-1500:]}")
    check("panicked" not in log, log[-1500:])


def two_servers(o):
    with Node(o.server, LOG) as first, Node(o.server, LOG, first.directory) as second, Node(o.server, {"enable-protected-configs": "yes"}) as third:
        first.start()
        c = first.connect()
        c.call(b"DEBUG", b"POPULATE", b"1000")
        c.call(b"CONFIG", b"SET", b"rdb-key-save-delay", b"3000")
        check(c.call(b"BGSAVE")[0] == "+", "BGSAVE")
        first.wait_for("a temporary file", lambda: any(n.startswith("temp-") for n in os.listdir(first.directory)))
        second.own = False
        refused(second, "another server is using the folder", first.directory)
        # One that writes nothing may look on, but not begin to write, nor tidy up.
        second.start(appendonly="no", save="")
        reply = second.call("CONFIG", "SET", "appendonly", "yes")
        check(reply[0] == "-" and b"another server is using the folder" in reply[1], f"appendonly yes: {reply}")
        second.kill()
        third.start()
        reply = third.call("CONFIG", "SET", "dir", first.directory)
        check(reply[0] == "-" and b"another server is using the folder" in reply[1], f"dir: {reply}")
        check(value(third.call("CONFIG", "GET", "dir"))[1].decode() == os.path.realpath(third.directory), "dir after a refusal")
        check(any(n.startswith("temp-") for n in os.listdir(first.directory)), "another server's work was removed")
        c.call(b"CONFIG", b"SET", b"rdb-key-save-delay", b"0")
        first.kill()
        check(third.call("CONFIG", "SET", "dir", first.directory) == ("+", b"OK"), "dir once the folder is free")
        third.kill()
        first.start()
        check(not [n for n in os.listdir(first.directory) if n.startswith("temp-")], f"left behind: {os.listdir(first.directory)}")


def damaged(o):
    """Anything wrong in a file but a torn end: one clear line with file and offset, status 1."""
    with Node(o.server, {"rdbcompression": "no"}) as node:
        c = node.start().connect()
        for n in range(200):
            c.call(b"SET", b"key%d" % n, b"value" * 20)
            c.call(b"ZADD", b"z", b"%d.5" % n, b"m%d" % n)
        check(c.call(b"SAVE") == ("+", b"OK"), "SAVE")
        node.kill()
        path, good = node.path("dump.rdb"), get(node.path("dump.rdb"))
        put(path, good[:-200])
        refused(node, "Unexpected EOF reading RDB file", "(dump.rdb, offset ", "Terminating server after rdb file reading failure.")
        at = good.index(b"valuevalue")
        put(path, good[:at] + b"V" + good[at + 1 :])
        refused(node, "RDB CRC error", "(dump.rdb, offset ")
        put(path, b"REDIS0099" + good[9:])
        refused(node, "Can't handle RDB format version 99")
        put(path, b"hello" + good[5:])
        refused(node, "Wrong signature trying to load DB from file")
        put(path, good[:9] + b"\xc8\x01k" + good[9:])
        refused(node, "Unknown RDB encoding type 200", "(dump.rdb, offset ")
        put(path, good)
        c = node.start().connect()
        check(value(c.call(b"DBSIZE")) == 201, "the undamaged file")
        # Payloads are checked likewise, and the log says why one was refused to those who look closely.
        payload = value(c.call(b"DUMP", b"z"))
        wrong = payload[:-1] + bytes([payload[-1] ^ 1])
        check(c.call(b"RESTORE", b"new", b"0", wrong) == ("-", b"ERR DUMP payload version or checksum are wrong"), "a wrong checksum")
        check(c.call(b"DEBUG", b"SET-SKIP-CHECKSUM-VALIDATION", b"1") == ("+", b"OK"), "DEBUG")
        check(c.call(b"RESTORE", b"new", b"0", wrong) == ("+", b"OK"), "a wrong checksum that is not looked at")
        check(c.call(b"RESTORE", b"bad", b"0", b"\x10\x05\x05\x00\x00\x00\x00" + payload[-10:]) == ("-", b"ERR Bad data format"), "a damaged payload")
        check("Hash listpack integrity check failed." in node.log(), "the log does not tell")
    with Node(o.server, LOG) as node:
        c = node.start().connect()
        for n in range(100):
            c.call(b"SET", b"key%d" % n, b"value")
        node.kill()
        folder = node.path("appendonlydir")
        manifest, base, incr = (os.path.join(folder, "appendonly.aof" + end) for end in (".manifest", ".1.base.rdb", ".1.incr.aof"))
        whole = {path: get(path) for path in (manifest, base, incr)}
        half = whole[incr].index(b"key50")
        cases = [
            (incr, whole[incr][: half - 4] + b"!" + whole[incr][half - 3 :], ["Bad file format reading the append only file appendonly.aof.1.incr.aof", "offset"]),
            (incr, whole[incr] + encode((b"bla",)), ["Unknown command 'bla' reading the append only file appendonly.aof.1.incr.aof"]),
            (incr, None, ["appendonly.aof.1.incr.aof", "No such file or directory"]),
            (base, None, ["appendonly.aof.1.base.rdb", "No such file or directory"]),
            (base, whole[base][:-3], ["Unexpected EOF", "appendonly.aof.1.base.rdb", "offset"]),
            (manifest, b"", ["Found an empty AOF manifest"]),
            (manifest, whole[manifest] + b"file x seq 1 type z\n", ["Unknown AOF file type", "at line 3"]),
            (manifest, b"bad\n", ["Invalid AOF manifest file format"]),
        ]
        for path, data, texts in cases:
            os.remove(path) if data is None else put(path, data)
            refused(node, *texts)
            put(path, whole[path])
        # A torn end of the last file is cut, and said, unless that is forbidden.
        for torn in (whole[incr][:-3], whole[incr] + encode((b"MULTI",)) + encode((b"SET", b"half", b"1")), whole[incr] + b"\0" * 4096):
            put(incr, torn)
            refused(node, "Unexpected end of file reading the append only file appendonly.aof.1.incr.aof", aof_load_truncated="no")
            check(get(incr) == torn, "a file that was refused was changed")
            node.start()
            check("Truncating the AOF appendonly.aof.1.incr.aof at offset" in node.log(), node.log())
            check(value(node.call("DBSIZE")) in (99, 100) and value(node.call("EXISTS", "half")) == 0, "after the cut")
            node.kill()
            put(incr, whole[incr])
        check(value(node.start().call("DBSIZE")) == 100, "the undamaged log")


def old_logs(o):
    """A single file, with and without a snapshot before the requests; and one with times."""
    requests = b"".join(encode(r) for r in [(b"SELECT", b"2"), (b"SET", b"k", b"v"), (b"RPUSH", b"l", b"1", b"2"), (b"MULTI",), (b"INCR", b"n"), (b"INCR", b"n"), (b"EXEC",)])
    with Node(o.reference) as theirs:
        c = theirs.start().connect()
        c.call(b"SELECT", b"2")
        c.call(b"HSET", b"h", b"f", b"v")
        c.call(b"SAVE")
        snapshot = get(theirs.path("dump.rdb"))
    for name, old, keys in (("requests", requests, 3), ("a snapshot and requests", snapshot + requests, 4)):
        digests = []
        for binary in (o.server, o.reference):
            with Node(binary, LOG) as node:
                put(node.path("appendonly.aof"), old)
                c = node.start().connect()
                c.call(b"SELECT", b"2")
                check(value(c.call(b"DBSIZE")) == keys, f"{name}: {value(c.call(b'KEYS', b'*'))}")
                check("Successfully migrated an old-style AOF" in node.log(), node.log())
                digests.append(node.digest())
                c.call(b"SET", b"more", b"1")
                node.kill()
                check(value(node.start().call("DBSIZE")) == 0 and sorted(os.listdir(node.path("appendonlydir"))) ==
                      ["appendonly.aof", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"], f"{name}: {os.listdir(node.path('appendonlydir'))}")
                check(not os.path.exists(node.path("appendonly.aof")), f"{name}: the old file is still there")
                # As the base it is replaced by a rewrite like any other.
                check(node.call("BGREWRITEAOF")[0] == "+", "BGREWRITEAOF")
                node.wait_idle()
                node.wait_for("the history is removed", lambda n=node: len(os.listdir(n.path("appendonlydir"))) == 3)
                digest = node.digest()
                node.kill()
                check(node.start().digest() == digest, f"{name}: after the rewrite")
        check(digests[0] == digests[1], f"{name}: the servers read it differently")
    with Node(o.server, dict(LOG, **{"aof-timestamp-enabled": "yes"})) as node:
        c = node.start().connect()
        for n in range(3):
            c.call(b"SET", b"k%d" % n, b"v")
            second = time.time()
            while int(time.time()) == int(second):
                time.sleep(0.02)
        node.kill()
        incr = node.path("appendonlydir", "appendonly.aof.1.incr.aof")
        stamps = [int(line[4:]) for line in get(incr).split(b"\r\n") if line.startswith(b"#TS:")]
        check(len(stamps) == 3 and stamps == sorted(stamps), f"times in the log: {stamps}")
        manifest = node.path("appendonlydir", "appendonly.aof.manifest")
        done = subprocess.run([o.server, "check-aof", "--truncate-to-timestamp", str(stamps[1]), manifest], capture_output=True)
        check(done.returncode == 0, done.stdout + done.stderr)
        check(value(node.start().call("DBSIZE")) == 2, "the log back at an earlier moment")
        # Large, it loads as any other.
        pipe = [(b"SET", b"many%d" % n, b"x" * 100) for n in range(50_000)]
        c = node.connect()
        for at in range(0, len(pipe), 1000):
            c.pipeline(pipe[at : at + 1000])
        digest = node.digest()
        node.kill()
        check(node.start().digest() == digest, "a large log with times")


def on_and_off(o):
    """The log is turned on and off while clients write. Once it is on, nothing acknowledged is lost."""
    rng = random.Random(o.seed)
    with Node(o.server, {"appendfsync": "always", "auto-aof-rewrite-percentage": 0}) as node:
        node.start()
        stop, acked, sent = threading.Event(), [0], [0]

        def write():
            c = node.connect()
            try:
                while not stop.is_set():
                    sent[0] += 1
                    reply = c.call(b"INCR", b"n")
                    if reply[0] != ":":
                        break
                    acked[0] = reply[1]
            except (OSError, ConnectionError, Failure):
                pass

        for number in range(4):
            writer = threading.Thread(target=write)
            writer.start()
            c = node.connect()
            for _ in range(3):
                check(c.call(b"CONFIG", b"SET", b"appendonly", b"yes") == ("+", b"OK"), "appendonly yes")
                if rng.random() < 0.5:
                    node.wait_idle()
                check(c.call(b"CONFIG", b"SET", b"appendonly", b"no") == ("+", b"OK"), "appendonly no")
                check(node.info("persistence", "aof_enabled") == "0", "aof_enabled")
            check(c.call(b"CONFIG", b"SET", b"appendonly", b"yes") == ("+", b"OK"), "appendonly yes")
            node.wait_idle()
            time.sleep(rng.random() * 0.2)
            node.kill()
            stop.set()
            writer.join(30)
            stop.clear()
            there = int(value(node.start(appendonly="yes").call("GET", "n")))
            check(acked[0] <= there <= sent[0], f"round {number}: {acked[0]} acknowledged, {there} there, {sent[0]} sent")
            sent[0] = acked[0] = there
            check(node.call("CONFIG", "SET", "appendonly", "no") == ("+", b"OK"), "appendonly no")
        # While the first base is written the process does not end, unless forced.
        node.call("DEBUG", "POPULATE", "1000")
        node.call("CONFIG", "SET", "rdb-key-save-delay", "5000")
        node.call("CONFIG", "SET", "appendonly", "yes")
        reply = node.call("SHUTDOWN")
        check(reply == ("-", b"ERR Errors trying to SHUTDOWN. Check logs."), f"SHUTDOWN while the first base is written: {reply}")
        check("Writing initial AOF, can't exit" in node.log(), node.log()[-500:])
        ended(node, "SHUTDOWN", "FORCE")


def manifests(o):
    """Which files make up the log, step by step as redis-server has them."""
    told = [manifest_steps(binary) for binary in (o.server, o.reference)]
    for (what, ours), (_, theirs) in zip(*told):
        check(ours == theirs, f"{what}: {ours} and {theirs}")


def manifest_steps(binary):
    steps = []
    with Node(binary, dict(LOG, **{"appendfsync": "everysec"})) as node:
        c = node.start().connect()

        def note(what):
            with open(node.path("appendonlydir", "appendonly.aof.manifest")) as f:
                lines = f.read().split("\n")
            named = sorted(line.split()[1] for line in lines if line)
            node.wait_for(f"{what}: only the named files are there", lambda: sorted(os.listdir(node.path("appendonlydir"))) == sorted(named + ["appendonly.aof.manifest"]))
            steps.append((what, lines))

        def call(*request):
            reply = c.call(*(r.encode() for r in request))
            check(reply[0] != "-", f"{binary} {request}: {reply}")

        def rewrite():
            call("BGREWRITEAOF")
            node.wait_idle()

        call("SET", "k", "v")
        note("the start")
        rewrite()
        note("a rewrite")
        call("CONFIG", "SET", "appendonly", "no")
        call("SET", "k", "w")
        rewrite()
        note("a rewrite with the log off")
        call("DEBUG", "LOADAOF")
        check(c.call(b"GET", b"k") == ("$", b"w"), "what the rewrite wrote")
        call("CONFIG", "SET", "appendonly", "yes")
        node.wait_idle()
        note("turned on again")
        call("CONFIG", "SET", "aof-disable-auto-gc", "yes")
        rewrite()
        rewrite()
        note("two rewrites that keep what they replace")
        call("CONFIG", "SET", "aof-disable-auto-gc", "no")
        node.wait_for("the history is gone", lambda: len(os.listdir(node.path("appendonlydir"))) == 3)
        note("no longer")
        call("DEBUG", "LOADAOF")
        rewrite()
        note("a rewrite after loading")
        # Turned on during a snapshot the log waits; until its base is there the old one counts.
        call("CONFIG", "SET", "appendonly", "no")
        call("DEBUG", "POPULATE", "300")
        call("CONFIG", "SET", "rdb-key-save-delay", "5000")
        call("SET", "k1", "v1")
        call("BGSAVE")
        call("CONFIG", "SET", "rdb-key-save-delay", "0")
        call("CONFIG", "SET", "appendonly", "yes")
        steps.append(("scheduled", node.info("persistence", "aof_rewrite_scheduled")))
        note("turned on during a snapshot")
        call("SET", "k2", "v2")
        node.wait_idle()
        note("its base is there")
        call("SET", "k3", "v3")
        call("DEBUG", "LOADAOF")
        steps.append(("keys", c.call(b"DBSIZE")))
    return steps


def ended(node, *request):
    """The server ends at this request, with status 0."""
    c = node.connect()
    c.sock.setblocking(True)
    c.sock.sendall(encode([word.encode() for word in request]))
    check(node.process.wait(30) == 0, f"{request}: status {node.process.returncode}\n{node.log()[-800:]}")
    check("bye bye" in node.log(), node.log()[-500:])


def shutdowns(o):
    for points, request, saved in [("", ["SHUTDOWN"], False), ("900 1", ["SHUTDOWN"], True), ("900 1", ["SHUTDOWN", "NOSAVE"], False), ("", ["SHUTDOWN", "SAVE"], True),
                                   ("900 1", ["SHUTDOWN", "NOW"], True), ("900 1", ["SHUTDOWN", "NOSAVE", "NOW", "FORCE"], False)]:
        with Node(o.server, {"save": points}) as node:
            node.start(save=points).call("SET", "k", "v")
            ended(node, *request)
            check(os.path.exists(node.path("dump.rdb")) == saved, f"save '{points}', {request}: {os.listdir(node.directory)}")
    for binary in (o.server, o.reference):
        with Node(binary) as node:
            c = node.start(save="900 1").connect()
            c.call(b"SET", b"k", b"v")
            for request, text in [((b"SHUTDOWN", b"ABORT"), b"ERR No shutdown in progress."), ((b"SHUTDOWN", b"SAVE", b"NOSAVE"), b"ERR syntax error"),
                                  ((b"SHUTDOWN", b"ABORT", b"NOW"), b"ERR syntax error"), ((b"SHUTDOWN", b"LATER"), b"ERR syntax error")]:
                reply = c.call(*request)
                check(reply == ("-", text), f"{binary} {request}: {reply}")
            # A save that fails keeps the server, unless forced.
            os.mkdir(node.path("dump.rdb"))
            reply = c.call(b"SHUTDOWN")
            check(reply == ("-", b"ERR Errors trying to SHUTDOWN. Check logs."), f"{binary}: {reply}")
            node.process.send_signal(signal.SIGTERM)
            node.wait_for("the refusal in the log", lambda: "Errors trying to shut down the server" in node.log())
            check(c.call(b"GET", b"k") == ("$", b"v"), "still serving")
            ended(node, "SHUTDOWN", "SAVE", "FORCE")
    with Node(o.server, LOG) as node:
        # A second SIGINT does not wait for the save, and leaves nothing half done.
        node.start(save="900 1").call("DEBUG", "POPULATE", "1000")
        node.call("SET", "k", "v")
        node.call("CONFIG", "SET", "rdb-key-save-delay", "10000")
        node.process.send_signal(signal.SIGINT)
        node.wait_for("the last snapshot is begun", lambda: f"temp-{node.process.pid}.rdb" in os.listdir(node.directory))
        node.process.send_signal(signal.SIGINT)
        check(node.process.wait(5) == 1, "a second SIGINT")
        check(not [n for n in os.listdir(node.directory) if n.startswith("temp-")], f"left behind: {os.listdir(node.directory)}")
        check(node.start().call("GET", "k") == ("$", b"v"), "what the log holds")


def loading(o):
    with Node(o.server) as node:
        node.start().call("DEBUG", "POPULATE", "20000", "key", "500")
        check(node.call("SAVE") == ("+", b"OK"), "SAVE")
        node.kill()
        for end in ("finish", "SHUTDOWN", "SIGTERM"):
            node.launch(key_load_delay=500, loading_process_events_interval_bytes=1024, save="900 1")
            node.wait_for("a connection", lambda: connects(node))
            c = node.connect()
            for request in ((b"GET", b"key:1"), (b"PING",), (b"SET", b"k", b"v"), (b"DBSIZE",)):
                reply = c.call(*request)
                check(reply == ("-", b"LOADING Redis is loading the dataset in memory"), f"{request} while loading: {reply}")
            # Clients may be answered before the file's first bytes are read.
            node.wait_for("the load to begin", lambda: int(persistence_fields(c)["loading_rdb_used_mem"]) > 1_000_000)
            fields = persistence_fields(c)
            check(fields["loading"] == "1" and int(fields["loading_total_bytes"]) > 100_000, str(fields))
            check(0 <= float(fields["loading_loaded_perc"]) < 100, str(fields))
            check(all(name in fields for name in ("loading_start_time", "loading_loaded_bytes", "loading_eta_seconds", "async_loading")), str(fields))
            if end == "finish":
                check(c.call(b"CONFIG", b"SET", b"key-load-delay", b"0") == ("+", b"OK"), "CONFIG SET while loading")
                node.wait_for("the data is there", lambda: c.call(b"DBSIZE") == (":", 20000))
                check("Done loading RDB, keys loaded: 20000, keys expired: 0." in node.log(), node.log())
                check(node.info("persistence", "rdb_last_load_keys_loaded") == "20000", "rdb_last_load_keys_loaded")
                node.kill()
            elif end == "SHUTDOWN":
                ended(node, "SHUTDOWN")
            else:
                check(node.terminate() == 0, "SIGTERM while loading")
            check(os.path.getsize(node.path("dump.rdb")) > 100_000, "the file was replaced by half of it")


def persistence_fields(c):
    return dict(line.split(":", 1) for line in value(c.call(b"INFO", b"persistence")).decode().split("\r\n") if ":" in line)


def connects(node):
    try:
        node.connect().close()
        return True
    except OSError:
        return False


def flushes(o):
    with Node(o.server) as node:
        c = node.start(save="3600 1").connect()
        c.call(b"DEBUG", b"POPULATE", b"5000")
        c.call(b"SET", b"k", b"v")
        c.call(b"CONFIG", b"SET", b"rdb-key-save-delay", b"1000")
        check(c.call(b"BGSAVE")[0] == "+", "BGSAVE")
        check(c.call(b"FLUSHALL") == ("+", b"OK"), "FLUSHALL")
        check(node.info("persistence", "rdb_bgsave_in_progress") == "0", "a snapshot of what is gone goes on")
        check(node.info("persistence", "rdb_changes_since_last_save") == "0", "changes after FLUSHALL")
        check(node.info("persistence", "rdb_last_bgsave_status") == "ok", "rdb_last_bgsave_status")
        node.kill()
        check(value(node.start().call("DBSIZE")) == 0, "what was flushed came back")
        # Without save points a snapshot under way is given up, and what is on the disk stays.
        c = node.connect()
        c.call(b"SET", b"k", b"v")
        c.call(b"SAVE")
        c.call(b"DEBUG", b"POPULATE", b"5000")
        c.call(b"CONFIG", b"SET", b"rdb-key-save-delay", b"1000")
        c.call(b"BGSAVE")
        c.call(b"FLUSHALL")
        node.wait_idle()
        node.kill()
        check(value(node.start().call("DBSIZE")) == 1, "the snapshot before")


def short_of_memory(o):
    """A snapshot holds back what is overwritten; past the limit writers are slowed, readers are not, and all goes on after it."""
    with Node(o.server) as node:
        c = node.start(snapshot_memory_limit="256kb").connect()
        c.call(b"DEBUG", b"POPULATE", b"300", b"key", b"4000")
        # What is held back is written first: it must come faster than that.
        c.call(b"CONFIG", b"SET", b"rdb-key-save-delay", b"20000")
        check(c.call(b"BGSAVE")[0] == "+", "BGSAVE")
        began, n = time.monotonic(), 0
        while int(node.info("persistence", "current_cow_size")) <= 256 << 10:
            check(node.info("persistence", "rdb_bgsave_in_progress") == "1", "the snapshot was over too soon")
            c.pipeline([(b"SET", b"key:%d" % i, b"y" * 4000) for i in range(n, n + 10)])
            n += 10
        check(n <= 200, f"{n} keys of 4,000 bytes held back less than 256 KB")
        held = int(node.info("persistence", "current_cow_peak"))
        check(256 << 10 < held < 512 << 10, f"{held} bytes held back by {n} keys")
        slow = time.monotonic()
        c.pipeline([(b"SET", b"key:%d" % i, b"z" * 4000) for i in range(200, 250)])
        took = time.monotonic() - slow
        check(took > 0.3, f"50 writes past the limit took {took:.3f} s")
        quick = time.monotonic()
        c.pipeline([(b"GET", b"key:%d" % i) for i in range(2000)])
        check(time.monotonic() - quick < 0.3, "readers were slowed")
        check("writers are slowed" in node.log(), "the log does not tell")
        c.call(b"CONFIG", b"SET", b"rdb-key-save-delay", b"0")
        node.wait_idle()
        check(int(node.info("persistence", "rdb_last_cow_size")) >= held, "rdb_last_cow_size")
        check(node.info("persistence", "current_cow_size") == "0", "current_cow_size afterwards")
        quick = time.monotonic()
        c.pipeline([(b"SET", b"key:%d" % i, b"w") for i in range(2000)])
        check(time.monotonic() - quick < 0.5, "writers are still slowed after the snapshot")
        digest = node.digest()
        check(node.call("SAVE") == ("+", b"OK"), "SAVE")
        node.kill()
        check(node.start().digest() == digest, "what was saved")


def run(o):
    print(f"operation: seed {o.seed}", flush=True)
    parts = [two_servers, damaged, old_logs, manifests, on_and_off, shutdowns, loading, flushes, short_of_memory]
    chosen = [part for part in parts if o.parts == "all" or part.__name__ in o.parts.split(",")]
    for part in chosen:
        try:
            part(o)
        except Failure as e:
            raise Failure(f"{part.__name__}: {e}") from None
        print(f"  {part.__name__}", flush=True)
    return f"{len(chosen)} parts"


if __name__ == "__main__":
    arguments = options(__doc__, parts="all")
    sys.exit(main("operation", lambda: run(arguments)))
