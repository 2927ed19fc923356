"""`python -m recaption`: the same door as the command `recaption`."""

from recaption.cli import main

if __name__ == "__main__":
    main()
