"""What sections of options are made of: their base, paths from a folder, names of a table."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core.core_schema import no_info_after_validator_function

from maxella.errors import unknown_name

MOST = 1_000_000  # of dimensions, epochs, resamples: beyond it something is misspelt


class Section(BaseModel):
    """Refuses unknown keys and infinite numbers, and does not change once made."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() follows links


# Absolute, so that a saved run finds its data from whichever folder it is asked.
LocalPath = Annotated[Path, AfterValidator(_absolute)]


@dataclass(frozen=True)
class OneOf:
    """Refuses names that a table lacks, with the nearest one; tells the names to whoever asks."""

    kind: str
    table: Iterable[str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        return handler(schema) | {"enum": list(self.table)}

    def _check(self, name: str | None) -> str | None:
        if name is not None and name not in self.table:
            raise ValueError(unknown_name(self.kind, name, self.table))
        return name
