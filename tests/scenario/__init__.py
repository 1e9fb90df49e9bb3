"""Stories about loading scenarios."""
