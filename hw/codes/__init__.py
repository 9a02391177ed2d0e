"""Encoders: values in, spikes out. :mod:`.registry` has the one of each code of :mod:`ranvier.golden.codes`."""
