"""The core in its two forms, side by side."""
