"""Commands whose `--help` is listed as what it is: an option that takes nothing."""

from typing import final

from typer.core import TyperCommand, TyperGroup

__all__ = ["PlainCommand", "PlainGroup"]


@final
class PlainCommand(TyperCommand):
    """One command."""

    def get_help_option(self, ctx):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # Typer's own types are private
        """The option, without the `<bool>` Typer writes behind it."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.metavar = ""
        return option


class PlainGroup(TyperGroup):
    """A group of commands."""

    def get_help_option(self, ctx):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # as above
        """As of a command."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.metavar = ""
        return option
