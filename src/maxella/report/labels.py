"""Places for the names of points in a plot, so that none covers another or a point."""

from dataclasses import dataclass

_HEIGHT = 15.0  # of a line of text, in pixels
_OFF = 9.0  # from a point's centre to its name
_RADIUS = 6.0  # that a point keeps free around it


@dataclass(frozen=True)
class Place:
    """The box of a name in pixels; y is its middle."""

    left: float
    right: float
    y: float

    def covers(self, other: "Place") -> bool:
        """Whether the two boxes overlap."""
        apart = self.left >= other.right or other.left >= self.right
        return not apart and abs(self.y - other.y) < _HEIGHT

    def covers_point(self, x: float, y: float) -> bool:
        """Whether the box reaches into the space of a point."""
        is_beside = self.left - _RADIUS < x < self.right + _RADIUS
        return is_beside and abs(self.y - y) < _HEIGHT / 2 + _RADIUS - 1


def place_labels(
    points: list[tuple[float, float]],
    widths: list[float],
    size: tuple[float, float],
) -> list[Place]:
    """A place for each point's name: beside it where that is free, else as near as can be.

    Points, widths of the names and the size of the plot are in pixels, the origin
    at the lower left. Where nothing is free a name stands beside its point all the same.
    """
    placed: list[Place] = []
    for row, ((x, y), width) in enumerate(zip(points, widths, strict=True)):
        others = points[:row] + points[row + 1 :]
        choices = _choices(x, y, width, size)
        free = (
            choice
            for choice in choices
            if not any(choice.covers(place) for place in placed)
            and not any(choice.covers_point(*other) for other in others)
        )
        placed.append(next(free, choices[0]))
    return placed


def _choices(x: float, y: float, width: float, size: tuple[float, float]) -> list[Place]:
    """Right and left of the point, then step by step farther above and below it."""
    plot_width, plot_height = size
    sides = [
        Place(left, left + width, y)
        for left in (x + _OFF, x - _OFF - width)
        if left >= 0 and left + width <= plot_width
    ]
    if not sides:
        left = min(max(x - width / 2, 0.0), max(plot_width - width, 0.0))
        sides = [Place(left, left + width, y + _HEIGHT)]
    steps = range(1, int(2 * plot_height / _HEIGHT) + 1)
    shifts = [0.0] + [sign * step * _HEIGHT / 2 for step in steps for sign in (1, -1)]
    return [
        Place(side.left, side.right, side.y + shift)
        for shift in shifts
        for side in sides
        if shift == 0 or _HEIGHT / 2 <= side.y + shift <= plot_height - _HEIGHT / 2
    ]
