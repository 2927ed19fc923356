"""python -m train: the same door as the console script."""

from train.cli import main

if __name__ == "__main__":
    main()
