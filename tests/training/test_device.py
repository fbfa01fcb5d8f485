"""Training on each device: the same start, the same end but for rounding, the same bytes again."""

from functools import partial

import numpy as np
import polars as pl
import pytest
import torch

from maxella.closed_form import edlae
from maxella.data.batches import RowBatches, UserBatches
from maxella.data.columns import OwnAndUniform, OwnAndUnseen, WholeCatalogue
from maxella.data.entity_features import EntityFeatures, Features
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.errors import ConfigError, TrainingError
from maxella.features.feature_set import FeatureSpec
from maxella.features.id import Vocabulary
from maxella.model.build import build_model
from maxella.model.feature_part import LAYERS
from maxella.model.heads import HEADS
from maxella.seeds import torch_generator
from maxella.tasks.losses import LOSSES
from maxella.tasks.teacher import Teacher
from maxella.training import row_tables
from maxella.training.checkpoint import Checkpoint
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.device import find_device, on_cpu, on_device
from maxella.training.gradient_steps import GradientSteps, Plan
from maxella.training.row_optimisers import OPTIMISERS
from maxella.training.seen_penalty import _loss, _start

USERS, ITEMS = 40, 60
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def log():
    """40 users with 4 to 8 of 60 items each, one in ten also viewed, a rating in ten left out.

    What is viewed is no pick.
    """
    rng = np.random.default_rng(1)
    counts = 4 + np.arange(USERS) % 5
    items = np.concatenate([rng.choice(ITEMS, n, replace=False) + 1 for n in counts])
    users = np.repeat(np.arange(1, USERS + 1), counts)
    events = np.concatenate([np.ones(len(users), dtype=np.int64), np.zeros(len(users[::10]), int)])
    users, items = (np.concatenate([side, side[::10]]) for side in (users, items))
    ratings = rng.integers(0, 2, len(users)).astype(np.float32)
    ratings[::10] = np.nan
    picks = np.where(events == 1, 1, np.nan).astype(np.float32)
    labels = {"retrieval": picks, "rating": ratings}
    rows = Interactions(users, items, labels, events=events)
    return Log(rows, USERS + 1, ITEMS + 1, ("view", "buy"))


@pytest.fixture(scope="module")
def features():
    """Users of three kinds; items with labels and a number, some without."""

    def side(n, columns, specs):
        table = pl.DataFrame({"id": [f"{i:02}" for i in range(n)], **columns})
        ids = Vocabulary.fit(table["id"])
        return EntityFeatures.fit(table, "id", ids, specs, np.ones(n + 1, dtype=bool))

    kinds = {"kind": [str(i % 3) for i in range(USERS)]}
    labels = [["a"] if i % 2 else ["b", "c"][: i % 3] for i in range(ITEMS)]
    years = [None if i % 7 == 0 else 1990 + i % 5 for i in range(ITEMS)]
    of_items = [FeatureSpec("labels", "labels"), FeatureSpec("year", "category")]
    return Features(
        side(USERS, kinds, [FeatureSpec("kind", "category")]),
        side(ITEMS, {"labels": labels, "year": years}, of_items),
    )


@pytest.fixture
def make(make_spec):
    def make(head="dot", features=None, **changes):
        facts = {
            "n_user_rows": USERS + 1,
            "n_item_rows": ITEMS + 1,
            "dim": 3,
            "history_dim": 2,
            "events": ("view", "buy"),
            "mean_history": 6.0,
            "levels": (0.0, 1.0),
            "mean": 0.5,
        }
        heads = {"retrieval": "dot_product", "rating": head}
        return build_model(make_spec(heads=heads, **facts | changes), 1, features).double()

    return make


def batches_for(loss, log):
    counts = np.bincount(log.rows.items, minlength=ITEMS + 1)
    if loss == "in_batch_softmax":
        return RowBatches(log, 50)
    columns = {"bpr": OwnAndUnseen(counts), "gramian": OwnAndUniform(counts, 5)}
    return UserBatches(log, 8, columns.get(loss, WholeCatalogue(ITEMS + 1)), ("view", "buy"))


def plan(optimiser="adam"):
    return Plan(optimiser, 0.02, 0.01, "one_cycle", epochs=3, seed=5)


def train(model, device, task, batches, optimiser="adam", **further):
    GradientSteps(task, batches, plan(optimiser), device, **further)(model, None)
    return model


def assert_near(model, other):
    wanted = dict(other.named_parameters())
    for name, weight in model.named_parameters():
        assert weight.device == CPU
        torch.testing.assert_close(weight, wanted[name], rtol=1e-6, atol=1e-6)


CASES = [
    *({"head": head} for head in HEADS if head != "dot_product"),
    *({"loss": loss, "history_dim": 0, "dim": 5} for loss in LOSSES),
    *({"optimiser": optimiser} for optimiser in OPTIMISERS),
    *({"optimiser": optimiser, "few": 0.9} for optimiser in OPTIMISERS),
    *({"layers": layers, "head": "cross"} for layers in ["sum", *LAYERS]),
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case.values())))
def case(request, make, objective, log, features, monkeypatch):
    """A model, what it is to learn and how, made anew at each call."""
    facts = dict(request.param)
    for name in ("_FEW", "_FEW_ON_CUDA"):
        monkeypatch.setattr(row_tables, name, facts.get("few", 0.0))
    facts.pop("few", None)
    optimiser = facts.pop("optimiser", "adam")
    loss, head = facts.pop("loss", "leave_one_out_softmax"), facts.pop("head", "dot")
    layers = facts.pop("layers", None)
    if layers:
        facts |= {"features": features, "feature_layers": layers}
    return lambda: (make(head, **facts), objective(head, loss), batches_for(loss, log), optimiser)


def test_training_ends_where_it_ends_on_the_cpu(case, device):
    model, task, batches, optimiser = case()
    found = train(model, device, task, batches, optimiser)
    wanted = found
    if device != CPU:
        model, task, batches, optimiser = case()
        wanted = train(model, CPU, task, batches, optimiser)
        assert_near(found, wanted)
    start = dict(case()[0].named_parameters())
    for name, weight in wanted.named_parameters():
        is_trained = not name.startswith("cold_")  # those are found afterwards
        is_trained &= weight.numel() > 0  # of two levels there is no gap to stretch
        assert torch.equal(weight, start[name]) != is_trained, name


def test_training_twice_gives_the_same_bytes(case, device):
    first, second = (train(m.float(), device, *further) for m, *further in (case(), case()))
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name]), name


def test_no_tensor_is_made_where_the_model_is_not(case):
    # With another default device, what is made without naming one clashes with the weights.
    model, task, batches, optimiser = case()
    with torch.device("meta"):
        GradientSteps(task, batches, plan(optimiser), CPU)(model, None)


@pytest.mark.parametrize("few", [0.0, 0.9])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_run_goes_on_bit_for_bit(
    make, objective, log, tmp_path, device, monkeypatch, optimiser, few
):
    for name in ("_FEW", "_FEW_ON_CUDA"):
        monkeypatch.setattr(row_tables, name, few)
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "")
    task, batches = objective("mixed"), batches_for("leave_one_out_softmax", log)

    def run(**further):
        return train(make("mixed").float(), device, task, batches, optimiser, **further)

    def stop(step, _):
        if step == 13:  # within the third epoch of five batches
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run(checkpoint=checkpoint, on_step=stop)
    resumed = run(checkpoint=checkpoint, resume=True)
    for name, weight in run().state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name


def close(model, log, dataset_of, device):
    """A start in closed form on a device, with its teacher."""
    stage = ClosedFormStart("retrieval", 2, device)
    stage(model, dataset_of(log))
    return stage.teacher


@pytest.mark.parametrize("dense", [5000, 0])
def test_the_closed_forms_are_those_of_the_cpu(
    make, log, dataset_of, scores_of, device, monkeypatch, dense
):
    monkeypatch.setattr(edlae, "DENSE_ITEM_ROWS", dense)
    scores = []
    for where in (device, CPU):
        model = make("dot", dim=4, history_dim=4, seen_penalty_dim=5).float()
        history = log.history()
        with on_device(model, where):
            _start(model.seen_penalty, history.to(where), torch_generator(3, "penalty"))
        teacher = close(model, log, dataset_of, where)
        # Directions are found up to their sign: products say what they are.
        found = (teacher.users @ teacher.items.T).cpu()
        plain, sunk = (scores_of(model, log, sink_seen=sink) for sink in (False, True))
        scores.append((found, plain, sunk - plain))
    for found, wanted in zip(*scores, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_closed_forms_twice_give_the_same_bytes(make, log, dataset_of, device):
    states = []
    for _ in range(2):
        model = make("dot", dim=4, history_dim=4).float()
        teacher = close(model, log, dataset_of, device)
        states.append([*model.state_dict().values(), teacher.users, teacher.items])
    assert all(map(torch.equal, *states))


def test_a_teacher_teaches_on_each_device(make, objective, log, dataset_of, device):
    # One start for both: on another device its directions may come with other signs.
    start = make("dot").float()
    teacher = close(start, log, dataset_of, CPU)
    found = []
    for where in (device, CPU):
        model = make("dot")
        model.load_state_dict(start.double().state_dict())
        there = Teacher(teacher.users.double().to(where), teacher.items.double().to(where))
        found.append(train(model, where, objective("dot", teacher=there), batches_for("full", log)))
    assert_near(*found)


def test_a_seen_penalty_is_trained_on_each_device(make, log, device):
    make = partial(make, "dot", seen_penalty_dim=4)
    loss = partial(_loss, task="retrieval", softness=0.5)
    batches = batches_for("full", log)
    found, wanted = (train(make(), where, loss, batches) for where in (device, CPU))
    assert_near(found, wanted)


def test_histories_are_read_on_each_device(log, device):
    history = log.history(("view", "buy"))
    there = history.to(device)
    users = torch.tensor([3, 0, 17, 3])
    assert torch.equal(there.matrix(users.to(device)).cpu(), history.matrix(users))
    bags, wanted = there.bags(users.to(device)), history.bags(users)
    for name in ("items", "counts", "events"):
        assert torch.equal(getattr(bags, name).cpu(), getattr(wanted, name)), name
    assert there.take(users.to(device)).n_user_rows == 4


def test_within_a_device_all_is_deterministic_and_afterwards_as_it_was(make, device):
    model = make()
    weights = list(model.parameters())
    with on_device(model, device):
        assert model.device.type == device.type
        assert torch.are_deterministic_algorithms_enabled() == (device.type == "cuda")
        assert on_cpu(model).device == CPU
        assert model.device.type == device.type
    assert model.device == CPU
    with pytest.raises(TrainingError), on_device(model, device):
        raise TrainingError
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    model.cpu()
    assert all(map(torch.equal, weights, model.parameters()))


def test_auto_is_cuda_where_there_is_one(monkeypatch):
    for has_cuda, found in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda has=has_cuda: has)
        assert find_device("auto").type == found
        assert find_device("cpu").type == "cpu"


def test_cuda_without_a_device_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"wants a CUDA device; .* Set training\.device = 'cpu'"):
        find_device("cuda")
