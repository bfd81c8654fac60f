"""Help that begins with examples, and a guess where a command is misspelt."""

import difflib
import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_EXAMPLE = re.compile(r"\s*(blurdata .*?)\s*")


def split_examples(text: str) -> tuple[list[str], str]:
    r"""The lines of a help text that are commands, and the rest without them and their heading.

    Example:
        >>> split_examples("Say hello.\n\nExamples:\n\n  blurdata hello you\n\nIt is polite.")
        (['blurdata hello you'], 'Say hello.\n\nIt is polite.')
    """
    examples, rest = [], []
    for line in text.splitlines():
        if found := _EXAMPLE.fullmatch(line):
            examples.append(found[1])
        elif line.strip() != "Examples:":
            rest.append(line.rstrip())
    return examples, _flowing(re.sub(r"\n{3,}", "\n\n", "\n".join(rest)).strip())


def _flowing(text: str) -> str:
    """Each paragraph as one line: rich keeps the line ends of the source, which leaves single words on lines of their own."""
    return re.sub(r"(?<!\n)\n(?![\n\s*-])", " ", text)


def say_examples(examples: list[str]) -> None:
    """Print examples as the first lines of a help page; plain text, so that they can be copied."""
    typer.echo("Examples:")
    for example in examples:
        typer.echo(f"  {example}")


class Command(TyperCommand):
    """A command whose help begins with the examples in its docstring."""

    def __init__(self, *args: Any, help: str | None = None, **options: Any) -> None:  # noqa: A002  the name that typer passes
        self.examples, rest = split_examples(help or "")
        super().__init__(*args, help=rest, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """As click does it, but nothing may be empty: a path would be the working folder."""
        for given in args:
            if not given or re.fullmatch("--[a-z-]+=", given):
                what = f"What follows {given}" if given else "An argument"
                ctx.fail(f"{what} is empty, as where a variable of the shell is not set; write . for this folder.")
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Examples, then what click and rich say."""
        if self.examples:
            say_examples(self.examples)
        super().format_help(ctx, formatter)


class Group(TyperGroup):
    """A group whose help begins with the first example of each command and which guesses what a misspelt command meant."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Examples, then what click and rich say."""
        firsts = [command.examples[0] for command in self.commands.values() if isinstance(command, Command) and command.examples]
        if firsts:
            say_examples(firsts)
        super().format_help(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As click does it, but an unknown name comes with the nearest known one."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.commands, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"The commands are {', '.join(self.commands)}."
            ctx.fail(f"There is no command '{args[0]}'. {hint}")
        return super().resolve_command(ctx, args)
