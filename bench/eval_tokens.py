"""python -m bench.eval_tokens JAR TEXTS: where our tokens differ from CoreNLP 3.4.1's, on lines of a text file.

JAR is stanford-corenlp-3.4.1.jar, which pycocoevalcap carries; it needs Java. Lines are lower-cased first, as captions
are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from eval.metrics.tokens import tokens_of

SHOWN = 10


def peer_tokens(jar: Path, lines: list[str]) -> list[list[str]]:
    """Tokens of each line by the Java program; a line more stands at the end, for the last one is read differently."""
    text = "\n".join([*(line.lower() for line in lines), "the end"]) + "\n"
    words = ["java", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"]
    done = subprocess.run(words, input=text.encode(), capture_output=True, check=True)
    return [line.split(" ") for line in done.stdout.decode().split("\n")[: len(lines)]]


def main() -> None:
    """Prints how many lines differ, the first of them, and the seconds of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jar", type=Path)
    parser.add_argument("texts", type=Path)
    asked = parser.parse_args()
    lines = [
        line for line in asked.texts.read_text(encoding="utf-8").split("\n") if line.strip() and line.isprintable()
    ]
    began = time.perf_counter()
    theirs = peer_tokens(asked.jar, lines)
    halfway = time.perf_counter()
    ours = [tokens_of(line) for line in lines]
    ended = time.perf_counter()
    differing = [place for place, line in enumerate(theirs) if ours[place] != [token for token in line if token]]
    print(
        f"{len(differing)} of {len(lines)} lines differ; "
        f"CoreNLP {halfway - began:.1f} s, longtake {ended - halfway:.1f} s"
    )
    for place in differing[:SHOWN]:
        print(f"  {' '.join(ours[place])}\n  {' '.join(theirs[place])}", file=sys.stderr)


if __name__ == "__main__":
    main()
