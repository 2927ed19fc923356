"""Torch with few threads, so that tests that run side by side do not fight over cores."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _few_threads() -> None:
    torch = pytest.importorskip("torch", reason="the extra `model` is not installed")
    torch.set_num_threads(2)
