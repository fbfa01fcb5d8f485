"""The folder that a run writes: where each thing lies, and when it is complete."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxella.errors import ConfigError
from maxella.experiment.results import Outcome
from maxella.recommend.bundle import save_bundle
from maxella.report.card import model_card
from maxella.report.files import write_report
from maxella.report.page import html_page
from maxella.training.log import RunLog
from maxella.writing import write_text

_CHECKPOINT = "checkpoint.safetensors"
_OURS = ("bundle", "models", "report.json", "report.html", "log.jsonl", _CHECKPOINT)


@dataclass(frozen=True)
class RunFolder:
    """`bundle/`, `report.json`, `report.html`, `log.jsonl`; without a path nothing is kept."""

    path: Path | None
    resumes: bool = False  # whether training goes on from a checkpoint

    @classmethod
    def open(
        cls, path: str | Path | None, *, resume: bool = False, overwrite: bool = False
    ) -> "RunFolder":
        """A new folder, or one to resume or to overwrite; refuses to write into another run's."""
        if resume and overwrite:
            raise ConfigError("--resume goes on with a run, --overwrite replaces it: give one.")
        if path is None:
            return cls(None)
        path = Path(path)
        try:
            ours = [path / name for name in _OURS if (path / name).exists()]
            if ours and not (resume or overwrite):
                raise ConfigError(
                    f"{path} already holds a run. Choose another --out, go on with it "
                    "(--resume), or replace it (--overwrite)."
                )
            for old in ours if overwrite else ():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise ConfigError(
                f"Wanted a folder to write the run into; {path} is none: {error.strerror}. "
                "Choose another --out."
            ) from error
        if resume and _is_complete(path):
            raise ConfigError(
                f"The run in {path} is complete: nothing to go on with. Choose another --out, or "
                "replace it (--overwrite)."
            )
        return cls(path, resume)

    def of_model(self, name: str) -> "RunFolder":
        """The folder of one model of a comparison."""
        return RunFolder(self.path / "models" / name, self.resumes) if self.path else self

    @property
    def checkpoint(self) -> Path | None:
        """Where the state of an unfinished training run lies."""
        return self.path / _CHECKPOINT if self.path else None

    @property
    def log(self) -> RunLog | None:
        """The run's log."""
        return RunLog(self.path / "log.jsonl") if self.path else None

    def finish(self, report: dict[str, Any]) -> None:
        """Write the report."""
        if self.path:
            write_report(report, self.path / "report.json")
            write_text(html_page(report), self.path / "report.html")

    def keep(self, outcome: Outcome, report: dict[str, Any]) -> None:
        """Write a model's bundle, and drop the checkpoint that it makes needless.

        `report` is for the model card: that of this model alone.
        """
        if self.path and outcome.bundle:
            save_bundle(self.path / "bundle", outcome.bundle, model_card(report))
            (self.path / _CHECKPOINT).unlink(missing_ok=True)


def _is_complete(path: Path) -> bool:
    """Checkpoints go when the bundles are written, which comes after the report."""
    unfinished = [path / _CHECKPOINT, *path.glob(f"models/*/{_CHECKPOINT}")]
    return (path / "report.json").exists() and not any(map(Path.exists, unfinished))
