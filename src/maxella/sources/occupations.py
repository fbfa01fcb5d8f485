"""One set of occupations: MovieLens 1M's 21 labels, whose position is their code."""

OCCUPATIONS = (
    *("other/not specified", "academic/educator", "artist", "clerical/admin"),
    *("college/grad student", "customer service", "doctor/health care", "executive/managerial"),
    *("farmer", "homemaker", "K-12 student", "lawyer", "programmer", "retired", "sales/marketing"),
    *("scientist", "self-employed", "technician/engineer", "tradesman/craftsman", "unemployed"),
    "writer",
)
# MovieLens 100K's own labels, where they differ. Entertainment and librarian have no
# counterpart, and "none" does not say why: these are not specified.
SPELLINGS_OF_100K = {
    "administrator": "clerical/admin",
    "doctor": "doctor/health care",
    "educator": "academic/educator",
    "engineer": "technician/engineer",
    "executive": "executive/managerial",
    "healthcare": "doctor/health care",
    "marketing": "sales/marketing",
    "other": "other/not specified",
    "salesman": "sales/marketing",
    "student": "college/grad student",
    "technician": "technician/engineer",
}
# Label in lower case → label.
KNOWN_OCCUPATIONS = SPELLINGS_OF_100K | {label.lower(): label for label in OCCUPATIONS}
