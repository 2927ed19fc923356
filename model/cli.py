"""`python -m model`. Results go to standard output, everything else to standard error.

Exit codes: 0 done, 1 it failed, 2 it was called wrongly.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="model",
    help="Tarsier, Tarsier2 and other video VLMs: run, convert, look at, and plan them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

CheckpointFolder = Annotated[Path, typer.Argument(help="Folder of a checkpoint, or owner/name on the hub.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or auto for all GPUs.")]
Dtype = Annotated[str, typer.Option(help="float32, float16, bfloat16, or auto, the checkpoint's own.")]
Frames = Annotated[int | None, typer.Option("--frames", help="Frames to look at. Default: the family's.")]


@app.command()
def generate(
    checkpoint: CheckpointFolder,
    video: Annotated[Path | None, typer.Option(help="A video or gif to look at.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to look at.")] = None,
    prompt: Annotated[str, typer.Option(help="The question.")] = "Describe the video in detail.",
    answer_begins: Annotated[str | None, typer.Option(help="Text that the answer continues.")] = None,
    device: Device = "cpu",
    dtype: Dtype = "auto",
    frames: Frames = None,
    max_pixels: Annotated[int | None, typer.Option(help="Pixels of a frame at most. Default: the family's.")] = None,
    max_new_tokens: Annotated[int, typer.Option(help="Tokens to write at most.")] = 512,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.0,
    top_p: Annotated[float, typer.Option(help="Likeliest tokens with so much of the probability.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the choice where the temperature is not 0.")] = 0,
) -> None:
    """Answer one prompt about a video or a picture; prints the text alone."""
    from model.captioner import CaptionRequest  # noqa: PLC0415
    from model.engines.transformers_engine import EngineSettings, TransformersCaptioner  # noqa: PLC0415
    from model.load import load_model  # noqa: PLC0415
    from model.processors.choose import narrow  # noqa: PLC0415

    content: list[dict[str, Any]] = []
    if video:
        content.append({"type": "video", "video": {"video_file": str(video.resolve())}})
    if image:
        content.append({"type": "image", "image": {"image_file": str(image.resolve())}})
    messages: list[dict[str, Any]] = [{"role": "user", "content": [*content, {"type": "text", "text": prompt}]}]
    if answer_begins is not None:
        messages.append({"role": "assistant", "content": answer_begins})
    request = CaptionRequest(
        "cli", messages, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed
    )
    model = load_model(checkpoint, device=device, dtype=dtype)
    narrow(model.processor, {"n_frames": frames, "max_pixels": max_pixels})
    captioner = TransformersCaptioner(model, EngineSettings(max_rows=1, workers=0))
    (result,) = captioner.caption([request])
    if result.text is None:
        raise typer.Exit(_complain(f"{result.error}: {result.detail}"))
    print(result.text)
    for line in captioner.report.lines():
        print(line, file=sys.stderr)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Tarsier2 as it was released: a folder, or owner/name on the hub.")],
    destination: Annotated[Path, typer.Argument(help="Folder to write; must not be there yet.")],
) -> None:
    """Write Tarsier2 as a plain Qwen2-VL checkpoint, which transformers, vLLM and SGLang read."""
    from model.convert import convert as run  # noqa: PLC0415
    from model.serve import serving_lines  # noqa: PLC0415

    done = run(source, destination)
    print(f"{done.num_tensors} tensors, {done.num_bytes:,} bytes, weights {done.weights}: {done.folder}")
    print(*serving_lines(done.folder), sep="\n")


@app.command()
def prune(
    source: Annotated[Path, typer.Argument(help="Tarsier, Tarsier2 or Qwen2-VL: a folder, or owner/name on the hub.")],
    destination: Annotated[Path, typer.Argument(help="Folder to write; must not be there yet.")],
    layers: Annotated[int, typer.Option(min=1, help="Of the text model that stay.")],
    vision_layers: Annotated[int | None, typer.Option(min=1, help="Of the visual tower. Default: all.")] = None,
) -> None:
    """Write some layers of a network as a smaller one, which a student may begin from."""
    from model.prune import prune as run  # noqa: PLC0415

    done = run(source, destination, layers, vision_layers)
    kept = ", ".join(map(str, done.layers))
    print(f"layers {kept} of the text model, {len(done.vision_layers)} of the tower: {done.num_bytes:,} bytes, "
          f"{done.share:.0%}: {done.folder}")  # fmt: skip


@app.command()
def inspect(
    checkpoint: CheckpointFolder, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Say what a checkpoint is, and whether its weights fit, without loading it."""
    import json  # noqa: PLC0415

    from model.inspecting import inspect_checkpoint  # noqa: PLC0415

    facts = inspect_checkpoint(checkpoint)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        print(f"{name:18}{shown}")


@app.command()
def doctor() -> None:
    """Say what is installed, which GPU there is, what fits on it, and what to do about the rest."""
    from model.doctor import examine  # noqa: PLC0415

    findings = examine()
    for finding in findings:
        print(f"{'ok' if finding.good else '--':3}{finding.subject:26}{finding.state}")
        if finding.fix:
            print(f"   {'':26}{finding.fix}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


@app.command()
def plan(
    checkpoint: CheckpointFolder,
    gpu: Annotated[str, typer.Option(help="H200, H100, A100, L40S, L4, A10, RTX4090, RTX3090 or T4.")] = "H200",
    frames: Annotated[int, typer.Option("--frames", help="Frames of a clip.")] = 16,
    size: Annotated[str, typer.Option(help="Of the videos, as 1280x720.")] = "1280x720",
    max_pixels: Annotated[int, typer.Option(help="Pixels of a frame at most.")] = 460_800,
    new_tokens: Annotated[int, typer.Option(help="Tokens to write.")] = 200,
    clips: Annotated[int | None, typer.Option(help="How many there are, for the hours they take.")] = None,
) -> None:
    """Say what a caption costs, before anything runs: tokens, operations, memory, clips a second at the roofline."""
    from model.planning import plan_lines  # noqa: PLC0415

    width, _, height = size.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise typer.BadParameter(f"--size must look like 1280x720, got {size!r}.")
    print(*plan_lines(checkpoint, gpu, frames, (int(width), int(height)), max_pixels, new_tokens, clips), sep="\n")


def _complain(text: str) -> int:
    print(f"model: {text}", file=sys.stderr)
    return 1


def main() -> None:
    """The door: errors that have names are one line and an exit code."""
    from model.errors import ModelError  # noqa: PLC0415

    try:
        app()
    except ModelError as error:
        sys.exit(_complain(str(error)))
    except ValueError as error:
        print(f"model: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        sys.exit(_complain(f"{error}. Install it: pip install 'longtake[model]'"))
