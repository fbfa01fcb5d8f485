import pytest

OPTIONS = {
    "data": {"kind": "synthetic"},
    "split": {"kind": "random", "test": 0.25, "validation": 0.2},
    "model": {"dim": 8},
    "training": {"batch_size": 32, "epochs": 4, "monitor": "filtered.ndcg@100"},
    "evaluation": {"resamples": 50},
}


@pytest.fixture
def options():
    """A small experiment on the synthetic world, with a validation part."""
    return {section: dict(values) for section, values in OPTIONS.items()}
