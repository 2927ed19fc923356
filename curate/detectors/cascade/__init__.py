"""The default detector: a few pictures a second are compared in many ways, and a small network says what happens."""
