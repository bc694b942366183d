"""Differences from the reference that are intended, each with its reason. Keep this table short.

An entry is (reason, f(args, reference reply, tested reply) -> bool).
"""

def _arity_of_rank(args, ref, sut):
    """ZRANK and ZREVRANK take WITHSCORE as of 7.2, so a fourth word is a matter of syntax, not of arity."""
    if len(args) == 4 and args[0].upper() in (b"ZRANK", b"ZREVRANK"):
        return ref[0] == "-" and b"wrong number of arguments" in ref[1]
    return False


KNOWN = [("ZRANK and ZREVRANK take WITHSCORE as of 7.2", _arity_of_rank)]


def known(args, ref, sut):
    """The reason why this difference is intended, or None."""
    for reason, matches in KNOWN:
        if matches(args, ref, sut):
            return reason
    return None
