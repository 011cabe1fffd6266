"""Memory that is used again: what is still referred to is not, and what is held is bounded."""

import threading

import pytest

pytest.importorskip("numpy")
import numpy as np

from numeric import memory

FLOAT = np.dtype("float32")
SHAPE = (4, memory.LEAST // 16)


@pytest.fixture(name="pool")
def new_pool():
    return memory.Pool()


def place(x):
    return x.__array_interface__["data"][0]


def test_memory_of_an_array_that_is_gone_is_used_again(pool):
    first = pool.empty(SHAPE, FLOAT)
    where = place(first)
    assert where % memory.LINE == 0 and first.flags.c_contiguous and first.flags.writeable
    del first
    again = pool.empty((SHAPE[1], SHAPE[0]), FLOAT)
    assert place(again) == where and again.shape == (SHAPE[1], SHAPE[0])


def test_memory_of_what_still_refers_to_it_is_not(pool):
    torch = pytest.importorskip("torch")
    holders = (
        lambda x: x,
        lambda x: x[1:].T[:2],
        lambda x: memoryview(x)[1:],
        torch.from_numpy,
        lambda x: torch.from_numpy(x).view(-1)[3:],
        lambda x: torch.from_numpy(x).requires_grad_().detach(),
        lambda x: np.from_dlpack(torch.from_numpy(x)),
    )
    for hold in holders:
        held = hold(pool.empty(SHAPE, FLOAT))
        where = {place(pool.empty(SHAPE, FLOAT)) for _ in range(3)}
        mine = held.data_ptr() if hasattr(held, "data_ptr") else place(np.asarray(held))
        size = FLOAT.itemsize * SHAPE[0] * SHAPE[1]
        assert all(not at <= mine < at + size for at in where), hold
        del held


def test_what_is_held_is_bounded(pool, monkeypatch):
    size = FLOAT.itemsize * SHAPE[0] * SHAPE[1]
    alive = [pool.empty(SHAPE, FLOAT) for _ in range(3 * memory.ALIKE)]
    assert len({place(x) for x in alive}) == len(alive)
    assert pool.held <= memory.ALIKE * size
    monkeypatch.setattr(memory, "MOST", 3 * size)
    for rows in range(4, 20):
        pool.empty((rows, SHAPE[1]), FLOAT)
        assert pool.held <= memory.MOST
    pool.clear()
    assert pool.held == 0
    assert pool.empty((7,), FLOAT).shape == (7,) and pool.held == 0


def test_threads_do_not_share_a_block(pool):
    wrong = []

    def work(own):
        for _ in range(200):
            x = pool.empty(SHAPE, FLOAT)
            x[:] = own
            wrong.append(1) if (x != own).any() else None

    running = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not wrong
