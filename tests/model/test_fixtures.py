"""Our networks and processors give what the published reference code gave, for every case of every fixture found.

LONGTAKE_FIXTURES names the folder (default ../shared/fixtures); another folder of the same form may stand in its place.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import ModelError
from model.messages import parse_messages
from model.resizing import smart_resize
from model.sampling import allot_frames, select_frames, uniform_tarsier1, uniform_v1, uniform_v2
from tests.model.fixtures import ROOT, Folder, cases, folders, name_of

torch = pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.load import LoadedModel, load_model  # noqa: E402
from model.processors.settings import Tarsier1Settings, Tarsier2Settings  # noqa: E402
from model.processors.tarsier1 import Tarsier1Prompt, chat_text  # noqa: E402
from model.processors.tarsier2 import Prompt, pixel_values  # noqa: E402

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no reference fixtures at {ROOT}; see LONGTAKE_FIXTURES")
FEATURES, LOGITS, LOSS, PIXELS = 2e-5, 1e-4, 1e-5, 1e-5
each_tarsier2 = pytest.mark.parametrize(("folder", "case"), cases("tarsier2-tiny"), ids=name_of)
each_tarsier1 = pytest.mark.parametrize(("folder", "case"), cases("tarsier1-tiny"), ids=name_of)
each_processor = pytest.mark.parametrize(("folder", "case"), cases("tarsier2-processor"), ids=name_of)
each_vectors = pytest.mark.parametrize("folder", folders("tarsier2-processor"), ids=name_of)


@cache
def loaded(checkpoint: Path) -> LoadedModel:
    return load_model(checkpoint, dtype="float32")


def worst(ours: Any, theirs: Any) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max())


def test_the_folder_holds_every_kind_of_fixture() -> None:
    assert folders("tarsier1-tiny")
    assert folders("tarsier2-tiny")
    assert folders("tarsier2-processor")


# --- Tarsier2 --------------------------------------------------------------------------------------------------------


def tarsier2_batch(folder: Folder, case: dict[str, Any]) -> tuple[LoadedModel, dict[str, Any]]:
    model = loaded(folder.path / "checkpoint")
    settings = Tarsier2Settings.from_original(case["processor_config"])
    prompts = [
        model.processor.prompt(row, root=folder.path, generation=not settings.training, settings=settings)
        for row in case["samples"]
    ]
    return model, model.processor.collate(prompts, labels=settings.training)


@each_tarsier2
def test_tarsier2_inputs_are_the_references(folder: Folder, case: dict[str, Any]) -> None:
    expected, name = folder.expected(), case["name"]
    model, batch = tarsier2_batch(folder, case)
    assert torch.equal(batch["input_ids"], expected[f"{name}.input_ids"])
    assert torch.equal(batch["attention_mask"], expected[f"{name}.attention_mask"])
    assert torch.equal(batch["position_ids"], expected[f"{name}.position_ids"].permute(2, 0, 1))
    rows = [model.processor.tokenizer.decode(ids[mask.bool()]) for ids, mask in
            zip(batch["input_ids"], batch["attention_mask"], strict=True)]  # fmt: skip
    assert rows == case["rendered"]
    per_row = (batch["input_ids"] == model.processor.image_token_id).sum(dim=1).tolist()
    assert per_row == case["image_tokens_per_sample"]
    stored = case.get("pixel_values_same_as", name)
    if f"{stored}.pixel_values" in expected:
        assert torch.equal(batch["image_grid_thw"], expected[f"{name}.image_grid_thw"])
        assert worst(batch["pixel_values"], expected[f"{stored}.pixel_values"]) <= PIXELS
    else:
        assert "pixel_values" not in batch
    if "loss" in case:
        assert torch.equal(batch["labels"], expected[f"{name}.labels"])


@each_tarsier2
def test_tarsier2_logits_are_the_references(folder: Folder, case: dict[str, Any]) -> None:
    expected, name = folder.expected(), case["name"]
    model, batch = tarsier2_batch(folder, case)
    with torch.no_grad():
        out = model.network(**batch)
    rows = batch["attention_mask"].bool()
    assert worst(out.logits[rows], expected[f"{name}.logits"][rows]) <= LOGITS
    if "loss" in case:
        assert abs(float(out.loss) - case["loss"]) <= LOSS
    stored = case.get("vision_features_same_as", name)
    if f"{stored}.vision_features" in expected:
        with torch.no_grad():
            features = model.network.model.visual(batch["pixel_values"], batch["image_grid_thw"]).pooler_output
        assert worst(features, expected[f"{stored}.vision_features"]) <= FEATURES


@each_tarsier2
def test_tarsier2_writes_the_references_text(folder: Folder, case: dict[str, Any]) -> None:
    expected, name = folder.expected(), case["name"]
    if f"{name}.greedy_ids" not in expected:
        pytest.skip("a training case; nothing is generated")
    model, batch = tarsier2_batch(folder, case)
    check_greedy(model, batch, expected[f"{name}.greedy_ids"], expected[f"{name}.greedy_logits"], case["greedy_len"])


def check_greedy(model: LoadedModel, batch: dict[str, Any], ids: Any, logits: Any, lengths: list[int]) -> None:
    pad = model.processor.tokenizer.pad_token_id
    with torch.no_grad():
        out = model.network.generate(
            **batch, max_new_tokens=max(24, ids.shape[1]), do_sample=False, output_logits=True,
            return_dict_in_generate=True, eos_token_id=list(model.stop_ids), pad_token_id=pad,
        )  # fmt: skip
    written = out.sequences[:, batch["input_ids"].shape[1] :]
    for row, length in enumerate(lengths):
        assert written[row, :length].tolist() == ids[row, :length].tolist()
        assert length == ids.shape[1] or int(ids[row, length - 1]) in model.stop_ids
        steps = torch.stack([step[row] for step in out.logits[:length]])
        assert worst(steps, logits[row, :length]) <= LOGITS


@pytest.mark.parametrize("folder", folders("tarsier2-tiny"), ids=name_of)
def test_tarsier2_has_the_references_parameters(folder: Folder) -> None:
    from model.rename import qwen2_vl_module_name  # noqa: PLC0415

    network = loaded(folder.path / "checkpoint").network
    assert {qwen2_vl_module_name(key) for key in folder.about["model_state_keys"]} == set(network.state_dict())


# --- the first Tarsier -----------------------------------------------------------------------------------------------


def tarsier1_row(frames: list[str], text: str) -> list[dict[str, Any]]:
    media = [{"type": "video", "video": {"image_file": frames}}] if frames else []
    return [{"role": "user", "content": [*media, {"type": "text", "text": text}]}]


def tarsier1_batch(folder: Folder, case: dict[str, Any]) -> tuple[LoadedModel, dict[str, Any]]:
    model, expected, name = loaded(folder.path / "checkpoint"), folder.expected(), case["name"]
    processor = model.processor
    if not case.get("forward_only"):
        settings = Tarsier1Settings(n_frames=max(1, case["n_frames"]), pad=case["do_image_padding"])
        row = tarsier1_row(case["frames"], case["prompt_given"])
        prompt = processor.prompt(row, root=folder.path, generation=True, settings=settings)
        assert prompt.text == case["prompt_final"]
        return model, processor.collate([prompt])
    prompts = []
    for row, frames in enumerate(case["frames"]):
        shown = processor.prompt(tarsier1_row(frames, "<video>"), root=folder.path)
        told = expected[f"{name}.input_ids"][row][expected[f"{name}.attention_mask"][row].bool()].tolist()
        ids = [i for token in told for i in (processor.ids.of_frame(processor.rules.rows)
               if token == processor.ids.image else [token])]  # fmt: skip
        prompts.append(Tarsier1Prompt(np.array(ids), np.zeros(len(ids), bool), shown.frames, ""))
    return model, processor.collate(prompts)


@each_tarsier1
def test_tarsier1_inputs_and_logits_are_the_references(folder: Folder, case: dict[str, Any]) -> None:
    expected, name = folder.expected(), case["name"]
    model, batch = tarsier1_batch(folder, case)
    assert torch.equal(batch["input_ids"], expected[f"{name}.expanded_input_ids"])
    if f"{name}.pixel_values" in expected:
        assert worst(batch["pixel_values"], expected[f"{name}.pixel_values"]) <= PIXELS
    if f"{name}.expanded_attention_mask" in expected:
        assert torch.equal(batch["attention_mask"], expected[f"{name}.expanded_attention_mask"])
    with torch.no_grad():
        logits = model.network(**batch).logits
    rows = batch["attention_mask"].bool()
    assert worst(logits[rows], expected[f"{name}.logits"][rows]) <= LOGITS
    if f"{name}.projected_patch_features" in expected:
        with torch.no_grad():
            features = model.network.model.get_image_features(batch["pixel_values"]).pooler_output
        assert worst(torch.stack(list(features)), expected[f"{name}.projected_patch_features"]) <= FEATURES


@each_tarsier1
def test_tarsier1_writes_the_references_text(folder: Folder, case: dict[str, Any]) -> None:
    expected, name = folder.expected(), case["name"]
    if case.get("forward_only"):
        pytest.skip("the reference generated nothing here")
    model, batch = tarsier1_batch(folder, case)
    ids, logits = expected[f"{name}.greedy_ids"], expected[f"{name}.greedy_logits"]
    check_greedy(model, batch, ids, logits, [case["greedy_len"]])


@pytest.mark.parametrize("folder", folders("tarsier1-tiny"), ids=name_of)
def test_tarsier1_prompts_that_work_in_the_reference_are_equal(folder: Folder) -> None:
    told = json.loads((folder.path / "prompt_cases.json").read_text(encoding="utf-8"))
    for case in told["single_prompt"]:
        if "result" in case:
            assert prompt_of([[case["prompt"], None]], case["n_images"], "</s>") == case["result"], case
    for case in told["chat"]:
        separator = "</s>" if case["template"] == "tarsier-7b" else "<|endoftext|>"
        assert prompt_of(case["turns"], case["n_images"], separator) == case["prompt"], case


def prompt_of(turns: list[list[str | None]], num_images: int, separator: str) -> str:
    messages: list[dict[str, Any]] = []
    for number, (question, answer) in enumerate(turns):
        media = [{"type": "video", "video": {"frames": []}}] if number == 0 and num_images else []
        messages.append({"role": "user", "content": [*media, {"type": "text", "text": question}]})
        if answer is not None:
            messages.append({"role": "assistant", "content": answer})
    frames = [num_images] if num_images else []
    return "".join(text for text, _ in chat_text(parse_messages(messages), frames, separator, generation=True))


# --- frames and sizes ------------------------------------------------------------------------------------------------


@each_processor
def test_frames_grids_and_pixels_are_the_references(folder: Folder, case: dict[str, Any]) -> None:
    processor = loaded(folders("tarsier2-tiny")[0].path / "checkpoint").processor
    settings = Tarsier2Settings.from_original(case["processor_config"])

    def prompt() -> Prompt:
        return processor.prompt(case["sample"], root=folder.path, generation=True, settings=settings)

    if "error" in case:
        with pytest.raises(ModelError):
            prompt()
        return
    ours, expected, name = prompt(), folder.expected(), case["name"]
    assert [list(one.grid) for one in ours.media] == case["image_grid_thw"]
    assert [list(one.indices) for one in ours.media if one.kind == "video"] == case["sampled_frame_indices"]
    assert [sizes(one.first_sizes) for one in ours.media] == case["size_after_first_resize_wh"]
    assert sum(one.num_tokens(2) for one in ours.media) == case["image_token_count"]
    assert len(ours.input_ids) == case["sequence_length"]
    if f"{name}.input_ids" in expected:
        assert ours.input_ids.tolist() == expected[f"{name}.input_ids"].flatten().tolist()
    pixels = torch.cat([pixel_values(one, processor.rules) for one in ours.media])
    assert list(pixels.shape) == case["pixel_values_shape"]
    if case["store"] == "full":
        assert worst(pixels, expected[f"{name}.pixel_values"]) <= PIXELS
    else:
        assert worst(pixels[expected[f"{name}.row_index"]], expected[f"{name}.rows"]) <= PIXELS
    assert float(pixels.double().mean()) == pytest.approx(case["pixel_values_mean"], abs=1e-6)


def sizes(found: tuple[tuple[int, int], ...]) -> list[Any]:
    different = sorted(set(found))
    return list(different[0]) if len(different) == 1 else [list(size) for size in different]


@each_vectors
def test_samplers_choose_the_references_frames(folder: Folder) -> None:
    vectors = json.loads((folder.path / "function_vectors.json").read_text(encoding="utf-8"))
    assert [uniform_v1(total, n) for total, n, _ in vectors["v1"]] == [told for *_, told in vectors["v1"]]
    assert [uniform_v2(total, n) for total, n, _ in vectors["v2_test_mode"]] == [t for *_, t in vectors["v2_test_mode"]]
    for start, total, n, told in vectors["tarsier1"]:
        assert uniform_tarsier1(total, n, start) == told
    for case in vectors["sample_video"]:
        item = {"fps" if key == "sampling_fps" else key: value for key, value in case["args"].items()}
        n = item.pop("n_frames")
        try:
            ours = select_frames(case["total_frames"], case["video_fps"], item, n, case["sampler"])
        except ValueError:
            assert "error" in case, case
            continue
        assert list(ours.indices) == case.get("indices", []), case  # where the reference fails, nothing is chosen
        assert bool(ours.dropped) == case.get("printed_out_of_range", True), case


@each_vectors
def test_shares_of_frames_are_the_references(folder: Folder) -> None:
    vectors = json.loads((folder.path / "function_vectors.json").read_text(encoding="utf-8"))
    for case in vectors["frame_budget"]:
        videos = [item for item in case["items"] if item != "image"]
        told = [share for share in case["allocated"] if share is not None]

        def ours(case: dict[str, Any] = case, videos: list[Any] = videos) -> list[int]:
            images = len(case["items"]) - len(videos)
            return allot_frames(
                videos, images, case["n_frames"], case["max_n_frames"], case["force_frames_n_divisible"]
            )

        if min(told, default=0) < 0:  # the reference hands out negative shares; we refuse
            with pytest.raises(ValueError, match="fixed frames exceed"):
                ours()
        else:
            assert ours() == told, case


@each_vectors
def test_sizes_are_the_references(folder: Folder) -> None:
    vectors = json.loads((folder.path / "function_vectors.json").read_text(encoding="utf-8"))
    for height, width, factor, smallest, largest, told in vectors["smart_resize_h_w_factor_min_max"]:
        try:
            ours: Any = list(smart_resize(height, width, factor, smallest, largest))
        except ValueError as error:
            ours = type(error).__name__
        assert ours == told
