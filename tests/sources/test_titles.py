import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maxella.sources.misspelt_titles import MISSPELT_TITLES
from maxella.sources.titles import normalise_title, title_keys

PARTS = ("The", "L'", "A", ", ", "(", ")", " ", "(1995)", "(V)", "a.k.a. ", "&amp;", "\u0301")
TITLES = st.text() | st.lists(
    st.sampled_from((*PARTS, "é", "½", "x", "\n", "\u2013")), max_size=9
).map("".join)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Matrix, The (1999)", "The Matrix"),
        ("City of Angels, A (1998)", "A City of Angels"),
        ("Good, The Bad and The Ugly, The (1966)", "The Good, The Bad and The Ugly"),
        (
            "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
            "The City of Lost Children (La Cite des enfants perdus)",
        ),
        ("Eye of Vichy, The (Oeil de Vichy, L') (1993)", "The Eye of Vichy (L'Oeil de Vichy)"),
        ("Enfer, L' (1994)", "L'Enfer"),
        ("Besieged (L' Assedio) (1998)", "Besieged (L'Assedio)"),
        ("Horror Hotel (a.k.a. City, The) (1960)", "Horror Hotel (a.k.a. The City)"),
        ("Superweib, Das (1996)", "Das Superweib"),
        (
            "Seventh Seal, The (Sjunde inseglet, Det) (1957)",
            "The Seventh Seal (Det Sjunde inseglet)",
        ),
        ("Associate, The (L'Associe)(1982)", "The Associate (L'Associe)"),
        ("Alien³ (1992)", "Alien3"),
        ("Zero Kelvin (Kjærlighetens kjøtere) (1995)", "Zero Kelvin (Kjaerlighetens kjotere)"),
        ("Et Dieu&#8230;Créa (1956)", "Et Dieu...Crea"),
        ("\u201cLoud\u201d  Night \u2013 It\u2019s (2000)", '"Loud" Night - It\'s'),
        ("Show, The (2006\u20132008)", "The Show"),
        ("Never Rated, The (1998) (V)", "The Never Rated"),
        ("U.S. Marshalls (1998)", "U.S. Marshals"),
        # What only looks like an article, a year or a bracket.
        ("Murder, My Sweet (1944)", "Murder, My Sweet"),
        ("Prepare to, die", "Prepare to, die"),
        ("1984 (1984)", "1984"),
        ("2001: A Space Odyssey", "2001: A Space Odyssey"),
        ("(500) Days", "(500) Days"),
        ("(1995)", "(1995)"),
        ("がん", "がん"),  # its mark is a part of the letter
    ],
)
def test_normal_titles(written, normal):
    assert normalise_title(written) == normal


@given(TITLES)
@example("The (1999) (1998), A")
def test_normalising_again_changes_nothing(title):
    normal = normalise_title(title)
    assert normalise_title(normal) == normal


@given(TITLES.filter(str.strip))
def test_no_title_becomes_empty(title):
    assert normalise_title(title).strip()


def test_misspelt_titles_are_normal_before_and_after():
    for written, right in MISSPELT_TITLES.items():
        assert normalise_title(written) == right
        assert normalise_title(f"{written} (1990)") == right


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("Mirror, The (Zerkalo) (1975)", ["themirrorzerkalo", "themirror", "zerkalo"]),
        (
            "Mad Max 2 (a.k.a. The Road Warrior)",
            ["madmax2akatheroadwarrior", "madmax2", "theroadwarrior"],
        ),
        ("Oscar & Lucinda", ["oscarandlucinda"]),
        ("!!!", []),
    ],
)
def test_keys_go_from_the_whole_title_to_its_parts(title, keys):
    assert title_keys(title) == keys
