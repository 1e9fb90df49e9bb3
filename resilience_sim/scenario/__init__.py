"""YAML text to a validated, frozen plan: positions, units, diagnostics, overrides, schema."""
