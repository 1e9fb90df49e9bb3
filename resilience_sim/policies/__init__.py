"""Resilience policies as sans-IO state machines, one file each, and the stack that composes them."""
