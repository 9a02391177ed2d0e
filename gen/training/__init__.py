"""Trainers as builds: where the training state lies in their memories, their RTL, their configuration."""
