"""How two replies are compared: by default exactly, otherwise by the rule named in the operation.

A rule is `f(reference, tested, back) -> None or a reason`, where `back(n)` is the pair of replies to the n-th
operation before this one in the batch. Errors are always compared by their full text.
"""

from collections import Counter

RULES = {}


def rule(f):
    RULES[f.__name__] = f
    return f


def freeze(reply):
    """A hashable form of a reply."""
    kind, value = reply
    return (kind, tuple(freeze(v) for v in value)) if isinstance(value, list) else reply


def bag(items):
    return Counter(freeze(i) for i in items)


def pairs(items):
    return [("p", [items[i], items[i + 1]]) for i in range(0, len(items) - 1, 2)]


def aggregate(r):
    return isinstance(r[1], list)


@rule
def exact(ref, sut, back):
    return None if ref == sut else "replies differ"


@rule
def unordered(ref, sut, back):
    """A collection in no particular order."""
    if ref == sut:
        return None
    if ref[0] != sut[0] or not aggregate(ref) or not aggregate(sut):
        return "replies differ"
    if ref[0] == "%":
        return None if bag(pairs(ref[1])) == bag(pairs(sut[1])) else "maps differ"
    return None if bag(ref[1]) == bag(sut[1]) else "collections differ as multisets"


@rule
def unordered_pairs(ref, sut, back):
    """A flat field, value, field, value... (or a RESP3 map) in no particular order of fields."""
    if ref == sut:
        return None
    if ref[0] != sut[0] or not aggregate(ref) or not aggregate(sut) or len(ref[1]) != len(sut[1]):
        return "replies differ"
    return None if bag(pairs(ref[1])) == bag(pairs(sut[1])) else "pairs differ as multisets"


def _scan(ref, sut, inner):
    if ref == sut:
        return None
    if not (aggregate(ref) and aggregate(sut) and len(ref[1]) == len(sut[1]) == 2):
        return "replies differ"
    if ref[1][0] == ("$", b"0") != sut[1][0]:
        return "a scan with a COUNT above the size did not finish"
    return inner(ref[1][1], sut[1][1], None)


@rule
def scan(ref, sut, back):
    """One SCAN or SSCAN call with a COUNT that covers everything: finished, elements as a multiset."""
    return _scan(ref, sut, unordered)


@rule
def scan_pairs(ref, sut, back):
    """The same for HSCAN and ZSCAN."""
    return _scan(ref, sut, unordered_pairs)


@rule
def same_size(ref, sut, back):
    """Random or unordered picks: same type and number of elements."""
    if ref[0] != sut[0]:
        return "reply types differ"
    if aggregate(ref):
        return None if aggregate(sut) and len(ref[1]) == len(sut[1]) else "sizes differ"
    if ref[0] == "$":
        return None if (ref[1] is None) == (sut[1] is None) else "one is nil"
    return exact(ref, sut, back)


def _members(reply):
    return set(freeze(x) for x in reply[1]) if aggregate(reply) else set()


@rule
def picked(ref, sut, back):
    """Random members of the collection listed by the operation before: same size, and all of them members."""
    why = same_size(ref, sut, back)
    if why or ref[0] == "-":
        return why
    known = _members(back(1)[1])
    got = sut[1] if aggregate(sut) else [sut] if sut[1] is not None else []
    return None if all(freeze(x) in known for x in got) else "a picked member is not in the collection"


@rule
def picked_distinct(ref, sut, back):
    why = picked(ref, sut, back)
    if why or ref[0] == "-" or not aggregate(sut):
        return why
    return None if len(_members(sut)) == len(sut[1]) else "a member was picked twice"


@rule
def picked_pairs(ref, sut, back):
    """Random pairs out of the HGETALL or ZRANGE WITHSCORES before."""
    why = same_size(ref, sut, back)
    if why or ref[0] == "-" or not aggregate(sut):
        return why

    def listed(r):
        items = r[1] or []
        if items and all(aggregate(x) for x in items):
            return set(freeze(("p", x[1])) for x in items)
        return set(freeze(p) for p in pairs(items))

    return None if listed(sut) <= listed(back(1)[1]) else "a picked pair is not in the collection"


@rule
def c_strings(ref, sut, back):
    """Strings in an order that looks no further than their first NUL byte."""
    if ref == sut:
        return None
    if not (ref[0] == sut[0] and aggregate(ref) and aggregate(sut)):
        return "replies differ"
    cut = lambda r: [(k, v.split(b"\0")[0] if isinstance(v, bytes) else v) for k, v in r[1]]
    return None if cut(ref) == cut(sut) else "replies differ"


def _near(ref, sut, slack):
    if ref == sut:
        return None
    if ref[0] == sut[0] == ":" and ref[1] > 0 and sut[1] > 0 and abs(ref[1] - sut[1]) <= slack:
        return None
    return "replies differ by more than the clock explains"


@rule
def near_ms(ref, sut, back):
    return _near(ref, sut, 3000)


@rule
def near_ms_within(ref, sut, back):
    """Moments and spans in milliseconds somewhere in an aggregate; all else exactly."""
    if ref == sut:
        return None
    if ref[0] == sut[0] and aggregate(ref) and aggregate(sut) and len(ref[1]) == len(sut[1]):
        return next((why for pair in zip(ref[1], sut[1]) if (why := near_ms_within(*pair, back))), None)
    slack = ref[0] == sut[0] == ":" and ref[1] >= 0 and sut[1] >= 0 and abs(ref[1] - sut[1]) <= 3000
    # Small numbers are counts, except that spans begin with 0.
    return None if slack and (ref[1] > 1_000_000_000_000 or min(ref[1], sut[1]) < 3000) else "replies differ"


@rule
def near_s(ref, sut, back):
    return _near(ref, sut, 3)


@rule
def positive(ref, sut, back):
    """A number that is the implementation's own business (a refcount, bytes of memory) but must be positive."""
    if ref == sut:
        return None
    return None if ref[0] == sut[0] == ":" and ref[1] > 0 and sut[1] > 0 else "replies differ"


@rule
def same_type(ref, sut, back):
    if ref[0] != sut[0] or ref[0] == "-":
        return exact(ref, sut, back)
    return None


@rule
def ignored(ref, sut, back):
    return None


@rule
def loose(ref, sut, back):
    """Random arguments to any command: exact, but the order of an array is left open, also inside a scan reply."""
    if ref == sut:
        return None
    if not (ref[0] == sut[0] and aggregate(ref) and aggregate(sut)):
        return "replies differ"
    if unordered(ref, sut, back) is None:
        return None
    if len(ref[1]) == len(sut[1]) == 2 and aggregate(ref[1][1]) and aggregate(sut[1][1]) and ref[1][0][0] == "$":
        return _scan(ref, sut, unordered)
    return "collections differ as multisets"


def compare_batch(ops, refs, suts):
    """Yields (index, reason) for every operation whose replies do not agree. EXEC is compared element by element with
    the rules of what was queued."""
    queued = None
    for i, (args, how) in enumerate(ops):
        ref, sut = refs[i], suts[i]
        name = args[0].upper()
        if ref[0] == "?" or sut[0] == "?":
            yield i, "no reply, or a malformed one"
            return
        if name == b"MULTI" and ref == sut == ("+", b"OK"):
            queued = []
            continue
        if queued is not None and name == b"EXEC":
            inner, queued = queued, None
            if ref == sut:
                continue
            if ref[0] == sut[0] == "*" and ref[1] and sut[1] and len(ref[1]) == len(sut[1]) == len(inner):
                why = None
                for j, (what, inner_how) in enumerate(inner):
                    def back(n, j=j):
                        return (ref[1][j - n], sut[1][j - n]) if j >= n else (("*", []), ("*", []))

                    why = RULES[inner_how](ref[1][j], sut[1][j], back)
                    if why:
                        yield i, f"in EXEC, element {j} ({what[0].decode('latin-1')}): {why}"
                        break
            else:
                yield i, "EXEC replies differ"
            continue
        if queued is not None:
            if ref == sut:
                if ref == ("+", b"QUEUED"):
                    queued.append((args, how))
                elif name in (b"DISCARD", b"RESET") and ref[0] == "+":
                    queued = None
            else:
                yield i, "replies differ while queueing"
            continue
        if ref == sut and not how.startswith("picked"):
            continue

        def back(n, i=i):
            return (refs[i - n], suts[i - n]) if i >= n else (("*", []), ("*", []))

        why = RULES[how](ref, sut, back)
        if why:
            yield i, why
