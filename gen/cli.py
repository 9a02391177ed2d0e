"""The ``ranvier`` command: finds its commands, and turns every problem of a user into one line and status 2."""

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from typing import cast

import typer

from . import commands
from .errors import RanvierError

# ClickException, of click or of the copy in typer, as the release has it.
_CommandLineError = cast(type[typer.BadParameter], typer.BadParameter.__mro__[2])

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
    """Run ``ranvier`` and exit: 0, 2 for a problem that the user can mend, 130 when interrupted."""
    try:
        given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
        status = typer.main.get_command(app).main(given, "ranvier", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except RanvierError as error:
        sys.exit(_explain(str(error)))
    except OSError as error:
        sys.exit(_explain(f"{error.filename or 'The system'}: {error.strerror or error}"))
    except MemoryError:
        sys.exit(_explain("The machine has too little memory for this design; make it smaller"))
    except _CommandLineError as error:
        sys.exit(_explain(f"{error.format_message()} (see ranvier --help)"))
    if status == 130:
        print("ranvier: interrupted; nothing was left half-written", file=sys.stderr)
    sys.exit(status or 0)


def _explain(problem: str) -> int:
    print(f"ranvier: {' '.join(problem.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
