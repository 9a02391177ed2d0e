"""What a training step costs: operations, energy by a published table, bytes moved. ``python -m
ranvier.gen.energy``."""
