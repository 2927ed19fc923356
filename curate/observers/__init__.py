"""Observers: pushed frames, they say what a clip measures."""
