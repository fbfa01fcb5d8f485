import pytest
import torch

from maxella.model.reading import Reading, _Read
from maxella.seeds import torch_generator


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2)])
@pytest.mark.parametrize("positions", [[0, 0, 2, 5, 5, 5], [4, 1, 1, 0, 4], []])
def test_gradients_add_up_row_by_row(device, shape, positions):
    positions = torch.tensor(positions, dtype=torch.int64)
    values = torch.randn(6, *shape, generator=torch_generator(1, "test"), dtype=torch.float64)
    slopes = torch.randn(len(positions), *shape, generator=torch_generator(2, "test")).double()
    wanted = values.clone().requires_grad_()
    (wanted.index_select(0, positions) * slopes).sum().backward()

    reading, found = Reading(positions.to(device)), values.clone().to(device).requires_grad_()
    for _ in range(2):  # the second time from what the first has sorted
        found.grad = None
        read = reading.of(found)
        assert torch.equal(read.cpu(), values[positions])
        (read * slopes.to(device)).sum().backward()
        torch.testing.assert_close(found.grad.cpu(), wanted.grad)

    ordered, indices = positions.sort(stable=True)
    given = values.clone().requires_grad_()
    begins = torch.searchsorted(ordered, torch.arange(6))
    (_Read.apply(given, positions, indices, begins) * slopes).sum().backward()
    torch.testing.assert_close(given.grad, wanted.grad)
