"""A catalogue of stories with samples, and tiny untrained checkpoints of both architectures."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
torch = pytest.importorskip("torch")

from engine.catalogue import Catalogue  # noqa: E402
from train.build_samples import SampleRule, build_samples  # noqa: E402
from train.recipes import story_teacher  # noqa: E402
from train.settings import Part, Recipe  # noqa: E402
from train.small_world.make import Size, make_tarsier1, make_tarsier2  # noqa: E402
from train.small_world.shelf import add_stories  # noqa: E402

TINY = Size(width=32, layers=2, heads=2, kv_heads=1, feed_forward=64, vision_width=32, vision_layers=2, vision_heads=2)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Many tiny products: a second thread only waits, most of all where the cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """24 stories, 24 samples of the dataset `stories`; not to be written to."""
    catalogue = Catalogue.open(tmp_path_factory.mktemp("shelf") / "catalogue", create=True)
    add_stories(catalogue, range(24))
    build_samples(catalogue, SampleRule("stories", kinds=("given",)))
    return catalogue


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        "tarsier2": make_tarsier2(folder / "tarsier2", TINY),
        "tarsier1": make_tarsier1(folder / "tarsier1", TINY),
    }


@pytest.fixture
def recipe() -> Recipe:
    """Six steps of four samples, a checkpoint every second."""
    return replace(story_teacher(), mixture=(Part("stories"),), batch=4, steps=6, checkpoint_every=2)
