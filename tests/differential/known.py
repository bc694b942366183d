"""Differences from the reference that are intended, each with its reason. Keep this table short.

An entry is (reason, f(args, reference reply, tested reply) -> bool).
"""

KNOWN = []


def known(args, ref, sut):
    """The reason why this difference is intended, or None."""
    for reason, matches in KNOWN:
        if matches(args, ref, sut):
            return reason
    return None
