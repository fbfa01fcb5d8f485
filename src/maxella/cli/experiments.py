"""`maxella train`, `compare`, `evaluate`, `importance`: what reads a config or its run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from maxella.cli.show import show
from maxella.printed import one_line

ConfigPath = Annotated[
    Path, typer.Argument(help="A TOML config; paths in it start at its folder.", show_default=False)
]
Out = Annotated[Path, typer.Option(help="Folder for what the run writes.", show_default=False)]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change an option: section.key=value. May be given again."),
]
Data = Annotated[
    Path | None, typer.Option(help="A zip, folder or file to read instead of the config's source.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what an older run left.")]
RunPath = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def _command(name: str, text: str) -> Callable[..., None]:
    """A command for a function of `experiment.run`: with a bar, then what it found."""

    def command(
        config: ConfigPath,
        out: Out,
        changes: Changes = None,
        data: Data = None,
        resume: Resume = False,
        overwrite: Overwrite = False,
        as_json: AsJson = False,
    ) -> None:
        from maxella.experiment import run
        from maxella.experiment.read_config import load_config
        from maxella.report.console import print_comparison

        carry_out = getattr(run, name)
        options = load_config(config, changes=changes, data=data)
        try:
            with _progress(hidden=as_json) as on_step:
                report = carry_out(
                    options, out, resume=resume, overwrite=overwrite, on_step=on_step
                )
        except KeyboardInterrupt:
            typer.echo("Interrupted. The same command with --resume goes on from there.", err=True)
            raise
        show(report, as_json, print_comparison)
        if not as_json:
            typer.echo(one_line(f"Report: {out / 'report.html'}"))

    command.__doc__ = text
    return command


train = _command("run", "Train one model, evaluate it once on the test part, save it.")
compare = _command(
    "compare", "Train the config's models on one split and print the table, baselines beside them."
)


def evaluate(
    run: RunPath,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a saved model on its test part again; the report counts each reading."""
    from maxella.experiment.reevaluate import reevaluate
    from maxella.report.console import print_comparison

    show(reevaluate(run, data=data), as_json, print_comparison)


def importance(
    run: RunPath,
    data: Data = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each feature is permuted.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show what each feature is worth on the test part; the run's report.html shows it too."""
    from maxella.experiment.importance import importance as find_importance
    from maxella.report.importance import print_importance

    with _progress(hidden=as_json) as on_step:
        report = find_importance(
            run, data=data, repeats=repeats, on_step=partial(on_step, "features")
        )
    show(report["importance"] if as_json else report, as_json, print_importance)
    if not as_json:
        typer.echo(one_line(f"Report: {run / 'report.html'}"))


@contextmanager
def _progress(*, hidden: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each model on standard error, none where that is no terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} steps"),
        TimeRemainingColumn(),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=hidden or not console.is_terminal) as progress:

        def on_step(name: str, done: int, total: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(escape(one_line(name)), total=total)
            progress.update(bars[name], completed=done)

        yield on_step
