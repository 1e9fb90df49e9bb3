"""Python source: what its calls and decorators configure, read without importing or running anything."""
