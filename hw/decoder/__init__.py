"""Decoders behind a chip: from its output events to the answer after every step."""
