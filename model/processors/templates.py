"""Chat templates: the checkpoint's own, or a fallback in Qwen2-VL's form that says that it is one."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from model.configs import MARKER
from model.errors import ModelError

log = logging.getLogger("longtake.model")

# ChatML as Qwen2-VL speaks it. Items bring `num_vision_tokens`; `generation` marks what is learned; a last assistant
# turn is left open where strip_final_eos asks for its continuation.
TURNS = """\
{%- for message in messages -%}
  {%- set left_open = loop.last and strip_final_eos and message.role == "assistant" -%}
  {{- "<|im_start|>" + message.role + "\\n" -}}
  {%- if message.role == "assistant" -%}
    {%- generation -%}
    {%- for item in message.content -%}{{- item.text -}}{%- endfor -%}
    {%- if not left_open -%}{{- "<|im_end|>" -}}{%- endif -%}
    {%- endgeneration -%}
  {%- else -%}
    {%- for item in message.content -%}
      {%- if item.type == "text" -%}{{- item.text -}}
      {%- else -%}{{- "<|vision_start|>" + "<|image_pad|>" * item.num_vision_tokens + "<|vision_end|>" -}}
      {%- endif -%}
    {%- endfor -%}
    {{- "<|im_end|>" -}}
  {%- endif -%}
  {%- if not left_open -%}{{- "\\n" -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|im_start|>assistant\\n" -}}{%- endif -%}
"""
FALLBACK = (
    """\
{%- if messages[0].role != "system" -%}
{{- "<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n" -}}
{%- endif -%}
"""
    + TURNS
)


@dataclass(frozen=True)
class ChatTemplate:
    """text: Jinja. source: the checkpoint's file that it stands in, or "fallback"."""

    text: str
    source: str


def find_template(checkpoint: Path) -> ChatTemplate:
    """The checkpoint's template that knows `num_vision_tokens`; else the fallback, and a warning that says so."""
    kept = _in_json(checkpoint / MARKER)
    if kept:
        return ChatTemplate(kept, MARKER)
    jinja = checkpoint / "chat_template.jinja"
    if jinja.is_file() and _fits(text := jinja.read_text(encoding="utf-8")):
        return ChatTemplate(text, "chat_template.jinja")
    for name in ("chat_template.json", "tokenizer_config.json"):
        text = _in_json(checkpoint / name)
        if text is not None and _fits(text):
            return ChatTemplate(text, name)
    log.warning("%s has no chat template that counts vision tokens; Qwen2-VL's form is used instead.", checkpoint)
    return ChatTemplate(FALLBACK, "fallback")


def _fits(template: str) -> bool:
    return "num_vision_tokens" in template


def _in_json(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        template = json.loads(path.read_text(encoding="utf-8")).get("chat_template")
    except (ValueError, AttributeError) as error:
        raise ModelError("bad_config", f"{path}: {error}") from error
    if isinstance(template, list):  # several named templates
        template = next((one.get("template") for one in template if one.get("name") == "default"), None)
    return template if isinstance(template, str) else None
