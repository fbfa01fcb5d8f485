"""`python -m maxella` does what `maxella` does."""

from maxella.cli.main import main

if __name__ == "__main__":
    main()
