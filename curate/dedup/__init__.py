"""Near-duplicates: which clips show the same footage."""
