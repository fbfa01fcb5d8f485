"""Findings on a data set: their order, the sentence above them, and how the console shows them."""

from typing import Any

from rich.console import Console
from rich.text import Text

from maxella.report.console import print_line

_STYLES = {"warning": "bold red", "note": "bold yellow", "ok": "green"}


def in_order(quality: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings, warnings first, then notes, then what is well."""
    severities = list(_STYLES)
    return sorted(quality["findings"], key=lambda finding: severities.index(finding["severity"]))


def headline(quality: dict[str, Any]) -> str:
    """How many findings there are, in one sentence.

    >>> facts = {"name": "toy", "n_interactions": 9, "n_users": 2, "n_items": 5}
    >>> headline(facts | {"findings": [{"severity": "warning"}, {"severity": "ok"}]})
    '1 warning on toy: 9 interactions of 2 users with 5 items; 2 checks.'
    """
    severities = [finding["severity"] for finding in quality["findings"]]
    counts = [
        f"{severities.count(name)} {name}{'s' * (severities.count(name) > 1)}"
        for name in ("warning", "note")
        if name in severities
    ]
    return (
        f"{' and '.join(counts) or 'No warning and no note'} on {quality['name']}: "
        f"{quality['n_interactions']:,} interactions of {quality['n_users']:,} users with "
        f"{quality['n_items']:,} items; {len(severities)} checks."
    )


def split_sentence(quality: dict[str, Any]) -> str:
    """The split and the sizes of its parts."""
    split = quality["split"]
    return (
        f"Split: {split['kind'].replace('_', ' ')}, {quality['n_train']:,} interactions for "
        f"training, {quality['n_validation']:,} for validation, {quality['n_test']:,} for the test."
    )


def words(name: str) -> str:
    """The name of a check or of a column, for readers."""
    return name.replace("_", " ")


def print_quality(quality: dict[str, Any], console: Console) -> None:
    """Print the findings: the dict of `maxella.data.quality.check_data`, with its split."""
    print_line(console, headline(quality))
    print_line(console, split_sentence(quality))
    findings = in_order(quality)
    for finding in (one for one in findings if one["severity"] != "ok"):
        line = Text(f"\n{finding['severity']} ", _STYLES[finding["severity"]])
        console.print(line.append(words(finding["name"]), "default bold"))
        print_line(console, f"  {finding['message']}")
        for example in finding["examples"]:
            print_line(console, f"  - {example}")
        print_line(console, f"  {finding['advice']}")
    well = [words(finding["name"]) for finding in findings if finding["severity"] == "ok"]
    if well:
        console.print(Text("\nok ", _STYLES["ok"]).append(", ".join(well), "default not bold"))
