"""The command table: `maxella --help` lists what follows here.

Nothing heavy is imported at the top: help must come at once, and a command pays only
for what it uses.
"""

import io
import sys
from collections.abc import Callable

import typer

from maxella import __version__
from maxella.cli import answers, data, experiments
from maxella.cli.init import init
from maxella.cli.options import options
from maxella.cli.show import INTERRUPTED, command, say_error
from maxella.errors import EXIT_CODE, MaxellaError

COMMANDS: dict[str, Callable[..., None]] = {
    "init": init,
    "train": experiments.train,
    "compare": experiments.compare,
    "evaluate": experiments.evaluate,
    "importance": experiments.importance,
    "recommend": answers.recommend,
    "predict": answers.predict,
    "similar": answers.similar,
    "options": options,
}
app = typer.Typer(
    name="maxella",
    help="One model for many tasks: what users pick, how they rate it, whether they like it.",
    epilog="Exit codes: 0 done; 1 a fault of Maxella itself, or nobody reads on; "
    f"{EXIT_CODE} something wrong that the message says how to mend; {INTERRUPTED} interrupted.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
for _name, _carry_out in COMMANDS.items():
    app.command(_name)(command(_carry_out))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_version, is_eager=True
    ),
) -> None:
    del version


def _is_out_of_memory(error: Exception) -> bool:
    """Also as torch says it: its error has no type of its own on the CPU."""
    told = ("can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(one in str(error) for one in told)


def main() -> None:
    """Run a command; an error that a user can mend is one message and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # one in ASCII takes no titles in Japanese
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="maxella")
    except MaxellaError as error:
        say_error(str(error))
        sys.exit(EXIT_CODE)
    except OSError as error:  # a full disk, a folder that may not be written
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        say_error(f"the system refused: {reason}.")
        sys.exit(EXIT_CODE)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        say_error(
            f"the memory does not suffice ({str(error).strip() or 'no more is said'}). Lower "
            "model.dim, dim and members of the tasks, or training.batch_size; or take a machine "
            "with more."
        )
        sys.exit(EXIT_CODE)
    except KeyboardInterrupt:  # before the command began
        sys.exit(INTERRUPTED)
