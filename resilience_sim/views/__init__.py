"""What people look at: plain text, the live Rich view, comparison tables, exported files."""
