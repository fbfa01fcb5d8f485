import pytest

from maxella.tasks.losses import RETRIEVAL_LOSSES
from maxella.tasks.objective import Objective
from maxella.tasks.rating import RATING_TASKS


@pytest.fixture(scope="session")
def objective():
    """Both tasks, the retrieval loss at every second step, for a rating head."""

    def make(head, loss="leave_one_out_softmax", teacher=None):
        return Objective(
            retrieval_loss=RETRIEVAL_LOSSES[loss],
            retrieval_weight=1.0,
            rating_task=RATING_TASKS[head],
            rating_weight=1.0,
            sum_retrieval=False,
            rating_shapes_towers=True,
            retrieval_every=2,
            l2=0.01,
            teacher=teacher,
            distillation=0.5 if teacher else 0.0,
        )

    return make
