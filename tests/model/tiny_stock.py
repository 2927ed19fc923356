"""Tiny networks and processors of the other video VLMs that transformers knows."""

from __future__ import annotations

from typing import Any

import transformers

from tests.model.tiny import CHATML, VOCABULARY, token, tokenizer

hf: Any = transformers  # its configs take far more names than they declare
TEXT: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096,
    "bos_token_id": None, "eos_token_id": 258, "pad_token_id": 256,
}  # fmt: skip
MROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
QWEN_IDS = {
    "image_token_id": token("<|image_pad|>"), "video_token_id": token("<|video_pad|>"),
    "vision_start_token_id": token("<|vision_start|>"), "vision_end_token_id": token("<|vision_end|>"),
}  # fmt: skip
QWEN_MEDIA = ("<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|><|video_pad|><|vision_end|>")
SMALL = {"shortest_edge": 784, "longest_edge": 12544}
SQUARE = {"height": 28, "width": 28}


def template(image: str, video: str) -> str:
    return CHATML.replace("IMAGE", image).replace("VIDEO", video)


def qwen2_vl() -> tuple[Any, Any]:
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2}
    config = hf.Qwen2VLConfig(text_config={**TEXT, "rope_parameters": MROPE}, vision_config=vision, **QWEN_IDS)
    processor = hf.Qwen2VLProcessor(
        hf.Qwen2VLImageProcessor(size=SMALL),
        tokenizer(),
        hf.Qwen2VLVideoProcessor(size=SMALL, cap_pixels_per_frame=False),
        chat_template=template(*QWEN_MEDIA),
    )
    return hf.Qwen2VLForConditionalGeneration(config), processor


def qwen2_5_vl() -> tuple[Any, Any]:
    vision = {"depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 64,
              "fullatt_block_indexes": [1], "window_size": 56}  # fmt: skip
    config = hf.Qwen2_5_VLConfig(text_config={**TEXT, "rope_parameters": MROPE}, vision_config=vision, **QWEN_IDS)
    processor = hf.Qwen2_5_VLProcessor(
        hf.Qwen2VLImageProcessor(size=SMALL),
        tokenizer(),
        hf.Qwen2VLVideoProcessor(size=SMALL, cap_pixels_per_frame=False),
        chat_template=template(*QWEN_MEDIA),
    )
    return hf.Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_vl() -> tuple[Any, Any]:
    vision = {"depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 64,
              "deepstack_visual_indexes": [0], "num_position_embeddings": 64, "patch_size": 14}  # fmt: skip
    text = {**TEXT, "head_dim": 8, "rope_parameters": {**MROPE, "mrope_interleaved": True}}
    config = hf.Qwen3VLConfig(text_config=text, vision_config=vision, **QWEN_IDS)
    processor = hf.Qwen3VLProcessor(
        hf.Qwen2VLImageProcessor(size=SMALL),
        tokenizer(),
        hf.Qwen3VLVideoProcessor(size=SMALL, patch_size=14),
        chat_template=template(*QWEN_MEDIA),
    )
    return hf.Qwen3VLForConditionalGeneration(config), processor


def smolvlm() -> tuple[Any, Any]:
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
              "image_size": 28, "patch_size": 14}  # fmt: skip
    config = hf.SmolVLMConfig(
        text_config={**TEXT, "model_type": "llama"}, vision_config=vision, scale_factor=2,
        image_token_id=token("<image>"), pad_token_id=256,
    )  # fmt: skip
    side = {"longest_edge": 28}
    words = tokenizer(eos="<end_of_utterance>", image_token="<image>", global_image_token="<global-img>",
                      fake_image_token="<fake_token_around_image>",
                      end_of_utterance_token="<end_of_utterance>")  # fmt: skip
    processor = hf.SmolVLMProcessor(
        hf.SmolVLMImageProcessor(size=side, max_image_size=side, do_image_splitting=False),
        words,
        hf.SmolVLMVideoProcessor(size=side, max_image_size=side),
        image_seq_len=1,
        chat_template=template("<image>", "<video>"),
    )
    return hf.SmolVLMForConditionalGeneration(config), processor


def internvl() -> tuple[Any, Any]:
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
              "image_size": [28, 28], "patch_size": [14, 14]}  # fmt: skip
    config = hf.InternVLConfig(
        text_config={**TEXT, "model_type": "qwen2"}, vision_config=vision, image_token_id=token("<IMG_CONTEXT>"),
        image_seq_length=1, downsample_ratio=0.5,
    )  # fmt: skip
    words = tokenizer(start_image_token="<img>", end_image_token="</img>", context_image_token="<IMG_CONTEXT>",
                      video_token="<video>")  # fmt: skip
    processor = hf.InternVLProcessor(
        hf.GotOcr2ImageProcessor(size=SQUARE, crop_to_patches=False), words,
        hf.InternVLVideoProcessor(size=SQUARE), image_seq_length=1, chat_template=template("<IMG_CONTEXT>", "<video>"),
    )  # fmt: skip
    return hf.InternVLForConditionalGeneration(config), processor


def llava_onevision() -> tuple[Any, Any]:
    vision = {"model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
              "num_attention_heads": 2, "image_size": 28, "patch_size": 14, "vision_use_head": False}  # fmt: skip
    config = hf.LlavaOnevisionConfig(
        text_config={**TEXT, "model_type": "qwen2"}, vision_config=vision, image_token_index=token("<image>"),
        video_token_index=token("<video>"), image_grid_pinpoints=[[28, 28]], vision_feature_layer=-1,
    )  # fmt: skip
    processor = hf.LlavaOnevisionProcessor(
        hf.LlavaOnevisionImageProcessor(size=SQUARE, image_grid_pinpoints=[[28, 28]]), tokenizer(),
        hf.LlavaOnevisionVideoProcessor(size=SQUARE), num_image_tokens=4, vision_feature_select_strategy="full",
        chat_template=template("<image>", "<video>"),
    )  # fmt: skip
    return hf.LlavaOnevisionForConditionalGeneration(config), processor
