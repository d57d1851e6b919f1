"""`python -m counterweight` is the command line, as `counterweight` is."""

from counterweight.cli.main import main

if __name__ == "__main__":
    main()
