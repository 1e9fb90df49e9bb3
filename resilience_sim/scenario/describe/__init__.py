"""What the tables of settings say to others: the JSON Schema, paths and templates."""
