"""`python -m eval`: the same door as the command `evaluate`."""

from eval.cli import main

if __name__ == "__main__":
    main()
