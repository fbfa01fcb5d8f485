"""Titles that MovieLens misspells, as normalised → as the film spells it.

Collected by reading MovieLens 1M's titles; what may be another release's title is left alone.
"""

MISSPELT_TITLES = {
    "Allan Quartermain and the Lost City of Gold": "Allan Quatermain and the Lost City of Gold",
    "Daughter of Dr. Jeckyll": "Daughter of Dr. Jekyll",
    "Goya in Bordeaux (Goya en Bodeos)": "Goya in Bordeaux (Goya en Burdeos)",
    "Juno and Paycock": "Juno and the Paycock",
    "La Vie est belle (Life is Rosey)": "La Vie est belle (Life is Rosy)",
    "Plunkett & MaCleane": "Plunkett & Macleane",
    "The Adventures of Buckaroo Bonzai Across the 8th Dimension": (
        "The Adventures of Buckaroo Banzai Across the 8th Dimension"
    ),
    "The Law (Le Legge)": "The Law (La Legge)",
    "The Player's Club": "The Players Club",
    "Two Moon Juction": "Two Moon Junction",
    "U.S. Marshalls": "U.S. Marshals",
    "Under the Domin Tree (Etz Hadomim Tafus)": "Under the Domim Tree (Etz Hadomim Tafus)",
    "When the Cats Away (Chacun cherche son chat)": "When the Cat's Away (Chacun cherche son chat)",
}
