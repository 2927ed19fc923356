"""How soon the help answers: `python -m bench.startup`."""

from __future__ import annotations

from bench.measure import cost_of, python, save, seconds_of

BAR = 0.5
RUNS = 7


def main() -> None:
    seconds = seconds_of([cost_of(python("curate", "--help")) for _ in range(RUNS)])
    save("startup", {"help_seconds": seconds})
    print(f"curate --help: {seconds:.2f} s (bar: less than {BAR})")


if __name__ == "__main__":
    main()
