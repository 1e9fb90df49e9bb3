"""Configuration files of other tools: read into a scenario, and written from a stack. One module per format."""
