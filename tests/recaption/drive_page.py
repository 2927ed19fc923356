"""Opens the page over a toy and uses it, in a headless Chromium or through gradio's client; prints what it saw as JSON.

`python -m tests.recaption.drive_page browser|client VIDEO FOLDER`. LONGTAKE_CHROMIUM names a Chromium; without it
playwright's own is taken, where it is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.captioner import CaptionRequest, CaptionResult
from recaption.conversation import Style
from recaption.demo import build

ANSWER = "A dog jumps."
SAID = "document.querySelector('#said').innerText"


class Slow:
    """Answers in three pieces, half a second each."""

    def __init__(self) -> None:
        self.asked: list[CaptionRequest] = []

    def answer(self, request: CaptionRequest, tell: Callable[[str], None] | None = None) -> CaptionResult:
        self.asked.append(request)
        for end in (1, 5, len(ANSWER)):
            if tell:
                tell(ANSWER[:end])
            time.sleep(0.5)
        return CaptionResult(request.request_id, ANSWER, "stop")

    def seen(self) -> dict[str, Any]:
        kinds = [
            [["text"] if isinstance(m["content"], str) else [i["type"] for i in m["content"]] for m in request.messages]
            for request in self.asked
        ]
        return {"kinds": kinds, "styles": [[r.n_frames, r.temperature, r.top_p] for r in self.asked]}


def in_browser(url: str, video: str, folder: str) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    binary = os.environ.get("LONGTAKE_CHROMIUM")
    with sync_playwright() as playwright:
        if not binary and not Path(playwright.chromium.executable_path).exists():
            return {"skip": "no Chromium: set LONGTAKE_CHROMIUM to its binary, or run `playwright install chromium`"}
        arguments = ["--no-sandbox", "--in-process-gpu", "--use-gl=angle", "--use-angle=swiftshader"]
        chromium = playwright.chromium.launch(executable_path=binary or None, args=arguments)
        tab = chromium.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(url)
        tab.set_input_files("#video input[type=file]", video)
        tab.wait_for_selector("#video video")
        for control, value in (("frames", "8"), ("temperature", "0.5"), ("top_p", "0.9")):
            tab.fill(f"#{control} input[type=number]", value)
            tab.press(f"#{control} input[type=number]", "Tab")
        tab.click("#send")
        tab.wait_for_function(f"{SAID}.includes('A dog')")
        while_written = tab.inner_text("#said")
        tab.wait_for_function(f"{SAID}.includes({ANSWER!r})")
        tab.wait_for_timeout(1500)  # the last words are there before the turn is over
        tab.fill("#question textarea", "And then?")
        tab.press("#question textarea", "Enter")
        tab.wait_for_function(f"{SAID}.split({ANSWER!r}).length == 3")
        tab.screenshot(path=f"{folder}/page.png")
        tab.click("#restart")
        tab.wait_for_function(f"!{SAID}.includes({ANSWER!r})")
        after_restart = tab.inner_text("#said")
        tab.fill("#question textarea", "Who are you?")
        tab.click("#send")
        tab.wait_for_function(f"{SAID}.includes({ANSWER!r})")
        chromium.close()
    return {"while_written": while_written, "after_restart": after_restart}


def through_client(url: str, video: str, _folder: str) -> dict[str, Any]:
    from gradio_client import Client, handle_file  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    client = Client(url, verbose=False)
    answers = list(client.submit([], "What?", 8, 0.5, 0.9, handle_file(video), None, None, api_name="/ask"))
    return {"answers": len(answers), "last": json.dumps(answers[-1])}


def main() -> None:
    how, video, folder = sys.argv[1:]
    model = Slow()
    page = build(model, "toy <b>", Style(), 16)
    page.queue().launch(prevent_thread_lock=True, quiet=True, share=False)
    saw = (in_browser if how == "browser" else through_client)(page.local_url, video, folder)
    page.close(verbose=False)
    print(json.dumps({**saw, **model.seen()}))


if __name__ == "__main__":
    main()
