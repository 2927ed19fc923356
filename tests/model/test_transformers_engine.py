"""The engine that runs networks here: batches change no text, rows stop by themselves, failures stay alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.captioner import CaptionRequest, CaptionResult  # noqa: E402
from model.engines.packed import PackedGenerator, Row, Tell, Written  # noqa: E402
from model.engines.report import RunReport  # noqa: E402
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner  # noqa: E402
from model.engines.vision import media_features  # noqa: E402
from model.engines.workers import Workers  # noqa: E402
from model.errors import ModelError  # noqa: E402
from model.load import LoadedModel, load_model  # noqa: E402
from model.plan import Gpu  # noqa: E402
from tests.model import tiny  # noqa: E402


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(tiny.tarsier2(tmp_path_factory.mktemp("tarsier2") / "checkpoint", template=True))


def frames(count: int, seed: int = 0, height: int = 40, width: int = 60) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def ask(name: str, num_frames: int = 0, text: str = "What?", **options: Any) -> CaptionRequest:
    media = [{"type": "video", "video": {"frames": frames(num_frames, num_frames)}}] if num_frames else []
    messages = [{"role": "user", "content": [*media, {"type": "text", "text": text}]}]
    settings: dict[str, Any] = {"max_new_tokens": 8, **options}
    return CaptionRequest(name, messages, **settings)


def run(model: LoadedModel, *requests: CaptionRequest, **settings: Any) -> dict[str, CaptionResult]:
    captioner = TransformersCaptioner(model, EngineSettings(workers=0, **settings))
    return {result.request_id: result for result in captioner.caption(requests)}


def stock_text(model: LoadedModel, request: CaptionRequest) -> list[int]:
    inputs = model.processor(request.messages, generation=True)
    with torch.no_grad():
        out = model.network.generate(**inputs, max_new_tokens=request.max_new_tokens, do_sample=False,
                                     eos_token_id=list(model.stop_ids), pad_token_id=256)  # fmt: skip
    return out[0, inputs["input_ids"].shape[1] :].tolist()


def test_a_batch_writes_what_stock_generate_writes_for_each_alone(model: LoadedModel) -> None:
    requests = [ask("a", 5), ask("b", 2, "And this one, a longer question?"), ask("c"), ask("d", 3, max_new_tokens=3)]
    rows = [Row(request, model.processor.prompt(request.messages, generation=True)) for request in requests]
    written = PackedGenerator(model, prefill_tokens=100).write(rows)
    assert [text.ids for text in written] == [stock_text(model, request) for request in requests]


def test_a_long_prompt_that_is_done_may_wait_for_short_ones_that_write_on(model: LoadedModel) -> None:
    """It goes on writing, unread, until half of the rows are done: further than its own end."""
    requests = [ask("a", text="word " * 30, max_new_tokens=2)] + [ask(name, max_new_tokens=60) for name in "bc"]
    rows = [Row(request, model.processor.prompt(request.messages, generation=True)) for request in requests]
    written = PackedGenerator(replace(model, stop_ids=())).write(rows)
    assert [len(text.ids) for text in written] == [2, 60, 60]


def test_features_of_folded_frames_are_the_towers_own(model: LoadedModel) -> None:
    prompt = model.processor.prompt(ask("a", 4).messages)
    inputs = model.processor.collate([prompt])
    with torch.no_grad():
        own = model.network.model.visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
        folded = torch.cat(media_features(model.network.model.visual, prompt.media, model.processor.rules))
    assert float((own - folded).abs().max()) <= 2e-5


def test_undoubled_frames_keep_both_taps(model: LoadedModel) -> None:
    processor = model.processor.using(double_frames=False)
    prompt = processor.prompt(ask("a", 4).messages)
    inputs = processor.collate([prompt])
    assert prompt.media[0].grid[0] == 2
    with torch.no_grad():
        own = model.network.model.visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
        ours = torch.cat(media_features(model.network.model.visual, prompt.media, processor.rules))
    assert float((own - ours).abs().max()) <= 2e-5


def test_the_size_of_the_batch_changes_no_text(model: LoadedModel) -> None:
    requests = [ask(f"{n}", n, temperature=0.9, seed=n, top_p=0.9) for n in range(1, 6)]
    assert {k: r.text for k, r in run(model, *requests, max_rows=5).items()} == {
        k: r.text for k, r in run(model, *requests, max_rows=1).items()
    }


def test_a_seed_is_repeatable_and_another_differs(model: LoadedModel) -> None:
    first, same, other = (
        ask(name, 2, temperature=1.5, seed=seed, max_new_tokens=20) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    texts = {name: result.text for name, result in run(model, first, same, other).items()}
    assert texts["a"] == texts["b"] != texts["c"]


def test_top_k_of_one_is_greedy(model: LoadedModel) -> None:
    results = run(model, ask("a", 2), ask("b", 2, temperature=2.0, top_k=1, seed=3))
    assert results["a"].text == results["b"].text


def test_logprobs_are_those_of_the_logits(model: LoadedModel) -> None:
    request = ask("a", 2, top_logprobs=3, max_new_tokens=2)
    (result,) = run(model, request).values()
    with torch.no_grad():
        logits = model.network(**model.processor(request.messages, generation=True)).logits[0, -1]
    told = torch.log_softmax(logits, dim=-1).topk(3)
    assert [value for _, value in result.logprobs[0].top] == pytest.approx(told.values.tolist(), abs=1e-4)
    assert result.logprobs[0].logprob == pytest.approx(float(told.values[0]), abs=1e-4)


def test_a_stop_text_ends_the_answer_and_is_cut_off(model: LoadedModel) -> None:
    requests = [ask(f"{seed}", temperature=1.5, seed=seed, max_new_tokens=16) for seed in range(8)]
    whole = max(run(model, *requests).values(), key=lambda result: len(result.text or ""))
    assert whole.text is not None
    assert len(whole.text) > 4
    stop = whole.text[3:5]
    request = replace(requests[int(whole.request_id)], stop=(stop,))
    (cut,) = run(model, request).values()
    assert (cut.text, cut.finish_reason) == (whole.text.partition(stop)[0], "stop")
    assert cut.output_tokens < whole.output_tokens


def test_a_result_says_what_was_seen_and_by_whom(model: LoadedModel) -> None:
    (result,) = run(model, ask("a", 3)).values()
    assert result.frame_indices == (0, 1, 2)
    assert result.vision_tokens == 3 * 6  # 60 x 40 pixels become 84 x 56, the least allowed: 3 x 2 merged patches
    assert result.provenance["weights"] == model.weights
    assert result.provenance["resizer"] == "pil"
    assert result.provenance["chat_template"] == "chat_template.json"


def test_a_bad_request_fails_alone(model: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    bad = [
        CaptionRequest("gone", [{"role": "user", "content": [{"type": "video", "video": "gone.mp4"}]}]),
        CaptionRequest("role", [{"role": "judge", "content": "x"}]),
        CaptionRequest(
            "bytes", [{"role": "user", "content": [{"type": "video", "video": "broken.mp4"}]}], str(tmp_path)
        ),
        ask("schema", json_schema={}),
    ]
    results = run(model, ask("a"), *bad, ask("b"))
    assert {name: result.error for name, result in results.items()} == {
        "a": None, "b": None, "gone": "missing_media", "role": "bad_message", "bytes": "bad_media",
        "schema": "bad_message",
    }  # fmt: skip


class Greedy:
    """Writes nothing, and runs out of memory beyond so many rows."""

    def __init__(self, most: int) -> None:
        self.most, self.sizes = most, list[int]()

    def write(self, rows: Sequence[Row], tell: Tell | None = None) -> list[Written]:
        self.sizes.append(len(rows))
        if len(rows) > self.most:
            raise torch.OutOfMemoryError
        return [Written([1], stopped=True) for _ in rows]


def test_out_of_memory_halves_the_batch_and_later_ones(model: LoadedModel) -> None:
    generator = Greedy(most=2)
    captioner = TransformersCaptioner(model, EngineSettings(max_rows=8, workers=0, bucket=1), generator)
    results = list(captioner.caption([ask(f"{n}") for n in range(12)]))
    assert len(results) == 12
    assert all(result.error is None for result in results)
    # 8 fail, 4 + 4 fail and become 2 + 2 each; the last four requests come in twos
    assert generator.sizes == [8, 4, 2, 2, 4, 2, 2, 2, 2]


def test_one_request_that_does_not_fit_is_a_failure(model: LoadedModel) -> None:
    captioner = TransformersCaptioner(model, EngineSettings(workers=0), Greedy(most=0))
    (result,) = captioner.caption([ask("a")])
    assert (result.error, result.text) == ("out_of_memory", None)


def test_equal_frame_sets_are_encoded_once(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from model.engines import packed  # noqa: PLC0415

    encoded: list[int] = []

    def counted(visual: Any, media: Any, rules: Any) -> Any:
        encoded.append(len(media))
        return media_features(visual, media, rules)

    monkeypatch.setattr(packed, "media_features", counted)
    generator = PackedGenerator(model, kept_features=1)
    prompt = model.processor.prompt(ask("a", 2).messages, generation=True)
    rows = [Row(ask("a"), prompt, "same"), Row(ask("b"), prompt, "same")]
    first = generator.write(rows)
    second = generator.write(rows[:1])
    assert encoded == [1, 0]
    assert first[0].ids == first[1].ids == second[0].ids


def test_a_report_has_rates_and_a_share_of_the_roofline(model: LoadedModel) -> None:
    captioner = TransformersCaptioner(model, EngineSettings(workers=0))
    results = list(captioner.caption([ask("a", 2), ask("b", 2)]))
    report, written = captioner.report, sum(result.output_tokens for result in results)
    assert (report.clips, report.output_tokens) == (2, written)
    assert report.tokens_per_second == pytest.approx(written / report.seconds)
    share = report.roofline_share(Gpu("cpu", 0.01, 0.01, 8))
    assert share is not None
    assert share > 0


def test_a_report_of_a_gpu_run_knows_its_gpu(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class OnGpu:
        device, checkpoint = torch.device("cuda:0"), model.checkpoint

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H200")
    report = RunReport(OnGpu())
    results = TransformersCaptioner(model, EngineSettings(workers=0)).caption([ask("a", 4, max_new_tokens=3)])
    list(report.counted(results, time.perf_counter() - 1))
    assert "of the roofline of H200 (datasheet" in report.lines()[-1]
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Somebody's GPU")
    assert not any("roofline" in line for line in report.lines())


@pytest.mark.parametrize("kind", tiny.STOCK_KINDS)
@pytest.mark.filterwarnings("ignore")  # those libraries warn about themselves
def test_other_video_vlms_answer_alone_as_in_a_batch(kind: str, tmp_path: Path) -> None:
    model = load_model(tiny.stock(tmp_path / kind, kind))
    requests = [ask("a", 4, max_new_tokens=5), ask("b", max_new_tokens=3, text="Longer, without a video.")]
    together = run(model, *requests)
    assert together["a"].text == run(model, requests[0])["a"].text
    assert (together["a"].error, together["b"].error) == (None, None)
    assert together["b"].output_tokens <= 3


def test_the_first_tarsier_writes_what_stock_generate_writes(tmp_path: Path) -> None:
    model = load_model(tiny.tarsier1(tmp_path / "tarsier1"))
    requests = [ask("a", 3), ask("b", text="Longer, without a video.")]
    rows = [Row(request, model.processor.prompt(request.messages, generation=True)) for request in requests]
    written = PackedGenerator(model).write(rows)
    assert [text.ids for text in written] == [stock_text(model, request) for request in requests]


def test_a_worker_that_dies_fails_its_own_job_only() -> None:
    import os  # noqa: PLC0415

    with Workers(1, seconds=60) as workers:
        killed, after = workers.submit(partial(os._exit, 7)), workers.submit(partial(abs, -3))
        with pytest.raises(ModelError, match="died with exit code 7"):
            killed()
        assert after() == 3


def test_a_worker_that_hangs_is_given_up() -> None:
    import time  # noqa: PLC0415

    with Workers(1, seconds=0.3) as workers:
        workers.submit(partial(abs, 1))
        hung = workers.submit(partial(time.sleep, 60))
        with pytest.raises(ModelError, match=r"longer than 0.3 s|died"):
            hung()
