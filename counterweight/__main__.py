"""The command line, as `counterweight` and as `python -m counterweight`."""

import signal


def main() -> None:
    """Run a command. Ctrl-C while its code is imported ends it as it ends any program, without a traceback."""
    waits = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # of a job in the background it is ignored
    if waits:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from counterweight.cli.main import main as run

    if waits:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
