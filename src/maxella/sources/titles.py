"""Film titles made alike: year off the end, article to the front, accents folded."""

import html
import re
import unicodedata

from maxella.sources.misspelt_titles import MISSPELT_TITLES

# 1995 of "Toy Story (1995)", 2006 of "Show (2006-2008)"; IMDb marks a video by "(V)" after it.
YEAR_AT_END = r"\(([0-9]{4})(?:[-\u2013][0-9]{0,4})?\)(?:\s*\(V\))?\s*$"
# A title's article stands behind a comma at its end. As written, for "Prepare to, die" has none.
ARTICLES = (
    *("The", "A", "An"),
    *("Le", "La", "Les", "L'", "Un", "Une"),  # French
    *("El", "Los", "Las", "Una"),  # Spanish, with La and Un
    *("Il", "Lo", "I", "Gli", "Uno"),  # Italian
    *("Der", "Die", "Das", "Den", "Ein", "Eine"),  # German
    *("Det", "De", "En", "Ett", "Et"),  # Swedish, Danish, Norwegian
    *("Het", "Een", "O", "Os"),  # Dutch, Portuguese
)
ALIASES = re.compile(r"^a\.?k\.?a\.? ", re.IGNORECASE)

_YEAR = re.compile(r"\s*" + YEAR_AT_END)
_ENTITY = re.compile(r"&#?\w+;")
_MARKS = re.compile(r"(?<=[A-Za-z])[\u0300-\u036f]+")  # of other scripts they are letters' parts
_ARTICLE = re.compile(rf"^(.*\S),\s*({'|'.join(ARTICLES)})$")
_TITLE_AND_ALIASES = re.compile(r"^(.*?)((?:\s*\([^()]*\))*)$")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)")
# What NFKD leaves as it is, or takes apart into a blank and a mark: a letter, then its spelling.
_SPELT = "⁄/ ßss ıi æae ÆAe œoe ŒOe øo ØO łl ŁL đd ĐD ðd ÐD þth ÞTh"  # noqa: RUF001
_LETTERS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **{spelt[0]: spelt[1:] for spelt in _SPELT.split()},
    }
)


def normalise_title(title: str) -> str:
    """A title as it is spoken, in plain letters; what is normal already stays as it is.

    >>> normalise_title("Cit\u00e9 des enfants perdus, La (City of Lost Children, The) (1995)")
    'La Cite des enfants perdus (The City of Lost Children)'
    >>> normalise_title("1984 (1984)"), normalise_title("(1984)")
    ('1984', '(1984)')
    """
    while (plainer := _plainer(title)) != title:
        title = plainer
    return title


def title_keys(title: str) -> list[str]:
    """What a title may be found by, best first: whole, without its brackets, each of these.

    >>> title_keys("Seven (Se7en) (1995)")
    ['sevense7en', 'seven', 'se7en']
    """
    title = normalise_title(title)
    main, aliases = _parts(title)
    names = [title, main, *(ALIASES.sub("", alias) for alias in aliases)]
    plain = (name.casefold().replace("&", "and") for name in names)
    keys = ("".join(letter for letter in name if letter.isalnum()) for name in plain)
    return [key for key in dict.fromkeys(keys) if key]


def _plainer(title: str) -> str:
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), title).translate(_LETTERS)
    text = unicodedata.normalize("NFKD", text).translate(_LETTERS)
    text = unicodedata.normalize("NFC", _MARKS.sub("", text))
    text = " ".join(text.split())
    text = _YEAR.sub("", text) or text
    main, aliases = _parts(text)
    text = " ".join([_fronted(main), *(f"({_alias(alias)})" for alias in aliases)]).strip()
    return MISSPELT_TITLES.get(text, text) or title


def _parts(title: str) -> tuple[str, list[str]]:
    """A title and what stands in brackets at its end."""
    match = _TITLE_AND_ALIASES.match(title)
    if match is None:  # a blank title may hold a line break
        return title, []
    return match[1], [alias.strip() for alias in _IN_BRACKETS.findall(match[2])]


def _alias(alias: str) -> str:
    mark = ALIASES.match(alias)
    return mark[0] + _fronted(alias[mark.end() :]) if mark else _fronted(alias)


def _fronted(name: str) -> str:
    name = re.sub(r"^L' (?=\S)", "L'", name)
    match = _ARTICLE.match(name)
    if match is None:
        return name
    rest, article = match.groups()
    return article + rest if article == "L'" else f"{article} {rest}"
