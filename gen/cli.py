"""The ``ranvier`` command: finds its commands, and turns every problem of a user into one line and status 2."""

import importlib
import io
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import cast

import typer

from . import commands
from .errors import RanvierError
from .interruption import told_in_one_line

# ClickException, of click or of the copy in typer, as the release has it.
_CommandLineError = cast(type[typer.BadParameter], typer.BadParameter.__mro__[2])

_INTERRUPTED = 130  # what typer makes of KeyboardInterrupt

app = typer.Typer(
    help="From a trained spiking network to verified, synthesised RTL.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.callback()
def _ranvier() -> None:
    """Also keeps typer from making a single command the whole program."""


for _module in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"{commands.__name__}.{_module.name}").register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``ranvier`` and exit: 0, 2 for a problem that the user can mend, 130 or 143 when interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an encoding that lacks a letter is no reason to stop
    with told_in_one_line():
        status = _run(given)
        if status == _INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(status)


def _run(arguments: list[str]) -> int:
    try:
        status = typer.main.get_command(app).main(arguments, "ranvier", standalone_mode=False) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output has had enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except typer.Abort:
        return _INTERRUPTED
    except RanvierError as error:
        return _explain(str(error))
    except OSError as error:
        return _explain(f"{error.filename or 'The system'}: {error.strerror or error}")
    except MemoryError:
        return _explain("The machine has too little memory for this design; make it smaller")
    except _CommandLineError as error:
        return _explain(f"{error.format_message()} (see ranvier --help)")


def _explain(problem: str) -> int:
    print(f"ranvier: {' '.join(problem.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
