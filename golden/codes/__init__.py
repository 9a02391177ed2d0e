"""Codes: how values become spikes. A code is one file; :mod:`.registry` has them by name."""
