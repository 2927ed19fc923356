"""Urls and files become videos, cuts, measures, clips and selections."""
