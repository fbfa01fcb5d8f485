"""The run log: one JSON object a line, readable while the run goes on."""

import json
import time
from pathlib import Path
from typing import Any


class RunLog:
    """Appends events to a file; each line stands by itself and is written at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path

    def write(self, event: str, **facts: Any) -> None:
        """Add a line: the time (seconds since 1970), the event's name and its facts."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts}, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
