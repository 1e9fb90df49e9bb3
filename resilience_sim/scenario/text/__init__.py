"""The text of a scenario: where it comes from, YAML with positions, and values back to text."""
