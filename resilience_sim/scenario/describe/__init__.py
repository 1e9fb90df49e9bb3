"""What the tables of settings say to others: the JSON Schema, the reference, paths and templates."""
