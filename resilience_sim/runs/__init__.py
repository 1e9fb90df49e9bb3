"""Assemble a plan into a simulation; run it, step it, record it, replay it, compare it, over many seeds."""
