"""`python -m model`: what it prints, where to, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPO

pytest.importorskip("torch", reason="the extra `model` is not installed")

from model.cli import main
from tests.model import tiny


def called(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["model", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tarsier2(tmp_path_factory.mktemp("cli") / "checkpoint", template=True)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((56, 56, 3), np.uint8)).save(tmp_path / "black.png")
    return tmp_path / "black.png"


def test_generate_prints_the_text_alone(
    checkpoint: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from model.load import load_model  # noqa: PLC0415

    assert (
        called(monkeypatch, "generate", checkpoint, "--image", picture, "--prompt", "Hi?", "--max-new-tokens", 4) == 0
    )
    model = load_model(checkpoint)
    content = [{"type": "image", "image": str(picture)}, {"type": "text", "text": "Hi?"}]
    inputs = model.processor([{"role": "user", "content": content}], generation=True)
    ids = model.network.generate(**inputs, max_new_tokens=4, do_sample=False, eos_token_id=list(model.stop_ids))
    text = model.processor.tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert capsys.readouterr().out == text + "\n"


def test_convert_prints_the_command_that_serves(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "convert", checkpoint, tmp_path / "plain") == 0
    out = capsys.readouterr().out
    assert f"vllm serve {tmp_path / 'plain'} --dtype bfloat16" in out
    assert "Send every frame twice" in out
    assert called(monkeypatch, "convert", checkpoint, tmp_path / "plain") == 1
    assert "exists:" in capsys.readouterr().err


def test_inspect_says_whether_the_weights_fit(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "inspect", checkpoint, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["family"], facts["layout"], facts["fits"]) == ("tarsier2", "original", "yes, every name and shape")


def test_plan_counts_the_tokens_of_doubled_frames(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "plan", checkpoint, "--size", "1280x720") == 0
    assert "9,216 visual" in capsys.readouterr().out  # 16 frames of 36 x 64 patches, four to a token


def test_the_plan_of_the_7b_is_the_published_budget() -> None:
    from model.doctor import QWEN2_VL_7B  # noqa: PLC0415
    from model.plan import Gpu, clip_plan, qwen2_vl_sizes, tarsier2_grid  # noqa: PLC0415

    sizes = qwen2_vl_sizes(QWEN2_VL_7B)
    plan = clip_plan(sizes, tarsier2_grid(1280, 720, 16), Gpu("H200", 790, 4.3, 141, measured=True))
    assert plan.tflop == pytest.approx(203, abs=1)
    assert plan.training_tflop == pytest.approx(3 * (61.2 + 138), rel=0.01)  # decoding is not trained
    assert plan.kv_bytes == pytest.approx(540e6, rel=0.01)


def test_a_plan_reads_both_forms_of_a_config() -> None:
    from model.doctor import QWEN2_VL_7B  # noqa: PLC0415
    from model.plan import qwen2_vl_sizes  # noqa: PLC0415

    text = {name: value for name, value in QWEN2_VL_7B.items() if name != "vision_config"}
    assert qwen2_vl_sizes({"text_config": text, "vision_config": {}}) == qwen2_vl_sizes(QWEN2_VL_7B)


def test_wrong_use_is_one_line_and_exit_code_2(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "plan", checkpoint, "--gpu", "abacus") == 2
    assert capsys.readouterr().err.startswith("model: gpu must be one of H200")
    assert called(monkeypatch, "inspect", "nowhere") == 1
    assert "missing_checkpoint" in capsys.readouterr().err


def test_help_loads_nothing_slow() -> None:
    lines = ["import sys", "from model.cli import main", "sys.argv = ['model', '--help']"]
    code = "\n".join([*lines, "try:", "    main()", "finally:", "    print(*sys.modules)"])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, check=True, timeout=60
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"torch", "transformers", "numpy", "av", "PIL"})
