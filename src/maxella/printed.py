"""Text from files as a console may show it: what a terminal would obey is left out."""

MOST_LETTERS = 4000  # of a line; who wants all of a longer one reads JSON
_JOINERS = "\u200c\u200d"  # invisible, but words of Persian and faces of people want them


def one_line(text: str, most: int = MOST_LETTERS) -> str:
    r"""Text on one line of so many letters at most, without control characters.

    Without those of terminals (ESC, C1), without those that turn the direction of reading, and
    without halves of letters, which no stream takes.

    >>> one_line("a\x1b[2Jb\u202ec\ud800")
    'a [2Jb c '
    >>> one_line("abcdef", 4)
    'abc…'
    """
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() or c in _JOINERS else " " for c in cut)


def lines(text: str, most: int = MOST_LETTERS) -> str:
    """Several such lines: line ends stay."""
    return "\n".join(one_line(line, most) for line in text.split("\n"))
