"""From messages to what a network takes: frames, token ids, positions."""
