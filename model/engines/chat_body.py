"""A request as the body of an OpenAI chat completion, with frames in the form that the server takes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from model.captioner import CaptionRequest
from model.errors import ModelError
from model.messages import parse_messages, path_of
from model.processors.settings import Tarsier2Settings
from model.processors.tarsier2_frames import PatchRules, sample_frames

Form = Literal["video_frames", "images", "video_url"]


@dataclass(frozen=True)
class EncodedMedia:
    """One item. kind: "image" or "video". frames: encoded pictures, as often as they are to be sent; url: instead."""

    kind: str
    frames: tuple[bytes, ...] = ()
    url: str = ""
    indices: tuple[int, ...] = ()
    times_us: tuple[int, ...] = ()


def encode_job(
    request: CaptionRequest, settings: Tarsier2Settings, form: Form, quality: int | None
) -> Callable[[], list[EncodedMedia]]:
    """Reads, resizes and encodes the pictures of a request; pickles, needs no torch. Raises ModelError when called."""
    return partial(_encode, request.messages, settings, request.root, form, quality)


def _encode(
    messages: Any, settings: Tarsier2Settings, root: str, form: Form, quality: int | None
) -> list[EncodedMedia]:
    parsed = parse_messages(messages)
    if form == "video_url":
        items = [item for message in parsed for item in message.content if item.kind != "text"]
        return [EncodedMedia(item.kind, url=_url(item.media, root)) for item in items]
    repeat = 2 if settings.double_frames else 1
    encoded = []
    for one in sample_frames(parsed, settings, PatchRules(), root):
        frames = [_picture(pixels, quality) for pixels in one.frames]
        times = repeat if one.kind == "video" and form == "video_frames" else 1
        sent = tuple(frame for frame in frames for _ in range(times))
        encoded.append(EncodedMedia(one.kind, sent, indices=one.indices, times_us=one.times_us))
    return encoded


def _url(media: Mapping[str, Any], root: str) -> str:
    """A url as it is, or the file's, for servers that may read this disk."""
    if "grid" in media:
        raise ModelError("bad_message", "A grid of frames is drawn here and cannot be sent as a url.")
    name = media.get("video_url", media.get("video_file", media.get("image_file")))
    if isinstance(name, str) and name.startswith(("http://", "https://", "file://", "data:")):
        return name
    return Path(path_of(name, root)).resolve().as_uri()


def _picture(pixels: Any, quality: int | None) -> bytes:
    """JPEG of a quality, or PNG where quality is None."""
    buffer = io.BytesIO()
    picture = Image.fromarray(pixels)
    if quality is None:
        picture.save(buffer, "PNG", compress_level=1)
    else:
        picture.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def chat_body(
    request: CaptionRequest, media: Sequence[EncodedMedia], model: str, form: Form, quality: int | None
) -> dict[str, Any]:
    """What is posted to /chat/completions. A last assistant message is continued, as vLLM and SGLang know it."""
    left = iter(media)
    parsed = parse_messages(request.messages)
    messages = [
        {
            "role": message.role,
            "content": message.text
            if message.role != "user"
            else [
                part
                for item in message.content
                for part in (
                    [{"type": "text", "text": item.text}] if item.kind == "text" else _parts(next(left), form, quality)
                )
            ],
        }
        for message in parsed
    ]
    body: dict[str, Any] = {
        "model": model, "messages": messages, "max_tokens": request.max_new_tokens, "temperature": request.temperature,
    }  # fmt: skip
    if request.temperature > 0:
        body |= {"seed": request.seed, "top_p": request.top_p}
    if request.top_k:
        body["top_k"] = request.top_k
    if request.stop:
        body["stop"] = list(request.stop)
    if request.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
        if form != "images":  # vLLM then writes tokens as "token_id:17"; clouds refuse what they do not know
            body["return_tokens_as_token_ids"] = True
    if request.json_schema is not None:
        schema = {"name": "answer", "schema": dict(request.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if parsed[-1].role == "assistant":
        body |= {"add_generation_prompt": False, "continue_final_message": True}
        if not parsed[-1].text:
            del body["add_generation_prompt"], body["continue_final_message"]
            messages.pop()
    return body


def _parts(media: EncodedMedia, form: Form, quality: int | None) -> list[dict[str, Any]]:
    kind = "png" if quality is None else "jpeg"
    if media.url:
        return [{"type": f"{media.kind}_url", f"{media.kind}_url": {"url": media.url}}]
    texts = [base64.b64encode(frame).decode("ascii") for frame in media.frames]
    if form == "video_frames" and media.kind == "video":
        # vLLM's form of a video that is a list of pictures; it takes any picture format under this name.
        return [{"type": "video_url", "video_url": {"url": "data:video/jpeg;base64," + ",".join(texts)}}]
    return [{"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{text}"}} for text in texts]
