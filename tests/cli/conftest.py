import sys
from dataclasses import dataclass

import pytest

import maxella
from maxella.cli.main import main

OPTIONS = {
    "data": {"kind": "synthetic"},
    "model": {"dim": 4},
    "training": {"epochs": 1},
    "evaluation": {"resamples": 0},
}
HEADER = "user_id,item_id,rating,timestamp"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch, capsys):
    """`maxella` with these arguments, in this process; no lines of progress on a slow machine."""
    monkeypatch.setattr("maxella.cli.progress.EVERY", 1e6)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["maxella", *map(str, arguments)])
        try:
            code = main()
        except SystemExit as stop:
            code = stop.code
        written = capsys.readouterr()
        return Done(code or 0, written.out, written.err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run folder of a small joint model; not to be written into."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    maxella.run(OPTIONS, folder)
    return folder


@pytest.fixture
def config(tmp_path):
    """A small config whose data are `log.csv` beside it."""
    path = tmp_path / "config.toml"
    path.write_text(
        '[data]\npath = "log.csv"\n[model]\ndim = 4\n[training]\nepochs = 1\n'
        '[evaluation]\nresamples = 0\n[compare]\nbaselines = ["popularity"]\n'
    )
    return path


@pytest.fixture
def write_log(tmp_path):
    """Writes `log.csv`: 6 users × 5 items, a rating of 1 to 5 and a time each, or rows given."""

    def write(rows=None, header=HEADER):
        if rows is None:
            pairs = [(u, i) for u in range(6) for i in range(5)]
            rows = [(f"u{u}", f"i{i}", 1 + (u + i) % 5, 1000 * u + i) for u, i in pairs]
        lines = [header, *(",".join(map(str, row)) for row in rows)]
        path = tmp_path / "log.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
