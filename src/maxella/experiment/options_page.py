"""Every option with its type, default and sentence, as `experiment.config` has them: Markdown."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from maxella.errors import ConfigError, unknown_name
from maxella.experiment.config import Config
from maxella.experiment.option_types import Section

HEAD = """\
# Options

Written by `maxella options`; `maxella options training` prints one section. A config is a TOML file
with these sections, each option with its type and default; `--set section.key=value` changes one
on the command line, and `maxella.fit(log, section={"key": value})` in Python.
"""
LISTS = ("tasks", "compare.models")  # sections of which there may be several


def options_page(section: str | None = None) -> str:
    """All sections, or the one of this name; raises ConfigError where there is none."""
    schema = Config.model_json_schema()
    pages = dict(_pages(Config, schema, schema["$defs"]))
    if section is None:
        return "\n".join([HEAD, *pages.values()])
    if section not in pages:
        raise ConfigError(unknown_name("section", section, pages))
    return pages[section]


def _pages(
    model: type[Section], schema: Any, sections: Any, path: str = ""
) -> Iterator[tuple[str, str]]:
    """(path, Markdown) of the options of a section, then of those within it."""
    fields = model.model_fields
    within = {name: of for name, field in fields.items() if (of := _section(field))}
    lines = [
        _option(name, schema["properties"][name], is_wanted=field.is_required())
        for name, field in fields.items()
        if name not in within
    ]
    if path:
        heading = f"[[{path}]]" if path in LISTS else f"[{path}]"
        told = " ".join((model.__doc__ or "").split())
        yield path, "\n".join([f"## `{heading}`", "", told, "", *lines, ""])
    else:
        yield "title", "\n".join(["## Before all sections", "", *lines, ""])
    for name, of in within.items():
        yield from _pages(of, sections[of.__name__], sections, f"{path}.{name}".removeprefix("."))


def _section(field: FieldInfo) -> type[Section] | None:
    """The section that a field is, or is a list of."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def _option(name: str, told: Any, *, is_wanted: bool) -> str:
    default = "wanted" if is_wanted else f"default {_value(told.get('default'))}"
    text = " ".join(told.get("description", "").split())
    return f"- `{name}` ({_type(told)}; {default}). {text}"


def _type(told: Any) -> str:
    if "anyOf" in told and "enum" not in told:
        return " or ".join(_type(one) for one in told["anyOf"] if one.get("type") != "null")
    if "enum" in told:
        return "one of " + ", ".join(_value(one) for one in told["enum"] if one is not None)
    kind = told.get("type")
    if kind == "array":
        if "items" not in told:
            return "pair of numbers"
        of = _type(told["items"])
        return (
            f"list of {of.removeprefix('one of ')}" if "enum" in told["items"] else f"list of {of}s"
        )
    if kind == "object":
        return "table"
    names = {"integer": "whole number", "number": "number", "boolean": "true or false"}
    ends = [
        f"{word} {told[key]:,.10g}"
        for key, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if key in told
    ]
    plain = "path" if told.get("format") == "path" else names.get(str(kind), "text")
    return " ".join([plain, *ends])


def _value(value: Any) -> str:
    """As TOML writes it; none where an option is absent."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, list | tuple):
        return f"`[{', '.join(_value(one).strip('`') for one in value)}]`"
    return f"`{value}`"
