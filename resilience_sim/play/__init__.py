"""The cockpit: play with failure, and look back in time. One more view of the same events, with hands on the run."""
