"""Where the console script begins: ready for an interruption before the command line is even imported."""

from ranvier.gen.interruption import told_in_one_line


def main() -> None:
    """Run ``ranvier`` and exit."""
    with told_in_one_line():
        from .cli import main as run

        run()
