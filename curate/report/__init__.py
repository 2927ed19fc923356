"""`curate report`: what a catalogue holds, as one HTML page."""
