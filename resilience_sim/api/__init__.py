"""The Python API; ``import resilience_sim`` re-exports it lazily. See docs/python.md."""
