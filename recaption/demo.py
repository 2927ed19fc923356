"""`recaption demo`: a page in the browser for conversations about pictures, gifs and videos."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.door import WrongUse
from model.captioner import CaptionRequest, CaptionResult
from recaption.conversation import Answerer, Conversation, Failed, Style
from recaption.engines import EngineChoice, identify, opened

TITLE = "longtake"
FIRST_QUESTION = "Describe the video in detail."
MOST_FRAMES = 128


def demo(choice: EngineChoice, style: Style, host: str, port: int | None) -> None:
    """Serve the page until Ctrl-C."""
    identity = identify(choice)
    with opened(choice, identity) as (captioner, _):
        answer = getattr(captioner, "answer", None)
        if answer is None:
            raise WrongUse("the demo answers with a model that runs here, on one device: --device cpu or cuda:0")
        page = build(OneAtATime(answer), identity.writer.model, style, identity.frames)
        page.queue(default_concurrency_limit=4).launch(server_name=host, server_port=port, share=False)


class OneAtATime:
    """Several people may have the page open; the network answers one of them after the other."""

    def __init__(self, answer: Callable[..., CaptionResult]) -> None:
        self._answer, self._lock = answer, threading.Lock()

    def answer(self, request: CaptionRequest, tell: Callable[[str], None] | None = None) -> CaptionResult:
        with self._lock:
            return self._answer(request, tell)


def build(model: Answerer, name: str, style: Style, frames: int) -> Any:
    """The page. name: of the model, as the heading says it; style: what the controls show at first."""
    import gradio as gr  # noqa: PLC0415

    with gr.Blocks(title=TITLE) as page:
        state = gr.State(lambda: Conversation(style))
        gr.Markdown(f"# {TITLE}\n{_plain(name)} looks at videos, pictures and gifs.")
        with gr.Row():
            with gr.Column(scale=2):
                with gr.Tab("Video"):
                    video = gr.Video(label="Video", sources=["upload"], elem_id="video")
                with gr.Tab("Image"):
                    image = gr.Image(label="Image", sources=["upload"], type="filepath", elem_id="image")
                with gr.Tab("Gif"):
                    gif = gr.File(label="Gif", file_types=[".gif"], type="filepath", elem_id="gif")
                number = gr.Slider(1, MOST_FRAMES, style.frames or frames, step=1, label="Frames", elem_id="frames")
                heat = gr.Slider(0, 1, style.temperature, step=0.05, label="Temperature", elem_id="temperature")
                nucleus = gr.Slider(0.05, 1, style.top_p, step=0.05, label="Top-p", elem_id="top_p")
            with gr.Column(scale=3):
                said = gr.Chatbot(label="Conversation", height=480, elem_id="said", buttons=["copy", "copy_all"])
                question = gr.Textbox(FIRST_QUESTION, label="Question", elem_id="question")
                with gr.Row():
                    send = gr.Button("Send", variant="primary", elem_id="send")
                    restart = gr.Button("Restart", elem_id="restart")
        files = [video, image, gif]
        asked = [state, said, question, number, heat, nucleus, *files]
        # One event, so that a question that is sent while another is answered waits for nobody's state: it is ignored.
        asking = gr.on(
            [send.click, question.submit], _answered(model), asked, [state, said, question],
            trigger_mode="once", api_name="ask",
        )  # fmt: skip
        gr.on(
            [restart.click, said.clear],  # emptying the conversation is a restart: nothing is remembered
            lambda: (Conversation(style), [], FIRST_QUESTION, None, None, None),
            None, [state, said, question, *files], cancels=[asking], api_name="restart",
        )  # fmt: skip
    return page


def _answered(model: Answerer) -> Callable[..., Iterator[tuple[Any, ...]]]:
    """The handler of a question: files that are new are shown first, then the answer grows in the conversation."""

    def answered(
        conversation: Conversation, said: list[Any], question: str, frames: int, temperature: float, top_p: float,
        *files: str | None,
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        said = [*said, {"role": "user", "content": question}]
        try:
            conversation.with_style(frames=int(frames), temperature=float(temperature), top_p=float(top_p))
            for file in files:
                if file and Path(file).resolve() not in conversation.shown:
                    conversation.show(Path(file))
            if not question.strip():
                raise Failed("Write a question first.")
            for text in conversation.ask(question, model):
                yield conversation, [*said, {"role": "assistant", "content": text}], ""
        except (Failed, ValueError) as error:
            yield conversation, [*said, {"role": "assistant", "content": f"No answer: {error}"}], question

    return answered


def _plain(text: str) -> str:
    """A name without what Markdown or HTML would read as more than letters."""
    return "".join(c if c.isalnum() or c in " ._/-" else " " for c in text)
