"""Batches of an epoch that go to a device at once."""

import torch

from counterweight.core.batches import draw_batches, send_batches


def test_batches_arrive_as_they_were_drawn() -> None:
    labels = torch.arange(23) % 3
    for balanced in (False, True):
        drawn = draw_batches(labels, 5, balanced, torch.Generator().manual_seed(0))
        sent = send_batches(drawn, torch.device("cpu"))
        assert [batch.tolist() for batch in sent] == [batch.tolist() for batch in drawn]


def test_shares_of_several_processes_arrive_in_their_order() -> None:
    drawn = [torch.tensor([3, 1, 2, 0])[1::2], torch.tensor([7, 6])[1::2]]
    assert [batch.tolist() for batch in send_batches(drawn, torch.device("cpu"))] == [[1, 0], [6]]
