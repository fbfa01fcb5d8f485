"""A TOML file, or options as a dict → a checked config, or an error that names each wrong one."""

import shlex
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from maxella.errors import ConfigError, unknown_name
from maxella.experiment.config import Config, DataOptions, ModelEntry
from maxella.experiment.option_types import LocalPath, Section


def load_config(
    path: Path, *, changes: list[str] | None = None, data: Path | None = None
) -> Config:
    """Read a TOML file; `changes` are "section.key=value", `data` points at local files."""
    try:
        options = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"Wanted a config in TOML; {path} can't be read: {error.strerror}. Give another path."
        ) from error
    except (ValueError, RecursionError) as error:  # tomllib follows each bracket
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ConfigError(
            f"Wanted a config in TOML; {path} is none: {reason}. Mend it; of a file of "
            f"interactions `maxella init {shlex.quote(str(path))}` makes one."
        ) from error
    _anchor(options, path.parent)
    for change in changes or []:
        _apply(options, change)
    if data is not None:
        section = options.setdefault("data", {})
        if isinstance(section, dict):
            section["path"] = str(data)
    return parse_config(options, where=str(path))


def parse_config(options: dict[str, Any], *, where: str) -> Config:
    """Check a nested dict of options; raises ConfigError naming each one that is wrong."""
    try:
        return Config.model_validate({"data": {}, **options})
    except ValidationError as error:
        problems = [_problem(problem) for problem in error.errors()]
        raise ConfigError("\n".join([f"In {where}:", *problems])) from error


def config_of_model(config: Config, entry: ModelEntry) -> Config:
    """The config of one model of a comparison: the sections with its changes put in."""
    options = config.model_dump()
    for section in ("features", "model", "training"):
        options[section] |= getattr(entry, section)
    names = [task.name for task in config.tasks]
    for name, changes in entry.tasks.items():
        if name not in names:
            raise ConfigError(f"compare.models '{entry.name}': {unknown_name('task', name, names)}")
        options["tasks"][names.index(name)] |= changes
    return parse_config(options, where=f"compare.models '{entry.name}'")


def _anchor(options: dict[str, Any], folder: Path) -> None:
    """Let the paths of a config start at its folder."""
    section = options.get("data")
    if isinstance(section, dict):
        for key, field in DataOptions.model_fields.items():
            if field.annotation == LocalPath | None and isinstance(section.get(key), str):
                section[key] = str(folder / Path(section[key]).expanduser())


def _apply(options: Any, change: str) -> None:
    name, equals, text = change.partition("=")
    *sections, key = name.strip().split(".")
    if not equals or not all([*sections, key]):
        raise ConfigError(f"--set wants section.key=value, such as model.dim=32; got '{change}'.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        value = text  # a bare word: names need no quotes on a command line
    for section in sections:
        if isinstance(options, list):  # of tables with a name each
            tables = {table.get("name"): table for table in options}
            if section not in tables:
                raise ConfigError(f"--set {change}: {unknown_name('table', section, tables)}")
            options = tables[section]
        else:
            options = options.setdefault(section, {})
        if not isinstance(options, dict | list):
            raise ConfigError(f"--set {change}: '{section}' is an option, not a section.")
    if isinstance(options, list):
        raise ConfigError(
            f"--set {change} wants an option of '{key}': {name.strip()}.option=value."
        )
    options[key] = value


def _problem(problem: Any) -> str:
    place = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        section = _section_at(place[:-1])
        kind = f"option in [{'.'.join(place[:-1])}]" if place[:-1] else "section"
        return "  " + unknown_name(kind, place[-1], section.model_fields)
    got = "" if problem["type"] in {"missing", "value_error"} else f"; got {problem['input']!r}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"  {'.'.join(place)}: {message}{got}" if place else f"  {message}{got}"


def _section_at(place: list[str]) -> type[Section]:
    section: type[Section] = Config
    for part in place:
        if part in section.model_fields:
            annotation: Any = section.model_fields[part].annotation
            section = get_args(annotation)[0] if get_args(annotation) else annotation  # of a list
    return section
