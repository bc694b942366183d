"""Starts a server on a free port in its own temporary directory and stops it again."""

import os
import shutil
import socket
import subprocess
import tempfile
import time

from resp import Connection


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A running server process; `options` are redis.conf directives as a dict."""

    def __init__(self, binary, options=None, label=None):
        self.binary, self.label = binary, label or os.path.basename(binary)
        self.directory = tempfile.mkdtemp(prefix="larder-diff-")
        self.process = None
        for _ in range(5):
            self.port = free_port()
            if self._start(options or {}):
                return
        log = self.log()[-2000:]
        self.stop()
        raise SystemExit(f"{binary} did not start; its log ends:\n{log}")

    def _start(self, options):
        command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory, "--save", ""]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        env = dict(os.environ, LC_ALL="C", LANG="C", TZ="UTC")
        with open(os.path.join(self.directory, "log"), "wb") as log:
            try:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
            except OSError as e:
                raise SystemExit(f"cannot run {self.binary}: {e}") from e
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                c = Connection("127.0.0.1", self.port, 2.0)
            except OSError:
                time.sleep(0.02)
                continue
            ok = c.call(b"PING") == ("+", b"PONG")
            c.close()
            if ok:
                return True
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        return False

    def connect(self, timeout=15.0):
        return Connection("127.0.0.1", self.port, timeout)

    def alive(self):
        return self.process.poll() is None

    def log(self):
        try:
            with open(os.path.join(self.directory, "log"), errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
