"""Meshes in compiled simulation: traffic, its measures, and chips of many cores."""
