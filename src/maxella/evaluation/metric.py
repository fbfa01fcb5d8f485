"""What is known of a metric beside its function: its name for people, and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Metric:
    """One line of a table of metrics. Whatever prefers a value to another asks it."""

    function: Callable[..., Any]
    label: str
    meaning: str
    importance: int = 9  # 1 stays longest where a table is too wide
    direction: Literal["higher", "lower", "target"] = "higher"
    target: float | None = None  # goes with the direction "target": the nearer, the better
    digits: int = 3

    def turned(self, value: Any) -> Any:
        """A value, or an array of them, as one of which more is better.

        >>> Metric(abs, "width", "", direction="target", target=0.5).turned(0.75)
        -0.25
        """
        if self.direction == "target":
            return -abs(value - self.target)
        return value if self.direction == "higher" else -value

    def facts(self) -> dict[str, Any]:
        """What a report says of it: all but the function."""
        return {name: value for name, value in vars(self).items() if name != "function"}
