"""Words in the names of columns and of events that say what they are; in lower case."""

import re

USER = frozenset(
    {"user", "customer", "visitor", "client", "member", "account", "buyer", "reader", "reviewer"}
    | {"person", "listener", "player", "subscriber", "viewer", "session"}
)
ITEM = frozenset(
    {"item", "product", "movie", "film", "book", "article", "track", "song", "artist", "video"}
    | {"business", "game", "recipe", "sku", "offer", "ad", "page", "content", "show"}
)
ID = frozenset({"id", "uid", "uuid", "guid", "key", "code", "no", "nr"})
NAME = frozenset({"title", "name"})
ZIP = frozenset({"zip", "zipcode", "postcode", "postal"})
CODE = frozenset({"label", "class", "type", "group", "category", "segment", "channel", "status"})
RATING = frozenset(
    {"rating", "ratings", "stars", "star", "score", "overall", "grade", "vote"}
    | {"bewertung", "sterne", "puntuación", "valoración", "valutazione", "avaliação"}
)
# A mean of others' ratings and a count of them are no ratings.
NO_RATING = frozenset({"count", "avg", "average", "mean", "num", "total", "quantity"})
TIME = frozenset(
    {"timestamp", "time", "date", "datetime", "ts", "at", "on", "when", "day"}
    | {"released", "created", "published"}
)
EVENT = frozenset({"event", "action", "behavior", "behaviour", "interaction", "activity"})
# How much of it: what a row counts for.
AMOUNT = frozenset(
    {"count", "counts", "cnt", "quantity", "quantities", "qty", "plays", "playcount", "listens"}
    | {"views", "visits", "clicks", "times", "frequency", "freq", "weight", "confidence"}
    | {"strength", "duration", "dwell", "seconds", "secs", "minutes", "mins", "hours"}
    | {"playtime", "watchtime", "played", "watched", "listened", "units", "repeats"}
)
ANY_NUMBER = frozenset(  # names that tell nothing of what a number is
    {"value", "val", "r", "mark", "preference", "pref", "feedback", "response", "points", "n", "w"}
)
# What people do to look, to choose, and to turn something down.
LOOK = frozenset({"view", "click", "pv", "detail", "visit", "open"})
PURCHASE = frozenset({"purchase", "buy", "bought", "transaction", "order", "checkout", "sale"})
CART = frozenset({"cart", "addtocart", "basket"})
PLAY = frozenset({"play", "listen", "watch", "complete"})
LIKE = frozenset({"like", "favorite", "favourite", "fav", "save", "bookmark", "wishlist", "wish"})
CHOICE = (
    PURCHASE | CART | PLAY | LIKE | {"rate", "rating", "share", "follow", "subscribe", "collect"}
) | {"download", "install"}
RETURN = frozenset({"return", "refund", "cancel"})
REMOVE = frozenset({"remove", "delete"})
DISLIKE = frozenset({"dislike", "unlike"})
SKIP = frozenset({"skip", "skipped", "hide", "block", "dismiss"})
REFUSAL = RETURN | REMOVE | DISLIKE | SKIP | {"unfollow", "impression"}
YES_AND_NO = ({"0", "1"}, {"0.0", "1.0"}, {"false", "true"}, {"no", "yes"}, {"n", "y"}, {"f", "t"})
YES = frozenset({"1", "1.0", "true", "yes", "y", "t"})
FLAG = frozenset(  # what a column says yes or no of
    CHOICE
    | LOOK
    | REFUSAL
    | {"label", "target", "positive", "recommend", "upvote", "thumbs", "up"}
    | {"watched", "listened", "played", "converted", "conversion"}
)
REFUSED = ((RETURN, PURCHASE), (REMOVE, CART), (DISLIKE, LIKE | PLAY), (SKIP, PLAY))  # what by what


def words_of(name: str) -> frozenset[str]:
    """The words of a name in lower case.

    >>> sorted(words_of("releaseDate_ms2"))
    ['date', 'ms', 'release']
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return frozenset(re.findall(r"[^\W\d_]+", parted.lower()))


def has_word(name: str, words: frozenset[str], ends: tuple[str, ...] = ("id", "s")) -> bool:
    """Whether a name has one of these words, be it run together with "id" or a plural.

    >>> has_word("visitorid", USER), has_word("userTags", ITEM)
    (True, False)
    """
    found = words_of(name)
    return bool(found & words or any(w.removesuffix(e) in words for w in found for e in ends))


def tells(name: str, words: frozenset[str]) -> bool:
    """Whether the name of an event, or of a column that says yes or no, tells of these deeds.

    >>> tells("is_liked", LIKE), tells("views", LOOK), tells("likelihood", LIKE)
    (True, True, False)
    """
    return has_word(name, words, ends=("s", "d", "ed"))


def meaning_of(event: str) -> str | None:
    """What an event is by its name: choice, look or refusal.

    >>> [meaning_of(event) for event in ("remove_from_cart", "addToCart", "views", "chat")]
    ['refusal', 'choice', 'look', None]
    """
    meanings = {"refusal": REFUSAL, "choice": CHOICE, "look": LOOK}
    return next((meaning for meaning, words in meanings.items() if tells(event, words)), None)
