"""`vae-tf check`: the files of an exported version, and its answers against the golden ones."""

import argparse

HELP = "Check the files of an exported model, and its answers against the golden ones."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("path", metavar="DIR/NAME[/VERSION]", help="what `vae-tf export` has made (the newest version)")


def run(arguments: argparse.Namespace) -> int:
    """Prints the findings as a table.

    Returns:
        0, or 1 where something is off.
    """
    import rich
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from vae_tf.export.version import check

    version = check.locate(arguments.path)
    table = Table("check", "finding", title=str(version), title_justify="left")
    findings = []
    with Console(stderr=True).status(f"Checking {version}") as status:
        for finding in check.findings(version):
            status.update(f"Checked {finding.check}")
            table.add_row(finding.check, Text("ok", "green") if finding.ok else Text(finding.detail, "red"))
            findings.append(finding)
    rich.print(table)
    return 0 if all(finding.ok for finding in findings) else 1
