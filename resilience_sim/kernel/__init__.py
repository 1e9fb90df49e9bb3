"""The exact core: virtual clock, frames, keyed luck, event kinds, the digest. Standard library only."""
