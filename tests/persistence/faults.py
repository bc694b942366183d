"""A disk that fills up, by a limit on file sizes and, as root, by a small file system: writes are refused with MISCONF,
reads are served, everything heals when space returns, and nothing acknowledged is lost. A folder that cannot be written.
"""

import os
import subprocess
import sys
import tempfile

from kit import Failure, Node, check, encode, main, options, value

BLOB = b"x" * 20_000


def fill_until_refused(node):
    """Writes until MISCONF; returns the keys acknowledged, the refusal, and the connection whose last write has no answer yet."""
    c, other = node.connect(), node.connect()
    acked = []
    c.sock.setblocking(True)
    c.sock.settimeout(0.3)
    for n in range(10_000):
        key = b"k%d" % n
        c.sock.sendall(encode((b"SET", key, BLOB)))
        answer = b""
        while b"\r\n" not in answer:
            try:
                got = c.sock.recv(1000)
                check(got, f"the server closed the connection\n{node.log()[-1500:]}")
                answer += got
            except TimeoutError:
                # Held: it cannot be made durable. Others are refused meanwhile.
                node.wait_for("writes are refused", lambda: other.call(b"SET", b"probe", b"v")[0] == "-")
                return acked, other.call(b"SET", b"probe", b"v")[1].decode(), c, key
        if answer.startswith(b"-"):
            return acked, answer.decode().strip()[1:], None, None
        acked.append(key)
    raise Failure("the disk never filled up")


def reads_are_served(node, keys):
    c = node.connect()
    for k in keys[:50]:
        check(c.call(b"GET", k) == ("$", BLOB), f"{k} is not served while the disk is full")
    reply = c.call(b"SET", b"refused", b"v")
    check(reply[0] == "-" and reply[1].startswith(b"MISCONF"), f"a write while the disk is full: {reply}")
    c.call(b"MULTI")
    c.call(b"SET", b"refused", b"v")
    reply = c.call(b"EXEC")
    check(reply[0] == "-" and b"MISCONF" in reply[1] or b"EXECABORT" in reply[1], f"EXEC of a write while the disk is full: {reply}")
    # As in Redis, so that those who only watch the server learn of it.
    reply = c.call(b"PING")
    check(reply[0] == "-" and reply[1].startswith(b"MISCONF"), f"PING while the disk is full: {reply}")


def log_heals(o, policy, fill, heal, reason, directory=None):
    """The log's disk fills up and has room again."""
    what = f"full disk, appendfsync {policy}"
    with Node(o.server, {"appendonly": "yes", "appendfsync": policy, "auto-aof-rewrite-percentage": 0}, directory) as node:
        node.start()
        fill(node)
        acked, refusal, held, held_key = fill_until_refused(node)
        check(refusal.startswith("MISCONF Errors writing to the AOF file: ") and reason in refusal, f"{what}: refused with: {refusal}")
        reads_are_served(node, acked)
        check(node.info("persistence", "aof_last_write_status") == "err", f"{what}: aof_last_write_status")
        heal(node)
        node.wait_for("writes are taken again", lambda: node.call("SET", "after", "v") == ("+", b"OK"))
        if held is not None:
            held.sock.settimeout(20)
            check(held.sock.recv(100) == b"+OK\r\n", f"{what}: the held write was not answered")
            acked.append(held_key)
        check(node.info("persistence", "aof_last_write_status") == "ok", f"{what}: aof_last_write_status after healing")
        # A killed process loses what it has not handed to the system, and only that.
        node.wait_for("the log is written", lambda: node.info("persistence", "aof_buffer_length") == "0")
        node.kill()
        node.start()
        c = node.connect()
        missing = [k for k in acked if c.call(b"GET", k) != ("$", BLOB)]
        check(not missing and value(c.call(b"GET", b"after")) == b"v", f"{what}: lost after healing: {missing[:5]}")
        check(value(c.call(b"GET", b"refused")) is None, f"{what}: a refused write is there")


def snapshot_heals(o, fill, heal, directory=None):
    """A snapshot that cannot be written: told, writes refused because of save points, no file left, healed by the next one."""
    with Node(o.server, {"save": "3600 1"}, directory) as node:
        node.start(save="3600 1")
        c = node.connect()
        for n in range(100):
            c.call(b"SET", b"k%d" % n, os.urandom(5000))
        check(c.call(b"SAVE") == ("+", b"OK"), "SAVE with room")
        digest = node.digest()
        for n in range(100, 140):
            c.call(b"SET", b"k%d" % n, os.urandom(5000))
        fill(node)
        check(c.call(b"BGSAVE")[0] == "+", "BGSAVE")
        node.wait_idle()
        check(node.info("persistence", "rdb_last_bgsave_status") == "err", "rdb_last_bgsave_status after a failure")
        check("Background saving error" in node.log(), "the failure is not in the log")
        reply = c.call(b"SET", b"refused", b"v")
        check(reply[0] == "-" and reply[1].startswith(b"MISCONF Redis is configured to save RDB snapshots"), f"a write after a failed snapshot: {reply}")
        check(value(c.call(b"DBSIZE")) == 140, "reads after a failed snapshot")
        check(c.call(b"SAVE")[0] == "-", "SAVE succeeded on a full disk")
        reply = c.call(b"SHUTDOWN")
        check(reply[0] == "-" and b"Errors trying to SHUTDOWN" in reply[1], f"SHUTDOWN that cannot save: {reply}")
        check(not [n for n in os.listdir(node.directory) if n.startswith("temp-")], f"left behind: {os.listdir(node.directory)}")
        with Node(o.server) as other:
            with open(node.path("dump.rdb"), "rb") as f, open(other.path("dump.rdb"), "wb") as to:
                to.write(f.read())
            check(other.start().digest() == digest, "the old snapshot is damaged")
        heal(node)
        check(c.call(b"BGSAVE")[0] == "+", "BGSAVE")
        node.wait_idle()
        check(node.info("persistence", "rdb_last_bgsave_status") == "ok", "rdb_last_bgsave_status after healing")
        check(c.call(b"SET", b"after", b"v") == ("+", b"OK"), "a write after healing")
        digest = node.digest()
        check(node.terminate() == 0, "the end")
        check(node.start().digest() == digest, "the snapshot at the end is not whole")


def rewrite_heals(o, fill, heal, directory=None):
    """A rewrite that fails leaves the log as it was, and the next one works."""
    with Node(o.server, {"appendonly": "yes", "appendfsync": "always", "auto-aof-rewrite-percentage": 0}, directory) as node:
        node.start()
        c = node.connect()
        for n in range(60):
            c.call(b"SET", b"k%d" % n, os.urandom(5000))
        fill(node)
        check(c.call(b"BGREWRITEAOF")[0] == "+", "BGREWRITEAOF")
        node.wait_idle()
        check(node.info("persistence", "aof_last_bgrewrite_status") == "err", "aof_last_bgrewrite_status after a failure")
        heal(node)
        node.wait_for("writes are taken", lambda: c.call(b"SET", b"more", b"v") == ("+", b"OK"))
        digest = node.digest()
        node.kill()
        check(node.start().digest() == digest, "a failed rewrite lost data")
        c = node.connect()
        check(c.call(b"BGREWRITEAOF")[0] == "+", "BGREWRITEAOF")
        node.wait_idle()
        check(node.info("persistence", "aof_last_bgrewrite_status") == "ok", "aof_last_bgrewrite_status after healing")
        names = sorted(os.listdir(node.path("appendonlydir")))
        check(len(names) == 3 and not [n for n in os.listdir(node.directory) if n.startswith("temp-")], f"left behind: {names} {os.listdir(node.directory)}")
        node.kill()
        check(node.start().digest() == digest, "the rewritten log lost data")


class SmallDisk:
    """A file system of a few megabytes, where that is allowed."""

    def __init__(self, size):
        self.path = tempfile.mkdtemp(prefix="larder-small-")
        self.mounted = os.geteuid() == 0 and self.mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def mount(self, *words):
        return subprocess.run(["mount", *words, self.path], stderr=subprocess.DEVNULL).returncode == 0

    def fill(self, _node, leave=200_000):
        with open(os.path.join(self.path, "filler"), "wb") as f:
            stat = os.statvfs(self.path)
            os.posix_fallocate(f.fileno(), 0, max(1, stat.f_bavail * stat.f_frsize - leave))

    def free(self, _node):
        os.remove(os.path.join(self.path, "filler"))

    def read_only(self, _node):
        check(self.mount("-o", "remount,ro"), "remount")

    def writable(self, _node):
        check(self.mount("-o", "remount,rw"), "remount")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path])
        os.rmdir(self.path)


def run(o):
    def limited(node):
        node.limit_files(400_000)

    def unlimited(node):
        node.limit_files(None)

    parts = 0
    for policy in ("always", "everysec", "no"):
        log_heals(o, policy, limited, unlimited, "File too large")
        parts += 1
    snapshot_heals(o, limited, unlimited)
    rewrite_heals(o, lambda node: node.limit_files(100_000), unlimited)
    parts += 2
    with SmallDisk("8m") as probe:
        small = probe.mounted
    if small:
        for policy in ("always", "everysec"):
            with SmallDisk("8m") as disk:
                log_heals(o, policy, disk.fill, disk.free, "No space left on device", disk.path)
        with SmallDisk("8m") as disk:
            snapshot_heals(o, lambda n: disk.fill(n, 100_000), disk.free, disk.path)
        with SmallDisk("8m") as disk:
            snapshot_heals(o, disk.read_only, disk.writable, disk.path)
        with SmallDisk("8m") as disk:
            rewrite_heals(o, lambda n: disk.fill(n, 100_000), disk.free, disk.path)
        parts += 5
    return f"{parts} kinds of trouble healed{'' if small else '; no small file system here, only limits on files'}"


if __name__ == "__main__":
    arguments = options(__doc__)
    sys.exit(main("faults", lambda: run(arguments)))
