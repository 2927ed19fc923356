"""Detectors of transitions: pushed frames, they give cuts."""
