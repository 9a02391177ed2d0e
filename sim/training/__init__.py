"""Trainers in compiled simulation, driven like the chip and compared with golden."""
