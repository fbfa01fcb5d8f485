"""The table of kinds of tasks."""

from maxella.tasks.binary import BINARY
from maxella.tasks.rating import RATING
from maxella.tasks.retrieval import RETRIEVAL
from maxella.tasks.task import Kind

KINDS: dict[str, Kind] = {
    "retrieval": RETRIEVAL,
    "rating": RATING,
    "binary": BINARY,
}
