"""The table of heads: what each is for, and what it asks of the log."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from maxella.model.cross_head import CrossHead
from maxella.model.dot_product_head import DotProductHead
from maxella.model.head import Head, HeadShape
from maxella.model.mixed_head import MixedHead
from maxella.model.ordinal_head import OrdinalHead
from maxella.model.point_heads import DotHead, LogisticHead, MlpHead
from maxella.model.variational_head import VariationalHead


@dataclass(frozen=True)
class HeadChoice:
    """A head that a task may have."""

    make: Callable[[HeadShape], Head]
    kinds: tuple[str, ...]  # of tasks that it answers
    help: str
    whole_users: bool = False  # whether its loss wants batches of whole users
    few_levels: bool = False  # whether labels must be few levels, as stars are
    averages: bool = False  # whether it can average several factorisations (`members`)


HEADS: dict[str, HeadChoice] = {
    "dot_product": HeadChoice(
        DotProductHead, ("retrieval",), "the query's dot product with the item, and a bias"
    ),
    "dot": HeadChoice(DotHead, ("rating",), "biases and a dot product"),
    "mlp": HeadChoice(MlpHead, ("rating",), "the notebook's dense layers"),
    "variational": HeadChoice(
        VariationalHead,
        ("rating",),
        "dot with factors of its own that find their regularisation themselves",
        whole_users=True,
        averages=True,
    ),
    "ordinal": HeadChoice(
        OrdinalHead,
        ("rating", "binary"),
        "the same for labels that are ordered levels",
        whole_users=True,
        few_levels=True,
        averages=True,
    ),
    "mixed": HeadChoice(
        MixedHead,
        ("rating",),
        "the mean of the last two, of `dim` factors and of twice as many",
        whole_users=True,
        few_levels=True,
        averages=True,
    ),
    "cross": HeadChoice(CrossHead, ("rating",), "dot, and DCN-v2 over all features of both sides"),
    "low_rank_cross": HeadChoice(
        partial(CrossHead, low_rank=True),
        ("rating",),
        "the same with matrices of a quarter of the rank",
    ),
    "logistic": HeadChoice(
        LogisticHead, ("binary",), "a probability: the logistic function of what dot sums"
    ),
}
