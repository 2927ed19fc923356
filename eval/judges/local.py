"""A local transformers LLM as judge: greedy, in batches of questions of similar length."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.errors import EvalError
from eval.judges.protocol import Identity, Question, Reply

BATCH = 16
GATHER_SECONDS = 0.02
"""How long the first question of a batch waits for others."""


@dataclass
class _Waiting:
    question: Question
    tokens: list[int]
    reply: asyncio.Future[Reply]


class LocalJudge:
    """A `ChatJudge` in this process. folder: of a causal language model with a chat template. device: as torch has it.

    Raises:
        EvalError: there is no such folder, or it has no chat template.
    """

    greedy = True

    def __init__(self, folder: Path, *, device: str = "cpu", dtype: str = "auto", batch: int = BATCH) -> None:
        try:
            import torch  # noqa: PLC0415
            from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

            from model.weights import shards_of, weights_id  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise EvalError(f"{error}. Install it: pip install 'longtake[eval]'") from error
        if not (folder / "config.json").is_file():
            raise EvalError(f"{folder} holds no config.json: a local judge is a folder with a transformers checkpoint.")
        self._torch = torch
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
        if not self._tokenizer.chat_template:
            raise EvalError(f"{folder} has no chat template: a judge must be a model that was trained to chat.")
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=dtype)
        self._model.eval().to(device)
        self._batch = batch
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None
        self.identity = Identity(f"llm:{folder.name}", weights_id(shards_of(folder)))

    async def ask(self, question: Question, repeat: int) -> Reply:
        """The greedy answer; repeat is not looked at, for it would be the same again."""
        messages = [{"role": "user", "content": question.prompt}]
        if question.system is not None:
            messages.insert(0, {"role": "system", "content": question.system})
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        tokens = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        longest = self._model.config.max_position_embeddings
        if len(tokens) + question.max_new_tokens > longest:
            return Reply(None, "too_long", f"{len(tokens)} tokens and the answer; {self.identity.name} has {longest}")
        waiting = _Waiting(question, tokens, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await waiting.reply

    async def _work(self) -> None:
        """Answers whoever waits, longest first, so that a batch has little padding."""
        await asyncio.sleep(GATHER_SECONDS)
        while self._waiting:
            self._waiting.sort(key=lambda one: (one.question.max_new_tokens, len(one.tokens)), reverse=True)
            batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
            try:
                replies = await asyncio.to_thread(self._answers, batch)
            except (RuntimeError, ValueError) as error:  # out of memory, or a prompt that the network refuses
                for one in batch:
                    one.reply.set_exception(EvalError(f"{self.identity.name} failed: {error}"))
                return
            for one, reply in zip(batch, replies, strict=True):
                if not one.reply.done():
                    one.reply.set_result(reply)

    def _answers(self, batch: list[_Waiting]) -> list[Reply]:
        tokens = self._tokenizer.pad({"input_ids": [one.tokens for one in batch]}, return_tensors="pt", padding=True)
        most = max(one.question.max_new_tokens for one in batch)
        with self._torch.inference_mode():
            written = self._model.generate(
                **tokens.to(self._model.device),
                max_new_tokens=most,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=self._tokenizer.pad_token_id,
            )[:, tokens["input_ids"].shape[1] :]
        return [self._reply(one, row.tolist()) for one, row in zip(batch, written, strict=True)]

    def _reply(self, one: _Waiting, row: list[int]) -> Reply:
        """The text up to the end token; without one, it was cut off."""
        ends = self._model.generation_config.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        length = next((place for place, token in enumerate(row) if token in ends), None)
        read, wrote = len(one.tokens), len(row) if length is None else length + 1
        if length is None or length > one.question.max_new_tokens:
            return Reply(None, "cut_off", f"after {wrote} tokens", prompt_tokens=read, output_tokens=wrote)
        text = self._tokenizer.decode(row[:length], skip_special_tokens=True)
        return Reply(text, prompt_tokens=read, output_tokens=wrote)

    async def close(self) -> None:
        """Lets the worker end."""
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)
