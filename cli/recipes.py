"""`vae-tf recipes`: the recipes that come with the library, and the keys that a recipe may have."""

import argparse

HELP = "List the recipes that come with the library, or with --keys all that a recipe may say."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("--keys", action="store_true", help="list the keys of a recipe, with what each takes")


def run(arguments: argparse.Namespace) -> int:
    """Prints a table, or the keys."""
    import rich
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from vae_tf import training
    from vae_tf.training.recipes.reference import reference

    if arguments.keys:
        for key in reference():
            rich.print(Text.assemble((key.name, "bold"), f" = {key.default}"))
            rich.print(Padding(Text(f"{key.takes}: {key.meaning}"), (0, 0, 0, 4)))
        print("A list is written [512, 256], and at the command line in quotes: --model.networks.hidden '[512, 256]'.")
        return 0
    table = Table("recipe", "data", "what it is")
    for name in training.presets():
        settings, _ = training.read(name)
        table.add_row(name, settings.data, training.preset(name).partition("\n")[0].removeprefix("# "))
    rich.print(table)
    print("Print one: vae-tf recipe NAME. Train it: vae-tf train --recipe NAME. All keys: vae-tf recipes --keys.")
    return 0
