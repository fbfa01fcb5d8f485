"""`maxella train`, `compare`, `evaluate`, `importance`: what reads a config or its run."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from maxella.cli.progress import progress
from maxella.cli.show import INTERRUPTED, say, say_next, show

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
        kept = [*out.glob("kept-*")]
        try:
            with progress() as on_step:
                report = carry_out(
                    options, out, resume=resume, overwrite=overwrite, on_step=on_step
                )
        except KeyboardInterrupt:
            say("Interrupted. The same command with --resume goes on from the last whole epoch.")
            raise typer.Exit(INTERRUPTED) from None
        show(report, as_json, print_comparison)
        for folder in sorted({*out.glob("kept-*")}.difference(kept)):
            say(f"What somebody else had put into the old run is in {folder}.")
        if not as_json:
            say(f"Report: {out / 'report.html'}")
            _say_next(out, report)

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

    with progress() as on_step:
        report = reevaluate(run, data=data, on_step=on_step)
    show(report, as_json, print_comparison)
    if not as_json:
        say(f"Report: {run / 'report.html'}")
        _say_next(run, report)


def importance(
    run: RunPath,
    data: Data = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each feature is permuted.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show what each feature is worth on the test part; the run's report.html shows it too."""
    from maxella.experiment.importance import importance as find_importance
    from maxella.report.importance import print_importance

    with progress() as on_step:
        report = find_importance(
            run, data=data, repeats=repeats, on_step=partial(on_step, "features")
        )
    show(report["importance"] if as_json else report, as_json, print_importance)
    if not as_json:
        say(f"Report: {run / 'report.html'}")
        _say_next(run, report)


def _say_next(run: Path, report: dict[str, Any]) -> None:
    """What to ask of the best model: lists for a user whom it knows, if it has learnt to rank."""
    import polars as pl

    from maxella.report.columns import best_model
    from maxella.report.tasks import can_rank

    best = best_model(report)
    folder = run / best.get("folder", "")
    if not can_rank(report, best):
        say_next("predict", folder, "PAIRS.csv")
        return
    users = pl.read_parquet(folder / "bundle" / "users.parquet", glob=False)
    say_next("recommend", folder, "--user", users.filter("trained")["id"][0])
