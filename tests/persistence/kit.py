"""Servers that are killed and started again in the same folder, and small help for what is checked afterwards.

`Node` is a server process in a folder that outlives it. Everything is for the test programs beside this file, which
take `--server`, `--reference` and `--seed` and exit with 1 and a line that says what was lost.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "differential"))

from resp import MISSING, Connection, Malformed, Incomplete, encode, parse, show, show_command  # noqa: E402, F401
from servers import free_port  # noqa: E402

PATIENCE_S = 30.0


class Failure(Exception):
    """A promise that was not kept."""


def check(condition, text):
    if not condition:
        raise Failure(text)


class Node:
    """A server in `directory`, a new one when None is given. `options` are directives; a value may be a list of words."""

    def __init__(self, binary, options=None, directory=None):
        self.binary, self.options = binary, dict(options or {})
        self.own = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="larder-persist-")
        self.process, self.port, self.file_limit = None, None, None

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def launch(self, **more):
        """Starts the process and does not wait."""
        self.port = free_port()
        command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory,
                   "--enable-debug-command", "yes", "--loglevel", "verbose"]
        options = dict(self.options, **{k.replace("_", "-"): v for k, v in more.items()})
        for name, value in {"save": "", **options}.items():
            command += ["--" + name] + ([str(w) for w in value] if isinstance(value, (list, tuple)) else [str(value)])
        env = dict(os.environ, LC_ALL="C", LANG="C", TZ="UTC")
        with open(self.log_path(), "ab") as log:
            self.log_from = log.tell()
            # SIGXFSZ stays ignored, as Python has it, so that a file limit is an error and no signal.
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, restore_signals=False)
        return self

    def log_path(self):
        return self.directory.rstrip("/") + ".log"

    def start(self, **more):
        """Starts the process and waits until it serves."""
        for _ in range(5):
            self.launch(**more)
            if self.wait_ready():
                return self
            if "in use" not in self.log():
                break
        raise Failure(f"{self.binary} did not start in {self.directory}; its log ends:\n{self.log()[-3000:]}")

    def wait_ready(self):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                c = Connection("127.0.0.1", self.port, 5.0)
            except OSError:
                time.sleep(0.01)
                continue
            reply = c.call(b"PING")
            c.close()
            if reply == ("+", b"PONG"):
                return True
            time.sleep(0.01)
        return False

    def fails_to_start(self, **more):
        """Starts it, waits for its end, and returns its status and what it logged."""
        self.launch(**more)
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.binary} started although it must not; its log:\n{self.log()[-2000:]}") from None
        return status, self.log()

    def connect(self, timeout=PATIENCE_S):
        return Connection("127.0.0.1", self.port, timeout)

    def call(self, *args):
        """One request on a connection of its own."""
        c = self.connect()
        try:
            return c.call(*words(args))
        finally:
            c.close()

    def info(self, section, field):
        text = self.call("INFO", section)[1].decode()
        for line in text.splitlines():
            if line.startswith(field + ":"):
                return line.split(":", 1)[1]
        raise Failure(f"INFO {section} has no {field}")

    def digest(self):
        return self.call("DEBUG", "DIGEST")[1]

    def limit_files(self, size_bytes):
        """No file may grow beyond this; None for no limit."""
        soft = resource.RLIM_INFINITY if size_bytes is None else size_bytes
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def terminate(self):
        """Ends it as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def log(self):
        """What was logged since the last start."""
        with open(self.log_path(), errors="replace") as f:
            f.seek(self.log_from)
            return f.read()

    def wait_for(self, what, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            check(self.process.poll() is None, f"{self.binary} died while waiting for: {what}\n{self.log()[-3000:]}")
            check(time.monotonic() < deadline, f"never happened: {what}\n{self.log()[-3000:]}")
            time.sleep(0.01)

    def wait_idle(self):
        """Waits until nothing is saved or rewritten."""
        self.wait_for("saving and rewriting end", lambda: self.info("persistence", "rdb_bgsave_in_progress") == "0"
                      and self.info("persistence", "aof_rewrite_in_progress") == "0"
                      and self.info("persistence", "aof_rewrite_scheduled") == "0")

    def remove(self):
        self.kill()
        if self.own:
            shutil.rmtree(self.directory, ignore_errors=True)
            try:
                os.remove(self.log_path())
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def words(args):
    return [a if isinstance(a, bytes) else str(a).encode() for a in args]


def value(reply):
    """A reply without its types."""
    kind, inner = reply
    if kind == "-":
        raise Failure(f"an error reply: {inner.decode('latin-1')}")
    return [value(r) for r in inner] if isinstance(inner, list) else inner


def read_requests(path):
    """The requests of a log file, `#` lines left out."""
    with open(path, "rb") as f:
        data = f.read()
    requests, at = [], 0
    while at < len(data):
        if data[at : at + 1] == b"#":
            at = data.index(b"\n", at) + 1
            continue
        reply, at = parse(data, at)
        requests.append([word[1] for word in reply[1]])
    return requests


def options(doc, **more):
    """The command line all these programs share. `more` adds numbers with their defaults."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--server", default="target/debug/larder", help="the server under test")
    p.add_argument("--reference", default="redis-server")
    p.add_argument("--seed", default=None, help="any text; printed and random when not given")
    for name, default in more.items():
        p.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    o = p.parse_args()
    o.seed = o.seed or str(random.SystemRandom().randrange(1 << 32))
    if os.sep in o.server:
        o.server = os.path.abspath(o.server)
    return o


def main(name, run):
    """Runs a program's whole and tells how it went."""
    began = time.monotonic()
    try:
        told = run()
    except Failure as e:
        print(f"{name}: FAILED: {e}", flush=True)
        return 1
    print(f"{name}: {told}, {time.monotonic() - began:.0f} s", flush=True)
    return 0
