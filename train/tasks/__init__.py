"""What samples teach: captions, captions with frames, the order of frames, boxes of moving things, several pictures."""
