"""The command line of Counterweight. Commands import what they need when they run, so that --help is quick."""

import sys

import click

from counterweight.cli import completion
from counterweight.cli.commands import images, results, workspace
from counterweight.core.addresses import foresee_torch
from counterweight.core.errors import UserError
from counterweight.core.process import (
    INTERRUPTED,
    describe_failure,
    describe_want,
    ending_when_interrupted,
    fail,
    keep_memory,
    name_settings,
    use_one_thread,
)


class Commands(click.Group):
    """A group that names what there is where it is asked for something else."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return a command by the first of some words.

        Raises:
            UserError: there is none of that name.
        """
        if args[0] not in self.commands and not (ctx.resilient_parsing or args[0].startswith("-")):
            from counterweight.core.registry import require_one_of

            require_one_of(args[0], self.commands, "COMMAND")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="counterweight", message="%(prog)s %(version)s")
def cli() -> None:
    """Do synthetic images help a classifier, and how do they differ from real ones?

    The pipeline itself runs under DVC: dvc repro, dvc exp run, dvc metrics diff.
    """


@click.command(
    "completion",
    short_help="Print the script by which a shell completes commands.",
    epilog="""\b
Examples:
  eval "$(counterweight completion bash)"
  eval "$(counterweight completion zsh)"
  counterweight completion fish > ~/.config/fish/completions/counterweight.fish
""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def print_completion(shell: completion.Shell) -> None:
    """Print the script by which SHELL completes commands, options and the names of generators, datasets and stages.

    To have it in every shell, put the line of the examples into ~/.bashrc, or into ~/.zshrc below `compinit`; fish
    reads the file of its example by itself. `counterweight` must be found in PATH: activate its environment first.
    """
    click.echo(completion.render_script(cli, shell), nl=False)


for command in (
    images.describe,
    images.gallery,
    images.add,
    images.preset,
    images.audit,
    results.report,
    results.export,
    results.explore,
    workspace.repro,
    workspace.why,
    workspace.doctor,
    workspace.schema,
    print_completion,
):
    cli.add_command(command)


def main() -> None:
    """Run a command; a user's mistake is one line on standard error and exit code 2."""
    use_one_thread()  # Before a command imports what computes.
    keep_memory()
    foresee_torch()
    try:
        with ending_when_interrupted(terminated=True):
            # click would print its errors its own way, and exit itself. What it returns is a command's exit code.
            code = cli.main(standalone_mode=False, complete_var=completion.VARIABLE)
        if code:
            sys.exit(code)
    except UserError as error:
        sys.exit(fail(name_settings(str(error), sys.argv[1:])))
    except OSError as error:
        if (reason := describe_failure(error) or describe_want(error)) is None:
            raise
        sys.exit(fail(reason))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.UsageError as error:
        sys.exit(fail(error.format_message()))
    except click.Abort:
        sys.exit(INTERRUPTED)
    except (MemoryError, RuntimeError, ImportError) as error:
        if (reason := describe_want(error)) is None:
            raise
        sys.exit(fail(reason))


if __name__ == "__main__":
    main()
