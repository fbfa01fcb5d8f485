"""The loop: where it leaves the model, what it logs, and how it goes on."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from maxella.data.batches import UserBatches
from maxella.data.columns import WholeCatalogue
from maxella.errors import ConfigError, TrainingError
from maxella.model.build import build_model
from maxella.model.user_encoder import UserEncoder
from maxella.seal import opened, sealed
from maxella.tasks.teacher import Teacher
from maxella.training.checkpoint import Checkpoint, _hash
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.gradient_steps import GradientSteps, Plan, Validation
from maxella.training.log import RunLog

USERS, ITEMS = 12, 9
CPU = torch.device("cpu")
PLAN = Plan("adam", 0.05, 0.02, "constant", epochs=4, seed=5)


@pytest.fixture(scope="module")
def log(picks_of):
    """12 users with 3 of 9 items each, rated."""
    rng = np.random.default_rng(1)
    items = np.concatenate([rng.choice(ITEMS, 3, replace=False) + 1 for _ in range(USERS)])
    users = np.repeat(np.arange(1, USERS + 1), 3)
    ratings = rng.integers(1, 6, len(users)).astype(np.float32)
    return picks_of(users, items, (USERS + 1, ITEMS + 1), ratings)


@pytest.fixture(scope="module")
def batches(log):
    return UserBatches(log, 4, WholeCatalogue(ITEMS + 1))


@pytest.fixture
def make(make_spec):
    facts = {"n_user_rows": USERS + 1, "n_item_rows": ITEMS + 1, "history_dim": 2}
    return lambda head="variational": build_model(make_spec(head, **facts), seed=1)


@pytest.fixture
def steps(objective, batches, log, dataset_of):
    """Trains a model with these options; gives the stage."""

    def run(model, plan=PLAN, **options):
        task = options.pop("objective", objective("variational"))
        stage = GradientSteps(task, options.pop("batches", batches), plan, CPU, **options)
        stage(model, dataset_of(log))
        return stage

    return run


def measured(values, seen=None):
    """A validation that finds these figures, epoch by epoch; higher is better."""
    values = iter(values)

    def measure():
        if seen is not None:
            seen()
        return {"figure": next(values)}

    return Validation(measure, "figure", lambda value: value)


def state_of(model):
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("values", "best"), [([1, 3, 2, 0], 2), ([1, 2, 3, 4], 4), ([4, 3, 2, 1], 1), ([2, 2, 2, 2], 1)]
)
def test_the_model_is_left_at_its_best_epoch(make, steps, values, best):
    model, states = make(), []
    stage = steps(model, validation=measured(values, lambda: states.append(state_of(model))))
    assert len(states) == 4
    assert not same(states[best - 1], states[best % 4])
    assert same(model.state_dict(), states[best - 1])
    assert stage.facts == {"epochs": 4, "best_epoch": best}


def test_without_validation_it_is_left_at_its_last_epoch(make, steps):
    whole, last = make(), make()
    stage = steps(whole)
    states = []
    steps(last, validation=measured([1, 2, 3, 4], lambda: states.append(state_of(last))))
    assert same(whole.state_dict(), states[-1])
    assert stage.facts == {"epochs": 4, "best_epoch": 4}


def test_a_figure_that_falls_as_it_gets_better_is_turned(make, steps):
    model, states = make(), []
    validation = measured([3.0, 1.0, 2.0, 5.0], lambda: states.append(state_of(model)))
    stage = steps(model, validation=replace(validation, turned=lambda value: -value))
    assert stage.progress.best_epoch == 2
    assert stage.progress.best_value == -1.0
    assert same(model.state_dict(), states[1])


def test_patience_ends_a_run_that_gets_no_better(make, steps):
    model = make()
    stage = steps(model, replace(PLAN, patience=2), validation=measured([1, 3, 2, 2.5, 9]))
    assert stage.facts == {"epochs": 4, "best_epoch": 2}
    stage = steps(make(), replace(PLAN, patience=1), validation=measured([1, 3, 2, 9]))
    assert stage.facts == {"epochs": 3, "best_epoch": 2}


def test_a_figure_that_is_not_measured_is_named_with_the_nearest(make, steps):
    validation = replace(measured([1.0]), monitor="figur")
    with pytest.raises(ConfigError, match=r"'figur'.*'figure'"):
        steps(make(), validation=validation)


@pytest.mark.parametrize("stop_at", [3, 4, 7])  # the end of the first epoch, and after it
def test_a_resumed_run_ends_with_the_same_bytes_at_the_same_best_epoch(
    make, steps, tmp_path, stop_at
):
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "")
    values = [1.0, 3.0, 2.0, 0.0]

    def stop(step, _):
        if step == stop_at:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        steps(make(), validation=measured(values), checkpoint=checkpoint, on_step=stop)
    done = (stop_at - 1) // 3  # whole epochs of three batches
    resumed, whole = make(), make()
    log = RunLog(tmp_path / "log.jsonl")
    further = {"checkpoint": checkpoint, "resume": True, "log": log}
    stage = steps(resumed, validation=measured(values[done:]), **further)
    steps(whole, validation=measured(values))
    assert stage.facts == {"epochs": 4, "best_epoch": 2}
    assert same(resumed.state_dict(), whole.state_dict())
    events = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [one["event"] for one in events] == [*["resumed"] * (done > 0), *["epoch"] * (4 - done)]
    assert [one["epoch"] for one in events[-1:]] == [4]


def test_a_finished_run_that_is_resumed_is_as_it_was(make, steps, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "")
    first, again = make(), make()
    steps(first, validation=measured([1, 3, 2, 0]), checkpoint=checkpoint)
    steps(again, validation=measured([]), checkpoint=checkpoint, resume=True)
    assert same(first.state_dict(), again.state_dict())


def test_a_checkpoint_of_other_options_and_a_damaged_one_are_refused(make, steps, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    steps(make(), checkpoint=Checkpoint(path, "one"))
    with pytest.raises(TrainingError, match="other options or other data"):
        steps(make(), checkpoint=Checkpoint(path, "other"), resume=True)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TrainingError, match=r"is damaged: .* train anew"):
        steps(make(), checkpoint=Checkpoint(path, "one"), resume=True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_bit_flipped_in_a_checkpoint_is_noticed(make, steps, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    undisturbed, broken = make(), make()
    steps(undisturbed, checkpoint=Checkpoint(path, ""))
    whole, rng = path.read_bytes(), random.Random(0)
    told = 0
    for _ in range(60):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            steps(broken, checkpoint=Checkpoint(path, ""), resume=True)
        except TrainingError as error:  # and no other
            told += f"{path} is damaged: " in str(error)
        else:  # nothing that is read has changed
            assert same(broken.state_dict(), undisturbed.state_dict())
            told += 1
    assert told == 60


def test_a_checkpoint_sealed_anew_that_does_not_fit_is_named(make, steps, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    steps(make(), checkpoint=Checkpoint(path, ""))
    with safe_open(path, framework="pt") as file:
        facts = opened(json.loads(file.metadata()["maxella"]))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    name = next(name for name in tensors if name.startswith("model/"))
    others = [
        (tensors | {name: tensors[name][:-1].clone()}, facts),
        ({key: of for key, of in tensors.items() if key != name}, facts),
        (tensors | {"optimiser/x/y": torch.zeros(1)}, facts),
        (tensors, facts | {"progress": {"epoch": "1"}}),
        (tensors, {key: of for key, of in facts.items() if key != "progress"}),
    ]
    for changed, told in others:
        header = json.dumps(sealed(told | {"sha256": _hash(changed)}))
        save_file(changed, path, metadata={"maxella": header})
        with pytest.raises(TrainingError, match=r"is damaged: .* train anew"):
            steps(make(), checkpoint=Checkpoint(path, ""), resume=True)


def test_a_loss_that_is_not_finite_stops_the_run(make, steps):
    model = make()
    with torch.no_grad():
        model.item_encoder.table.weight[3] = torch.inf
    with pytest.raises(TrainingError, match=r"retrieval_loss is .* at step 1 .*learning_rate"):
        steps(model)


def test_weights_learn_at_the_rate_of_their_group(make, steps):
    """Encoders at one rate, heads at the other: next to none leaves its group where it is."""
    for rates, still in (((0.05, 1e-30), "encoder"), ((1e-30, 0.05), "head")):
        model = make()
        before = state_of(model)
        steps(model, replace(PLAN, learning_rate=rates[0], encoder_learning_rate=rates[1]))
        tables = {"user_encoder.ids.table.weight", "user_encoder.history.readings.weight"}
        tables |= {"item_encoder.table.weight"}
        for name, weight in model.named_parameters():
            is_still = (name in tables) == (still == "encoder")
            assert bool((weight - before[name]).abs().max() < 1e-20) == is_still, name


def test_each_step_is_told_and_each_batch_comes_once_an_epoch(make, steps):
    told = []
    steps(make(), on_step=lambda step, steps: told.append((step, steps)))
    assert told == [(step, 12) for step in range(1, 13)]


def test_the_loss_of_a_task_is_logged_as_its_mean_over_an_epoch(make, fit, objective, log):
    """Also of one whose labels are in few batches: a batch without any counts as none."""
    labels = dict(log.rows.labels)
    labels["rating"] = np.where(log.rows.users == 3, labels["rating"], np.nan).astype(np.float32)
    few = log.of(replace(log.rows, labels=labels))
    whole, by_user = (UserBatches(few, size, WholeCatalogue(ITEMS + 1)) for size in (USERS, 1))
    task = replace(objective("dot"), tasks=[objective("dot").tasks[1]])
    still = replace(PLAN, learning_rate=1e-30, encoder_learning_rate=1e-30, epochs=1)
    losses = [
        fit(make("dot"), task, batches, still).history[0]["rating_loss"]
        for batches in (whole, by_user)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_a_step_without_any_label_leaves_all_as_it_is(make, fit, objective, log):
    labels = {name: np.full_like(of, np.nan) for name, of in log.rows.labels.items()}
    silent = UserBatches(log.of(replace(log.rows, labels=labels)), 4, WholeCatalogue(ITEMS + 1))
    model = make()
    before = state_of(model)
    progress = fit(model, replace(objective("variational"), l2=0.0), silent, PLAN)
    assert same(model.state_dict(), before)
    assert progress.history[0]["loss"] == 0


def test_the_teacher_of_a_start_teaches(make, steps, objective):
    start = ClosedFormStart("retrieval", 1, CPU)
    start.teacher = Teacher(torch.randn(USERS + 1, 2), torch.randn(ITEMS + 1, 2))
    task = objective("variational")
    tasks = [replace(task.tasks[0], distillation=0.5), task.tasks[1]]
    taught, alone = make(), make()
    steps(taught, objective=replace(task, tasks=tasks), start=start)
    steps(alone, objective=replace(task, tasks=tasks))
    assert not same(taught.state_dict(), alone.state_dict())


class Latest(UserEncoder):
    """A query is the embedding of the item that a user met last."""

    reads_order = True

    def __init__(self, n_rows, n_item_rows, dim):
        super().__init__()
        self.n_rows, self.dim = n_rows, dim
        self.items = torch.nn.Embedding(n_item_rows, dim, padding_idx=0)
        self.seen = []

    def forward(self, rows, history):
        ends = history.counts.cumsum(0)
        last = [
            history.items[end - 1] if n else 0 for n, end in zip(history.counts, ends, strict=True)
        ]
        self.seen.append((rows.tolist(), [int(item) for item in last]))
        return self.items(torch.tensor([int(item) for item in last]))


def test_an_encoder_that_reads_order_gets_histories_in_the_order_of_time(make, fit, log, objective):
    rng = np.random.default_rng(3)
    times = rng.permutation(len(log))
    timed = log.of(replace(log.rows, timestamps=times))
    latest = {
        user: int(
            log.rows.items[max(np.flatnonzero(log.rows.users == user), key=times.__getitem__)]
        )
        for user in range(1, USERS + 1)
    }
    model = make()
    encoder = model.user_encoder = Latest(USERS + 1, ITEMS + 1, model.item_encoder.dim)
    batches = UserBatches(timed, 4, WholeCatalogue(ITEMS + 1), in_time_order=encoder.reads_order)
    fit(model, objective("variational"), batches, replace(PLAN, epochs=1))
    model.embed(timed.history(in_time_order=encoder.reads_order))
    found = {
        user: item for rows, items in encoder.seen for user, item in zip(rows, items, strict=True)
    }
    assert len(encoder.seen) == 4  # three batches, and all users at once
    for rows, items in encoder.seen:
        for user, item in zip(rows, items, strict=True):
            assert item == latest.get(user, 0)
    assert set(found) == set(range(USERS + 1))
    assert not model.user_encoder.items.weight[0].any()
