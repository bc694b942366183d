#!/usr/bin/env python3
"""Compares COMMAND INFO and COMMAND DOCS of every command that the server under test lists with the reference's.

Field by field: flags, ACL categories, tips and history are sets; arguments and key specs keep their order. A command
that only the server under test knows is passed over; one that it lacks is counted, and is an error with `--require-all`.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from resp import show  # noqa: E402
from servers import Server  # noqa: E402

INFO_FIELDS = ["name", "arity", "flags", "first_key", "last_key", "step", "acl_categories", "tips", "key_specs", "subcommands"]
SETS = {"flags", "acl_categories", "tips", "history", "doc_flags"}


def plain(reply, name=""):
    """Replies as Python values: maps to dicts, sets and unordered arrays to sorted lists, the rest as they are."""
    kind, value = reply
    if kind == "%":
        items = [(value[i], value[i + 1]) for i in range(0, len(value), 2)]
        return {k[1].decode(): plain(v, k[1].decode()) for k, v in items}
    if isinstance(value, list):
        items = [plain(v) for v in value]
        if kind == "~" or name in SETS:
            # The type stays part of what is compared.
            return (kind, sorted(items, key=repr))
        return items
    return (kind, value)


def info(reply):
    """One element of COMMAND INFO as {field: value}, its subcommands by name."""
    out = {}
    for field, r in zip(INFO_FIELDS, reply[1]):
        if field == "subcommands":
            out[field] = {s[1][0][1].decode(): info(s) for s in r[1]}
        else:
            out[field] = plain(r, field)
    out["fields"] = len(reply[1])
    return out


def canonical(reply):
    """A reply with every array sorted: enough to compare RESP2, where maps and sets are arrays."""
    kind, value = reply
    return (kind, sorted((canonical(v) for v in value), key=repr)) if isinstance(value, list) else reply


def differences(path, ref, sut):
    """Every leaf that differs, as (path, reference, tested)."""
    if isinstance(ref, dict) and isinstance(sut, dict):
        for k in sorted(set(ref) | set(sut)):
            if k not in ref:
                yield f"{path}.{k}", "(absent)", sut[k]
            elif k not in sut:
                yield f"{path}.{k}", ref[k], "(absent)"
            else:
                yield from differences(f"{path}.{k}", ref[k], sut[k])
    elif isinstance(ref, list) and isinstance(sut, list) and len(ref) == len(sut):
        for i, (a, b) in enumerate(zip(ref, sut)):
            yield from differences(f"{path}[{i}]", a, b)
    elif ref != sut:
        yield path, ref, sut


def short(x):
    t = repr(x)
    return t if len(t) < 300 else t[:280] + "..."


# Commands whose description differs on purpose, the places where it does, and why.
INTENDED = {
    "set": (["arguments[2].arguments", "history"], "IFEQ, IFNE, IFDEQ and IFDNE of newer servers"),
    "bitop": (["arguments[0].arguments", "arguments[0].type", "history"], "DIFF, DIFF1, ANDOR and ONE of 8.2"),
    "xadd": (["arguments", "history"], "KEEPREF, DELREF and ACKED of 8.2"),
    "xtrim": (["arguments", "history"], "KEEPREF, DELREF and ACKED of 8.2"),
    "xreadgroup": (["arguments", "history"], "CLAIM of 8.4"),
    "zrank": (["arity", "arguments", "history"], "WITHSCORE of 7.2"),
    "zrevrank": (["arity", "arguments", "history"], "WITHSCORE of 7.2"),
    "client": (["subcommands.client|no-touch", "subcommands.client|setinfo"], "subcommands of 7.2"),
    "module": (["subcommands.module|load", "subcommands.module|loadex", "subcommands.module|unload"], "no modules"),
}


def is_intended(path):
    """Whether a difference at this place is one of the intended ones."""
    _, _, place = path.partition(" ")
    name, _, rest = place.partition(".")
    places, _ = INTENDED.get(name, ([], ""))
    return any(rest == known or rest == f"{name}.{known}" for known in places)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--server", default="target/debug/larder")
    p.add_argument("--reference", default="redis-server")
    p.add_argument("--require-all", action="store_true", help="a command of the reference that is missing is an error")
    p.add_argument("--limit", type=int, default=60, help="print at most so many differences")
    o = p.parse_args()
    found = []
    with Server(o.reference, label="reference") as reference, Server(o.server, label="tested") as tested:
        r, t = reference.connect(), tested.connect()
        theirs = {x[1].decode() for x in r.call(b"COMMAND", b"LIST")[1]}
        listed = t.call(b"COMMAND", b"LIST")
        if listed[0] != "*":
            print(f"COMMAND LIST answered {show(listed)}")
            return 1
        ours = {x[1].decode() for x in listed[1]}
        top = sum("|" not in n for n in ours)
        if t.call(b"COMMAND", b"COUNT") != (":", top):
            found.append(("COMMAND COUNT against COMMAND LIST", top, show(t.call(b"COMMAND", b"COUNT"))))
        names = sorted(theirs & ours)
        words = [n.encode() for n in names]
        alike = [n.encode() for n in names if n not in INTENDED]
        for what in (b"INFO", b"DOCS"):
            a, b = canonical(r.call(b"COMMAND", what, *alike)), canonical(t.call(b"COMMAND", what, *alike))
            if a != b:
                found.append((f"COMMAND {what.decode()} in RESP2, order left open", "", "differs (see below, or in types only)"))
        r.call(b"HELLO", b"3"), t.call(b"HELLO", b"3")
        for name, word in zip(names, words):
            a, b = r.call(b"COMMAND", b"INFO", word), t.call(b"COMMAND", b"INFO", word)
            if b[0] != "*" or len(b[1]) != 1 or b[1][0][0] != "*":
                found.append((f"info {name}", "one description", show(b)))
            else:
                found += differences(f"info {name}", info(a[1][0]), info(b[1][0]))
            a, b = r.call(b"COMMAND", b"DOCS", word), t.call(b"COMMAND", b"DOCS", word)
            found += differences(f"docs {name}", plain(a), plain(b))
        unknown = (b"COMMAND", b"INFO", b"nosuch", b"get")
        if r.call(*unknown)[1][0] != t.call(*unknown)[1][0]:
            found.append(("info of an unknown command", show(r.call(*unknown)), show(t.call(*unknown))))
    intended = [path for path, _, _ in found if is_intended(path)]
    found = [entry for entry in found if not is_intended(entry[0])]
    for path, a, b in found[: o.limit]:
        print(f"{path}\n  reference: {short(a)}\n  tested:    {short(b)}")
    missing = sorted(theirs - ours)
    if missing:
        print(f"{len(missing)} commands of the reference are missing: {' '.join(missing)}")
    if intended:
        print(f"{len(intended)} intended differences: {'; '.join(intended)}")
    print(f"command docs: {len(names)} commands compared, {len(found)} differences, {len(missing)} missing")
    return 1 if found or not names or (o.require_all and missing) else 0


if __name__ == "__main__":
    sys.exit(main())
