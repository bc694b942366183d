#!/usr/bin/env python3
"""The differential test: the same random commands to a reference server and to the server under test.

    diff.py --families strings,lists --commands 200000 --seed 1 --server target/debug/larder --reference redis-server

Every reply is compared, and after every batch the whole keyspace: names, types, encodings, deadlines, values. A family
is run in four rounds: encoding limits as they are by default and small ones (so that both sides of each limit are
crossed often), RESP2 and RESP3. On a difference the command, both replies, the seed and the last commands for that key
are printed, a short replay file is written (`diff.py --replay FILE`), and the exit status is 1.
"""

import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import families  # noqa: E402
from compare import RULES, compare_batch, unordered, unordered_pairs  # noqa: E402
from gen import Gen  # noqa: E402
from known import known  # noqa: E402
from resp import MISSING, exchange, show, show_command  # noqa: E402
from servers import Server  # noqa: E402

BATCH = 200
BATCHES_PER_EPOCH = 15
LARGE = 1500
COMMON = {"appendonly": "no", "enable-debug-command": "yes", "proto-max-bulk-len": "1048576", "loglevel": "warning"}
SMALL = {
    "hash-max-listpack-entries": 6, "hash-max-listpack-value": 16, "set-max-intset-entries": 6,
    "zset-max-listpack-entries": 6, "zset-max-listpack-value": 16, "list-max-listpack-size": 4, "list-compress-depth": 1,
    "stream-node-max-entries": 5, "hll-sparse-max-bytes": 300,
}
ROUNDS = [("default limits, RESP2", {}, 2), ("small limits, RESP3", SMALL, 3), ("default limits, RESP3", {}, 3), ("small limits, RESP2", SMALL, 2)]


class Mismatch(Exception):
    def __init__(self, args, why, ref, sut, index=None):
        super().__init__(why)
        self.command, self.why, self.ref, self.sut, self.index = args, why, ref, sut, index


class Unusable(Exception):
    """A shortened sequence has left the servers so that their state cannot be asked for."""


class Pair:
    """The two servers of one round and a connection to each."""

    def __init__(self, options, limits, protocol):
        self.protocol, self.dump = protocol, options.dump
        extra = dict(w.split("=", 1) for w in options.reference_option)
        self.reference = Server(options.reference, {**COMMON, **limits, **extra}, "reference")
        try:
            self.tested = Server(options.server, {**COMMON, **limits, **dict(w.split("=", 1) for w in options.server_option)}, "tested")
        except BaseException:
            self.reference.stop()
            raise
        self.connect()

    def connect(self):
        self.connections = [self.reference.connect(), self.tested.connect()]
        for c in self.connections:
            if self.protocol == 3:
                reply = c.call(b"HELLO", b"3")
                if reply[0] != "%":
                    raise SystemExit(f"HELLO 3 answered {show(reply)}")

    def both(self, requests):
        return exchange(self.connections, requests)

    def reset(self):
        """Empty databases and fresh connections on both sides."""
        for c in self.connections:
            c.close()
        if not self.reference.alive() or not self.tested.alive():
            which = self.tested if self.reference.alive() else self.reference
            raise SystemExit(f"the {which.label} server died; its log ends:\n{which.log()[-3000:]}")
        self.connect()
        self.both([(b"FLUSHALL",), (b"SELECT", b"0")])

    def stop(self):
        self.reference.stop()
        self.tested.stop()

    def run(self, ops):
        """Runs a batch; raises Mismatch at the first difference that is not a known one."""
        refs, suts = self.both([args for args, _ in ops])
        for i, why in compare_batch(ops, refs, suts):
            if known(ops[i][0], refs[i], suts[i]):
                continue
            raise Mismatch(ops[i][0], why, refs[i], suts[i], i)

    def check_state(self):
        """Compares the databases 0 and 1 key by key. Returns keys that have grown large."""
        large = []
        # A shortened sequence may have ended as another user.
        self.both([(b"AUTH", b"default", b"x")])
        refs, suts = self.both([(b"DBSIZE",), (b"KEYS", b"*"), (b"SELECT", b"1"), (b"DBSIZE",), (b"KEYS", b"*"), (b"SELECT", b"0")])
        for db, at in ((b"0", 0), (b"1", 3)):
            if not isinstance(refs[at + 1][1], list):
                raise Unusable
            names = f"state of database {db.decode()}"
            if unordered(refs[at + 1], suts[at + 1], None) or refs[at] != suts[at]:
                only_ref = sorted(set(x[1] for x in refs[at + 1][1] or []) - set(x[1] for x in suts[at + 1][1] or []))
                only_sut = sorted(set(x[1] for x in suts[at + 1][1] or []) - set(x[1] for x in refs[at + 1][1] or []))
                raise Mismatch([b"KEYS", *(only_ref + only_sut)[:10]], f"{names}: keys differ; only in the reference: {only_ref[:10]}, only in the tested: {only_sut[:10]}", refs[at], suts[at])
            keys = [x[1] for x in refs[at + 1][1]]
            if keys:
                large += self._check_keys(db, keys)
        return large

    def _check_keys(self, db, keys):
        select = db != b"0"
        requests = [(b"SELECT", db)] if select else []
        for k in keys:
            requests += [(b"TYPE", k), (b"OBJECT", b"ENCODING", k), (b"PTTL", k)]
        refs, suts = self.both(requests)
        if select:
            refs, suts, requests = refs[1:], suts[1:], requests[1:]
        reads, large = [], []
        for i, k in enumerate(keys):
            for j, how in ((0, "exact"), (1, "exact"), (2, "near_ms")):
                ref, sut = refs[3 * i + j], suts[3 * i + j]
                why = RULES[how](ref, sut, None)
                if why and not known(requests[3 * i + j], ref, sut):
                    raise Mismatch(list(requests[3 * i + j]), f"state of database {db.decode()}: {why}", ref, sut)
            reads.append((VALUE_READS.get(refs[3 * i][1], lambda k: (b"TYPE", k))(k), refs[3 * i][1]))
        requests = [r for r, _ in reads] + ([(b"DUMP", k) for k in keys] if self.dump else []) + ([(b"SELECT", b"0")] if select else [])
        refs, suts = self.both(requests)
        for i, (request, kind) in enumerate(reads):
            ref, sut = refs[i], suts[i]
            compare = {b"set": unordered, b"hash": unordered_pairs}.get(kind, RULES["exact"])
            why = compare(ref, sut, None)
            if why and not known(request, ref, sut):
                raise Mismatch(list(request), f"state of database {db.decode()}: {why}", ref, sut)
            if isinstance(ref[1], list) and len(ref[1]) > LARGE or isinstance(ref[1], bytes) and len(ref[1]) > 20000:
                large.append(keys[i])
        if self.dump:
            for i, k in enumerate(keys):
                ref, sut = refs[len(reads) + i], suts[len(reads) + i]
                if ref != sut and reads[i][1] not in (b"set", b"hash"):
                    raise Mismatch([b"DUMP", k], f"state of database {db.decode()}: DUMP differs", ref, sut)
        return large

    def check_scans(self, g):
        """A whole iteration with a small COUNT returns what KEYS returned."""
        want, suts = self.both([(b"KEYS", b"*")])
        seen, cursor, turns = set(), b"0", 0
        while True:
            reply = self.connections[1].call(b"SCAN", cursor, b"COUNT", b"%d" % g.randint(1, 20))
            if reply[0] != "*":
                raise Mismatch([b"SCAN", cursor], "SCAN does not go on", want[0], reply)
            cursor, turns = reply[1][0][1], turns + 1
            seen |= set(x[1] for x in reply[1][1][1])
            if cursor == b"0" or turns > 10000:
                break
        if seen != set(x[1] for x in want[0][1]):
            raise Mismatch([b"SCAN", b"0"], "a whole SCAN does not return the keys there are", want[0], suts[0])


VALUE_READS = {
    b"string": lambda k: (b"GET", k),
    b"list": lambda k: (b"LRANGE", k, b"0", b"-1"),
    b"set": lambda k: (b"SMEMBERS", k),
    b"zset": lambda k: (b"ZRANGE", k, b"0", b"-1", b"WITHSCORES"),
    b"hash": lambda k: (b"HGETALL", k),
    b"stream": lambda k: (b"XRANGE", k, b"-", b"+"),
}


def reproduces(pair, ops):
    """Does this sequence, from empty databases, still show a difference?"""
    pair.reset()
    try:
        for at in range(0, len(ops), BATCH):
            pair.run(ops[at : at + BATCH])
        pair.check_state()
    except Mismatch as m:
        return m
    except Unusable:
        return None
    return None


def shrink(pair, ops, seconds=20.0):
    """Removes what the difference does not need, by halves, quarters and so on, within a time limit."""
    deadline = time.monotonic() + seconds
    if reproduces(pair, ops) is None:
        return ops, False
    step = max(1, len(ops) // 2)
    while True:
        at = 0
        while at < len(ops) and time.monotonic() < deadline:
            rest = ops[:at] + ops[at + step :]
            if rest and reproduces(pair, rest):
                ops = rest
            else:
                at += step
        if step == 1 or time.monotonic() >= deadline:
            return ops, True
        step = max(1, step // 2)


def save_replay(path, ops, limits, protocol):
    with open(path, "w") as f:
        f.write(json.dumps({"limits": limits, "protocol": protocol}) + "\n")
        for args, how in ops:
            f.write(json.dumps([how] + [a.decode("latin-1") for a in args]) + "\n")


def load_replay(path):
    with open(path) as f:
        head = json.loads(f.readline())
        ops = [([a.encode("latin-1") for a in line[1:]], line[0]) for line in map(json.loads, f)]
    return head["limits"], head["protocol"], ops


def report(m, name, round_name, seed, log, pair, limits, protocol, options, number):
    print(f"\nMISMATCH in family {name} ({round_name}), seed {seed}: {m.why}")
    print(f"  command:   {show_command(m.command)}")
    print(f"  reference: {show(m.ref, 1500)}")
    print(f"  tested:    {show(m.sut, 1500)}")
    keys = set(m.command[1:])
    last = [o for o in log if keys & set(o[0][1:])][-12:]
    print("  last commands that share an argument with it:")
    for args, _ in last:
        print("    " + show_command(args, 300))
    if MISSING in (m.ref, m.sut):
        for s in (pair.reference, pair.tested):
            if not s.alive():
                print(f"  the {s.label} server died; its log ends:\n{s.log()[-3000:]}")
    if not options.no_replay and pair.tested.alive() and pair.reference.alive():
        ops, sure = shrink(pair, log)
        path = os.path.join(options.replay_dir, f"replay-{name}-{seed}-{number}.jsonl".replace("/", "_"))
        save_replay(path, ops, limits, protocol)
        if sure:
            print(f"  {len(ops)} commands reproduce it:")
            for args, _ in ops[-15:]:
                print("    " + show_command(args, 300))
            again = reproduces(pair, ops)
            if again:
                print(f"  there: {again.why}: {show_command(again.command)}\n    reference {show(again.ref)}\n    tested    {show(again.sut)}")
        else:
            print("  it does not show again from empty databases; the file holds everything since then")
        print(f"  replay: {sys.argv[0]} --server {options.server} --reference {options.reference} --replay {path}")
    sys.stdout.flush()


class Tally:
    def __init__(self):
        self.commands = self.mismatches = 0
        self.by_command = {}
        self.skipped = set()


def run_family(name, family, options, tally, counted):
    """All rounds of one family. Returns False when it is time to stop."""
    per_round = max(1, options.commands // len(ROUNDS))
    for number, (round_name, limits, protocol) in enumerate(ROUNDS):
        if options.protocol and protocol != options.protocol:
            continue
        seed = f"{options.seed}/{name}/{number}"
        g = Gen(seed)
        pair = Pair(options, limits, protocol)
        began = time.monotonic()
        try:
            family.prepare(pair.connections[0])
            missing = set()
            if options.skip_missing:
                theirs, ours = ({x[1].upper() for x in c.call(b"COMMAND", b"LIST")[1]} for c in pair.connections)
                missing = theirs - ours
            sent, batches, log = 0, 0, []
            while sent < per_round:
                if batches % BATCHES_PER_EPOCH == 0:
                    log = []
                    pair.reset()
                g.big = 0.03 if not limits else 0.002
                ops = []
                while len(ops) < BATCH:
                    group = family.draw(g)
                    if missing:
                        lacking = {o[0][0].upper() for o in group} & missing
                        tally.skipped |= lacking
                        if lacking:
                            # A family that is missing altogether must not keep us here for ever.
                            if g.chance(0.002):
                                break
                            continue
                    ops += group
                if not ops:
                    sent += BATCH
                    continue
                log += ops
                sent += len(ops)
                batches += 1
                try:
                    pair.run(ops)
                    large = pair.check_state()
                    if batches % 10 == 0:
                        pair.check_scans(g)
                    if large:
                        drop = [([b"DEL", k], "exact") for k in large] + [([b"SELECT", b"1"], "exact")] + [([b"DEL", k], "exact") for k in large] + [([b"SELECT", b"0"], "exact")]
                        log += drop
                        pair.run(drop)
                except Mismatch as m:
                    tally.mismatches += 1
                    word = m.command[0].upper().decode("latin-1")
                    seen = tally.by_command.setdefault(word, [])
                    seen.append(m.why)
                    if len(seen) <= options.per_command:
                        report(m, name, round_name, seed, log[: len(log) - len(ops) + m.index + 1] if m.index is not None else log, pair, limits, protocol, options, tally.mismatches)
                    if tally.mismatches >= options.max_mismatches:
                        tally.commands += sent
                        return False
                    batches = 0
            tally.commands += sent
            print(f"  {name}: {round_name}: {sent} commands, seed {seed}, {time.monotonic() - began:.1f} s", flush=True)
        finally:
            pair.stop()
    return True


def replay(options):
    limits, protocol, ops = load_replay(options.replay)
    pair = Pair(options, limits, protocol)
    try:
        refs, suts = pair.both([(b"FLUSHALL",)] + [args for args, _ in ops])
        for (args, _), ref, sut in zip(ops, refs[1:], suts[1:]):
            mark = "   " if ref == sut else "!= "
            print(f"{mark}{show_command(args, 300)}\n      reference {show(ref)}" + ("" if ref == sut else f"\n      tested    {show(sut)}"))
        m = reproduces(pair, ops)
    finally:
        pair.stop()
    if m:
        print(f"\nMISMATCH {m.why}: {show_command(m.command)}\n  reference {show(m.ref, 2000)}\n  tested    {show(m.sut, 2000)}")
        return 1
    print("\nno difference")
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--families", default="all", help="comma-separated, or all: " + ", ".join(families.NAMES))
    p.add_argument("--commands", type=int, default=20000, help="random commands for each family")
    p.add_argument("--seed", default=None, help="any text; printed and random when not given")
    p.add_argument("--server", default="target/debug/larder", help="the server under test")
    p.add_argument("--reference", default="redis-server")
    p.add_argument("--server-option", action="append", default=[], metavar="NAME=VALUE", help="a directive for the server under test only")
    p.add_argument("--reference-option", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--protocol", type=int, choices=(2, 3), help="only the rounds with this protocol")
    p.add_argument("--dump", action="store_true", help="compare DUMP too")
    p.add_argument("--skip-missing", action="store_true", help="leave out commands that the server under test does not list")
    p.add_argument("--max-mismatches", type=int, default=1, help="go on after a difference until there are so many")
    p.add_argument("--per-command", type=int, default=1, help="how many differences to print in full for each command")
    p.add_argument("--no-replay", action="store_true", help="do not look for a short replay")
    p.add_argument("--replay-dir", default="target" if os.path.isdir("target") else ".", help="where replay files go")
    p.add_argument("--replay", metavar="FILE", help="run a replay file and show every reply")
    options = p.parse_args()
    if options.replay:
        return replay(options)
    options.seed = options.seed or str(random.SystemRandom().randrange(1 << 32))
    names = families.NAMES if options.families == "all" else options.families.split(",")
    print(f"differential: {options.commands} commands for each of {', '.join(names)}; seed {options.seed}", flush=True)
    tally, began = Tally(), time.monotonic()
    for name in names:
        if not run_family(name, families.load(name), options, tally, names):
            break
    if tally.skipped:
        print("not in the server under test, left out: " + " ".join(sorted(x.decode("latin-1") for x in tally.skipped)))
    if tally.mismatches:
        print("differences by command: " + ", ".join(f"{k} {len(v)}" for k, v in sorted(tally.by_command.items(), key=lambda x: -len(x[1]))))
    print(f"differential: {tally.commands} commands, {tally.mismatches} differences, seed {options.seed}, {time.monotonic() - began:.0f} s")
    return 1 if tally.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
