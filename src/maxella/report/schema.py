"""What `report.json` must be like for its readers (docs/report.md); further keys are welcome."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Interval = tuple[float, float]
Figures = dict[str, float | dict[str, float | None] | None]
Intervals = dict[str, Interval | dict[str, Interval | None] | None]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class DatasetFacts(_Part):
    """The data set."""

    name: str
    interactions: Count
    users: Count
    items: Count
    train: Count
    validation: Count
    test: Count
    events: dict[str, Count] = {}
    notes: list[str] = []
    label_histograms: dict[str, dict[str, Count]] = {}


class TaskFacts(_Part):
    """One of `tasks`."""

    name: str
    kind: str
    rows: str | list[str] | None = None
    among: list[str] | str | None = None
    headline: list[str]


class MetricFacts(_Part):
    """What a metric is."""

    label: str
    direction: str
    digits: Annotated[int, Field(ge=0, le=12)]
    meaning: str
    importance: int
    target: float | None = None


class SliceRow(_Part):
    """A model's figures over a part of the test."""

    slice: str
    value: str
    metrics: dict[str, Figures]
    intervals: dict[str, Intervals] = {}


class Difference(_Part):
    """Of two models on the same users, with its interval where there is one."""

    against: str = ""
    difference: float
    low: float = 0.0
    high: float = 0.0


class ListedItem(_Part):
    """An item of a list, with its rating and the share of users who picked it."""

    name: str
    rating: float | None
    share: float = 0.0


class ListOfUser(_Part):
    """What a user picked and gets."""

    picks: Count
    rated_by: str | None
    liked: list[ListedItem]
    recommended: list[ListedItem]


class ModelRow(_Part):
    """One of `models`."""

    name: str
    kind: Literal["model", "baseline"]
    tasks: dict[str, float | None]
    metrics: dict[str, Figures]
    intervals: dict[str, Intervals] = {}
    paired: dict[str, dict[str, Difference]] = {}  # against the best baseline
    paired_models: dict[str, dict[str, dict[str, Difference]]] = {}  # by the other's name
    lists: list[ListOfUser] = []
    slices: list[SliceRow] = []
    reliability: dict[str, dict[str, list[float | None]]] = {}
    stages: list[dict[str, Any]] = []
    seconds: dict[str, float | None]
    peak_memory_mb: float | None = None
    checkpoint: str | None = None
    history: list[dict[str, Any]] = []
    best_epoch: int | None = None
    uses_time: list[str] = []


class Report(_Part):
    """A whole report."""

    format: Literal[2]
    title: str = ""
    created: str = ""
    command: str | None = None
    machine: dict[str, Any] = {}
    dataset: DatasetFacts
    split: dict[str, Any]
    candidates: Count
    test_reads: Count
    tasks: list[TaskFacts]
    metrics: dict[str, dict[str, MetricFacts]]
    models: list[ModelRow]
    ceiling: dict[str, Figures] = {}
    findings: list[str]
