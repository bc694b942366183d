"""redis-cli at a terminal: prompt, history, completion and hints by COMMAND DOCS, transactions, subscriptions, MONITOR,
RESP3, reconnection, and the Lua debugger.

usage: redis_cli_terminal.py HOST PORT
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time

import kit
from kit import wait_until

client = kit.connect()
PROMPT = f"{kit.HOST}:{kit.PORT}> "


class Terminal:
    """redis-cli on a terminal of its own, 400 columns wide."""

    def __init__(self, *words):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 400, 0, 0))
        self.home = tempfile.TemporaryDirectory()
        environment = {**os.environ, "TERM": "xterm", "HOME": self.home.name, "LC_ALL": "C.UTF-8"}
        command = ["redis-cli", "-h", kit.HOST, "-p", str(kit.PORT), *words]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
        os.close(slave)
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(20)
        os.close(self.master)
        self.home.cleanup()

    def until(self, pattern, seconds=20):
        """Reads until the pattern is there; returns what came up to its end, without the codes that move the cursor."""
        deadline = time.monotonic() + seconds
        while True:
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen).replace("\r", "")
            if found := re.search(pattern, plain):
                self.seen = plain[found.end() :]
                return plain[: found.end()]
            assert time.monotonic() < deadline, f"no {pattern!r} within {seconds} s, but {plain!r}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"redis-cli ended before {pattern!r}; it wrote {plain!r}")

    def type(self, text):
        os.write(self.master, text.encode())

    def say(self, line, pattern):
        """Types a line and returns what stands between it and the next prompt; the pattern must be in it."""
        self.type(line + "\r")
        text = self.until(r"\n(?s:.*)" + pattern + r"(?s:.*?)\n" + r"(?:not connected|\d+\.\d+\.\d+\.\d+:\d+(?:\[\d+\])?)(?:\(TX\))?> ")
        return text.split("\n", 1)[1]


def prompt_and_replies():
    with Terminal() as t:
        t.until(re.escape(PROMPT))
        t.say("set greeting hello", "OK")
        t.say("get greeting", '"hello"')
        t.say("get none", r"\(nil\)")
        t.say("incr greeting", r"\(error\) ERR value is not an integer or out of range")
        t.say("rpush list a b", r"\(integer\) 2")
        t.say("lrange list 0 -1", '1\\) "a"\n2\\) "b"')
        t.say("lrange none 0 -1", r"\(empty array\)")
        t.say("nosuch x", r"\(error\) ERR unknown command 'nosuch', with args beginning with: 'x'")
        assert f"{kit.PORT}[5]> " in t.say("select 5", "OK")
        t.say("set there 1", "OK")
        assert f"{kit.PORT}> " in t.say("select 0", "OK")
        assert client.get("there") is None and kit.connect(db=5).get("there") == b"1"
        assert "(TX)> " in t.say("multi", "OK")
        t.say("incr n", "QUEUED")
        assert f"{kit.PORT}(TX)> " in t.say("incr n", "QUEUED")
        assert "(TX)" not in t.say("exec", r'1\) \(integer\) 1\n2\) \(integer\) 2')
        t.say("3 incr n", r"\(integer\) 3\n\(integer\) 4\n\(integer\) 5")
        # The line before is called back by the arrow key.
        t.type("\x1b[A")
        t.until("3 incr n")
        t.type("\r")
        t.until(r"\(integer\) 8\n" + re.escape(PROMPT))
        t.type("quit\r")
        assert t.process.wait(20) == 0


def help_completion_hints():
    with Terminal() as t:
        t.until(re.escape(PROMPT))
        text = t.say("help getex", r"since: 6\.2\.0")
        assert "GETEX key [EX seconds" in text and "summary:" in text and "group: string" in text, text
        text = t.say("help @list", "summary:")
        assert "BLMOVE source destination" in text and "RPUSHX" in text, text
        # Hints stand behind the cursor while one types; a tab completes.
        t.type("set a")
        t.until("set a value|set a ")
        t.type("\x15zrangeby\t")
        t.until("ZRANGEBYLEX|zrangebylex")
        t.type("\x15")
        t.type("lpush ")
        t.until(r"lpush +key element \[element \.\.\.\]")
        t.type("\x15")
        t.say("ping", "PONG")


def subscriptions_and_monitor():
    with Terminal() as t:
        t.until(re.escape(PROMPT))
        t.type("subscribe news\r")
        t.until(r"Reading messages\.\.\. \(press Ctrl-C to quit\)(?s:.*)1\) \"subscribe\"\n2\) \"news\"\n3\) \(integer\) 1")
        assert client.publish("news", "hello") == 1
        t.until(r'1\) "message"\n2\) "news"\n3\) "hello"')
    with Terminal("-3") as t:
        t.until(re.escape(PROMPT))
        t.type("hello\r")
        t.until(r'"proto" => \(integer\) 3')
        t.until(re.escape(PROMPT))
        client.hset("hash", mapping={"f": "v"})
        t.say("hgetall hash", '1# "f" => "v"')
        t.say("client tracking on", "OK")
        t.say("get greeting", '"hello"')
        client.set("greeting", "changed")
        # What the server pushed is shown before the next reply.
        t.say("ping", r'-> invalidate: \'greeting\'(?s:.*)PONG')
    with Terminal() as t:
        t.until(re.escape(PROMPT))
        t.type("monitor\r")
        t.until("OK\n")
        client.set("watched", "1")
        t.until(r'\d+\.\d{6} \[0 [\d.]+:\d+\] "SET" "watched" "1"')


def reconnection():
    with Terminal() as t:
        t.until(re.escape(PROMPT))
        t.say("client setname terminal", "OK")
        (own,) = [c for c in client.client_list() if c["name"] == "terminal"]
        assert client.client_kill_filter(_id=own["id"]) == 1
        # It says so, and connects anew for the next command.
        t.say("set after 1", "Error: Server closed the connection")
        t.say("set after 1", "OK")
        assert client.get("after") == b"1"
        # A blocking command is left by a signal, and the server forgets who waited.
        t.type("blpop queue 0\r")
        wait_until("it waits", lambda: client.info("clients")["blocked_clients"] == 1)
        os.kill(t.process.pid, signal.SIGINT)
        wait_until("nobody waits", lambda: client.info("clients")["blocked_clients"] == 0)


def latency_on_a_terminal():
    with Terminal("--latency", "-i", "1") as t:
        t.until(r"min: \d+, max: \d+, avg: [\d.]+ \(\d+ samples\)")
    with Terminal("--stat", "-i", "0.1") as t:
        t.until(r"keys +mem +clients +blocked +requests +connections(?s:.*)\n\d+ +[\d.]+[KMG]")


def lua_debugger():
    """Both ways: on a fork of the data, as it is by default, and on the data themselves."""
    if b"script|debug" not in client.execute_command("COMMAND LIST"):
        print("  the server has no SCRIPT DEBUG: the debugger is left out")
        return
    steps = [
        ("step", r"<redis> INCR debugged(?s:.*)<reply> 1(?s:.*)Stopped at 2(?s:.*)-> 2 +local doubled"),
        ("print n", r"<value> 1"),
        ("break 3", r"3 +return \{n, doubled"),
        ("continue", r"Stopped at 3, stop reason = break point"),
        ("print", r"<value> n = 1(?s:.*)<value> doubled = 2"),
        ("redis get debugged", r'<redis> get debugged(?s:.*)<reply> "1"'),
        ("eval 1 + 2", r"<retval> 3"),
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write("local n = redis.call('INCR', KEYS[1])\nlocal doubled = n * 2\nreturn {n, doubled, ARGV[1]}\n")
        script.flush()
        for mode, left in (("--ldb", None), ("--ldb-sync-mode", b"1")):
            client.delete("debugged")
            with Terminal(mode, "--eval", script.name, "debugged", ",", "word") as t:
                t.until(r"Stopped at 1(?s:.*)-> 1 +local n = redis\.call\('INCR', KEYS\[1\]\)(?s:.*)lua debugger> ")
                for line, answer in steps:
                    t.type(line + "\r")
                    t.until(r"\n(?s:.*)" + answer + r"(?s:.*)\nlua debugger> ")
                t.type("continue\r")
                t.until(r'1\) \(integer\) 1\n2\) \(integer\) 2\n3\) "word"(?s:.*)Lua debugging session ended')
            assert client.get("debugged") == left, (mode, client.get("debugged"))


kit.main(prompt_and_replies, help_completion_hints, subscriptions_and_monitor, reconnection, latency_on_a_terminal, lua_debugger)
