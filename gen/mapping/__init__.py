"""From a program to a mesh: layers are split, slices placed, tables written."""
