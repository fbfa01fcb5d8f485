"""Lines of delimited text cut into fields one by one, where a quote may be a letter."""

import re
from functools import cache

SPACES = r"\s+"  # the separator of fields with any number of spaces and tabs between them


def cut_line(line: str, separator: str) -> list[str]:
    r'''The fields of one line; a quote that is not closed before a separator is a letter.

    >>> cut_line('1,"a, ""b""",5" screen', ",")
    ['1', 'a, "b"', '5" screen']
    >>> cut_line('1\t"Weird Al" Yankovic\t"Heroes', "\t")
    ['1', '"Weird Al" Yankovic', '"Heroes']
    '''
    if separator == SPACES:
        return line.split()
    if '"' not in line:
        return line.split(separator)
    pattern, fields, place = _field(separator), [], 0
    while found := pattern.match(line, place):
        quoted, plain = found.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        if found.end() == len(line):
            break
        place = found.end() + len(separator)
    return fields


@cache
def _field(separator: str) -> re.Pattern[str]:
    cut = re.escape(separator)
    return re.compile(rf'"((?:[^"]|"")*)"(?={cut}|\Z)|((?:(?!{cut}).)*)', re.DOTALL)
