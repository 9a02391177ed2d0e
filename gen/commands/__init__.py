"""The commands of ``ranvier``: every module here has ``register(app)``, which adds its own to the typer app.

Modules import little at the top and the rest inside their functions: each start of ``ranvier`` imports them all.
"""
