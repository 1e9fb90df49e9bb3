"""What each panel shows, as rows: pure functions of a session, a size and a look. No terminal, no keys."""
