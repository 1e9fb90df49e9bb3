"""Assembling and running."""
