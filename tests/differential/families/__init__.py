"""The registry of command families.

A family is a module here with `GENERATORS`: a list of (weight, function) made by the `op` decorator of its own
`Family`. A generator takes a `Gen` and returns a list of operations `(args, rule)`, run in that order and never
separated. To add a family, write the module and name it in `NAMES`.
"""

import importlib

NAMES = ["strings", "lists", "sets", "sorted_sets", "hashes", "keys", "bitmaps", "hyperloglogs", "geo", "streams",
         "transactions", "acl", "scripts", "errors"]


class Family:
    """A weighted list of generators."""

    def __init__(self):
        self.functions, self.weights = [], []

    def op(self, weight=1.0):
        def add(f):
            self.functions.append(f)
            self.weights.append(weight)
            return f

        return add

    def draw(self, g):
        """One group of operations."""
        return g.choices(self.functions, self.weights)[0](g)

    def prepare(self, reference):
        """Called once with a connection to the reference, for families that ask it what there is."""


def load(name):
    return importlib.import_module("families." + name).FAMILY


def one(*args, how="exact"):
    """A group of a single operation."""
    return [(list(args), how)]
