"""The model card that goes with a bundle: what it is, how good, and what not to use it for."""

from typing import Any

from maxella.report.findings import uses_of_time

_SHOWN = (
    ("raw", "top_k_accuracy@100"),
    ("filtered", "top_k_accuracy@100"),
    ("filtered", "recall@100"),
    ("filtered", "ndcg@10"),
    ("filtered", "ndcg@100"),
    ("rmse",),
    ("mae",),
    ("log_loss",),
    ("coverage_80",),
)

_CARD = """\
# {title}: {name}

A {kind} two-tower model by Maxella {maxella}, made on {created}.
Loss weights: retrieval {retrieval:g}, rating {rating:g}.
SHA-256 of the weights: `{checkpoint}`.

## Trained on

{data}: {interactions:,} interactions of {users:,} users with {items:,} items;
{train:,} for training, {validation:,} for validation, {test:,} for the test.
Split: {split}, seed {seed}.
{notes}

## Figures on the test part

{figures}

## Limits

- A user whom training lacked is read from a history (`maxella recommend --history`), without one
  from their features if the model has any; else they get the most picked items. An item that
  training lacked is recommended by its features alone, or never.
- Figures hold for this data set and split. A random split lets a model learn from
  interactions later than those it is tested on.
- What users picked was shaped by what they were shown, and so is what this model learnt.
"""


def model_card(report: dict[str, Any]) -> str:
    """A report of one model → Markdown."""
    (model,) = report["models"]
    dataset = report["dataset"]
    return _CARD.format(
        title=report["title"],
        name=model["name"],
        kind=model["kind"],
        maxella=report["maxella"],
        created=report["created"],
        **model["weights"],
        checkpoint=model["checkpoint"],
        data=dataset["name"],
        **{part: dataset[part] for part in ("interactions", "users", "items")},
        **{part: dataset[part] for part in ("train", "validation", "test")},
        split=report["split"]["kind"],
        seed=report["split"]["seed"],
        notes="\n".join(f"- {note}" for note in [*dataset["notes"], *uses_of_time(report)]),
        figures=_figures(model),
    )


def _figures(model: dict[str, Any]) -> str:
    lines = ["| metric | value | 95 % interval |", "| --- | --- | --- |"]
    for path in _SHOWN:
        value, interval = _at(model["metrics"], path), _at(model["intervals"], path)
        if value is not None:
            between = f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
            lines.append(f"| {' '.join(path)} | {value:.4f} | {between} |")
    return "\n".join(lines) if len(lines) > 2 else "None: nothing was held out."


def _at(figures: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        figures = figures.get(part) if isinstance(figures, dict) else None
    return figures
