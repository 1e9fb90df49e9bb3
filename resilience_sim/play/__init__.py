"""The cockpit: one more view of the same events, in which the user can act on the run, look back and fork it."""
