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
ZIP = frozenset({"zip", "zipcode", "postcode", "postal"})
CODE = frozenset({"label", "class", "type", "group", "category", "segment", "channel", "status"})
RATING = frozenset({"rating", "ratings", "stars", "star", "score", "overall", "grade", "vote"})
# A mean of others' ratings and a count of them are no ratings.
NO_RATING = frozenset({"count", "avg", "average", "mean", "num", "total", "quantity"})
TIME = frozenset(
    {"timestamp", "time", "date", "datetime", "ts", "at", "on", "when", "day"}
    | {"released", "created", "published"}
)
EVENT = frozenset({"event", "action", "behavior", "behaviour", "interaction", "activity"})
# What people do to look, to choose, and to turn something down.
LOOK = frozenset({"view", "views", "click", "pv", "detail", "visit", "open"})
CHOICE = frozenset(
    {"purchase", "buy", "bought", "transaction", "order", "cart", "addtocart", "checkout", "sale"}
    | {"like", "favorite", "favourite", "fav", "save", "bookmark", "rate", "rating", "share"}
    | {"play", "listen", "watch", "complete", "follow", "subscribe", "download", "install"}
    | {"wishlist", "wish", "collect"}
)
REFUSAL = frozenset(
    {"remove", "removed", "dislike", "unlike", "skip", "delete", "return", "refund", "cancel"}
    | {"impression", "unfollow", "hide", "block", "dismiss"}
)


def words_of(name: str) -> frozenset[str]:
    """The words of a name in lower case.

    >>> sorted(words_of("releaseDate_ms2"))
    ['date', 'ms', 'release']
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return frozenset(re.findall(r"[^\W\d_]+", parted.lower()))


def has_word(name: str, words: frozenset[str]) -> bool:
    """Whether a name has one of these words, be it run together with "id" or a plural.

    >>> has_word("visitorid", USER), has_word("userTags", ITEM)
    (True, False)
    """
    found = words_of(name)
    return bool(
        found & words
        or any(word.removesuffix(end) in words for word in found for end in ("id", "s"))
    )
