"""Clips become captions."""
