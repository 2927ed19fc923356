"""Checkpoints load whole or not at all, and convert into what stock libraries read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `model` is not installed")

from safetensors.torch import load_file, save_file  # noqa: E402

from model.configs import MARKER  # noqa: E402
from model.convert import convert  # noqa: E402
from model.errors import ModelError  # noqa: E402
from model.load import load_model  # noqa: E402
from model.positions import mrope_positions, stock_differs  # noqa: E402
from model.weights import shards_of, weights_id  # noqa: E402
from tests.conftest import REPO  # noqa: E402
from tests.model import tiny  # noqa: E402

VIDEO: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [
            {"type": "video", "video": {"frames": np.arange(3 * 28 * 56 * 3, dtype=np.uint32).astype(np.uint8)
                                        .reshape(3, 28, 56, 3)}},
            {"type": "text", "text": "What?"},
        ],
    }
]  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tarsier2(tmp_path_factory.mktemp("original") / "checkpoint")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def logits(network: Any, inputs: dict[str, Any]) -> Any:
    with torch.no_grad():
        return network(**inputs).logits


def test_a_converted_checkpoint_loads_in_stock_transformers_with_equal_logits(original: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText  # noqa: PLC0415

    convert(original, tmp_path / "plain")
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        tmp_path / "plain", dtype=torch.float32, output_loading_info=True
    )
    stock, report = loaded
    assert not report["missing_keys"] | report["unexpected_keys"] | report["mismatched_keys"]
    ours = load_model(original)
    inputs = ours.processor(VIDEO, generation=True)
    assert torch.equal(logits(stock.eval(), inputs), logits(ours.network, inputs))


def test_a_converted_checkpoint_is_still_known_as_tarsier2(original: Path, tmp_path: Path) -> None:
    convert(original, tmp_path / "plain")
    ours, plain = load_model(original), load_model(tmp_path / "plain")
    assert (plain.family, plain.weights) == ("tarsier2", ours.weights)
    first, second = ours.processor(VIDEO, generation=True), plain.processor(VIDEO, generation=True)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.filterwarnings("ignore")
def test_doubled_frames_through_the_stock_processor_are_our_pixels(original: Path, tmp_path: Path) -> None:
    from transformers import AutoProcessor  # noqa: PLC0415

    convert(original, tmp_path / "plain")
    processor = AutoProcessor.from_pretrained(tmp_path / "plain")
    ours = load_model(original).processor
    doubled = np.repeat(ours.prompt(VIDEO).media[0].frames, 2, axis=0)
    chat = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "What?"}]}]
    text = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    theirs = processor(text=[text], videos=[torch.from_numpy(doubled).permute(0, 3, 1, 2)], return_tensors="pt")
    inputs = ours(VIDEO, generation=True)
    assert theirs["video_grid_thw"].tolist() == inputs["image_grid_thw"].tolist() == [[3, 4, 6]]
    assert float((theirs["pixel_values_videos"] - inputs["pixel_values"]).abs().max()) <= 1e-5
    ids = theirs["input_ids"].where(theirs["input_ids"] != tiny.token("<|video_pad|>"), tiny.token("<|image_pad|>"))
    assert ids.tolist() == inputs["input_ids"].tolist()


def test_files_are_converted_one_by_one(tmp_path: Path) -> None:
    source = tiny.tarsier2(tmp_path / "sharded", shards=3)
    convert(source, tmp_path / "plain")
    index = json.loads((tmp_path / "plain" / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) == 3
    assert set(index["weight_map"]) == {
        entry.name for shard in shards_of(tmp_path / "plain") for entry in shard.tensors
    }
    assert weights_id(shards_of(source)) == weights_id(shards_of(tmp_path / "plain"))
    assert load_model(tmp_path / "plain").family == "tarsier2"


def test_converting_runs_without_torch(original: Path, tmp_path: Path) -> None:
    code = "import sys; from model.convert import convert; convert(*sys.argv[1:]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, original, tmp_path / "plain"], check=True, cwd=REPO, timeout=120)
    assert (tmp_path / "plain" / MARKER).is_file()


def test_a_destination_that_exists_is_left_alone(original: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists"):
        convert(original, tmp_path)
    assert not list(tmp_path.iterdir())


def test_only_tarsier2_is_converted(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="only Tarsier2 needs converting"):
        convert(tiny.tarsier1(tmp_path / "tarsier1"), tmp_path / "plain")


def test_missing_and_unexpected_weights_stop_with_their_names(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["language_model.model.norm.bias"] = weights.pop("language_model.model.norm.weight")
    save_file(weights, copy / "model.safetensors")
    for attempt in (lambda: load_model(copy), lambda: convert(copy, tmp_path / "plain")):
        with pytest.raises(ModelError, match=r"1 missing: \['.*norm.weight'\]; 1 unexpected: \['.*norm.bias'\]"):
            attempt()
    assert not (tmp_path / "plain").exists()


def test_a_misshapen_weight_stops(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["language_model.lm_head.weight"] = weights["language_model.lm_head.weight"][:7].clone()
    save_file(weights, copy / "model.safetensors")
    with pytest.raises(ModelError, match=r"lm_head.weight is \(7, 32\) and should be \(288, 32\)"):
        load_model(copy)


def test_pickled_weights_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="unsafe_weights"):
        load_model(copy)


@pytest.mark.parametrize("keep", [5, 300, -1])
def test_a_file_that_is_cut_off_is_refused(copy: Path, keep: int) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="damaged_weights"):
        load_model(copy)


def test_an_index_may_not_point_outside(copy: Path) -> None:
    index = {"weight_map": {"a": "../evil.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="outside the folder"):
        load_model(copy)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"projection_head": "Pixel_Shuffle"}, "projection head"),
        ({"image_token_index": 5}, "image_token_index and"),
        ({"vision_config": None}, "vision_config is missing"),
        ({"text_config": {"model_type": "mamba"}}, "text model 'mamba'"),
    ],
)
def test_a_config_that_cannot_be_meant_is_refused(copy: Path, change: dict[str, Any], match: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=match):
        load_model(copy)


def test_two_vision_configs_must_agree(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["text_config"]["vision_config"] = config["vision_config"] | {"depth": 5}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"differ in \['depth'\]"):
        load_model(copy)


def test_the_fallback_template_says_so(original: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load_model(original).processor.template.source == "fallback"
    assert "has no chat template" in caplog.text


def test_dtype_and_attention_are_choices(original: Path) -> None:
    model = load_model(original, dtype="bfloat16", attention="eager")
    assert model.dtype == torch.bfloat16
    assert model.network.config._attn_implementation == "eager"
    assert model.network.model.language_model.rotary_emb.inv_freq.dtype == torch.float32
    with pytest.raises(ValueError, match="attention must be one of"):
        load_model(original, attention="magic")


def test_text_goes_on_after_the_last_frame() -> None:
    # 5 text, a grid of 2 frames of 2 x 2 merged patches, 3 text: 0-4; times 5 and 6; then 7, 8, 9
    ids = [1] * 5 + [9] * 8 + [1] * 3
    positions = mrope_positions(ids, [(2, 4, 4)], frozenset([9]))
    assert positions.T.tolist() == [
        *([i, i, i] for i in range(5)),
        [5, 5, 5], [5, 5, 6], [5, 6, 5], [5, 6, 6], [6, 5, 5], [6, 5, 6], [6, 6, 5], [6, 6, 6],
        [7, 7, 7], [8, 8, 8], [9, 9, 9],
    ]  # fmt: skip
    assert not stock_differs(2, 4, 4)


def test_more_frames_than_half_the_longer_side_move_the_text_further() -> None:
    # 3 frames of one merged patch: the text begins at 3, where stock code would begin at max(2, 2) / 2 = 1
    assert mrope_positions([9, 9, 9, 1], [(3, 2, 2)], frozenset([9]))[:, -1].tolist() == [3, 3, 3]
    assert stock_differs(3, 2, 2)


def test_ids_without_a_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 4 visual ids"):
        mrope_positions([1, 9, 9, 1], [(1, 4, 4)], frozenset([9]))
    with pytest.raises(ValueError, match="1 visual ids have no grid"):
        mrope_positions([9], [], frozenset([9]))
