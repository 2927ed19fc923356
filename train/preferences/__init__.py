"""Pairs of answers: one to the true clip, one to a corrupted one."""
