"""It cannot be imported."""

PRICES = {}
FIRST = PRICES["first"]
