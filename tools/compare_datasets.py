"""Which training set makes the better deblurring network? The small baseline on each, judged by the held-out pairs of all.

    python tools/compare_datasets.py gopro:GOPRO_Large?variant=blur_gamma pairs:OURS shards/reds --test realblur-j:REALBLUR?split=test

Rows are the sets trained on, columns the pairs judged by: gain in dB over the blurry pictures with its 95 % interval over scenes and
seeds. Every row takes the same steps, crops and order. ``=`` marks cells that cannot be told from the best of their column. A set is a
folder of shards or any source that the ``blurdata`` command takes. About a minute a set, seed and core.
"""

import argparse
import json
import os
import string
import sys
from dataclasses import asdict
from itertools import chain, product
from pathlib import Path

from blurdata.errors import BlurDataError, OutputError
from blurdata.files import make_folder, write_atomic
from blurdata.interrupt import end_stopped
from blurdata.naming import counted
from blurdata.progress import progress
from blurdata.recipe import read_recipe
from blurdata.shards import open_input
from blurdata.training import TrainRecipe
from blurdata.training.compare import Cell, compare


def main() -> None:
    """Read the arguments, train, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET", help="sets to train on")
    only = "a set to judge by only; may be repeated; one of the sets trained on is judged by its held-out pairs, with or without"
    parser.add_argument("--test", action="append", default=[], metavar="SET", help=only)
    parser.add_argument("--recipe", default="verdict", help="training recipe (default: verdict)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each row (default: 3)")
    parser.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="processes (default: all cores)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")
    args = parser.parse_args()
    try:
        if args.json:
            check_file(args.json)
        recipe = read_recipe(args.recipe, TrainRecipe)
        for name in (name for names in (args.sets, args.test) for name in names if names.count(name) > 1):
            msg = f"{name} is named twice; name each set once."
            raise ValueError(msg)
        train, test = ({name: open_input(name) for name in names} for names in (args.sets, args.test))
        with progress("train and judge", 100, unit="%") as advance:
            table = compare(train, test, recipe, seeds=args.seeds, workers=args.workers, advance=advance)
        for name in test:
            if name in train or name not in table[args.sets[0]]:
                why = "it is one of the sets, or all its pairs were trained on"
                print(f"--test {name} has no column of its own, for {why}; the sets' columns are of held-out pairs.", file=sys.stderr)
        print_table(table)
        if args.json:
            ids = {name: source.fingerprint() for name, source in {**train, **test}.items()}
            cells = {row: {column: asdict(cell) for column, cell in found.items()} for row, found in table.items()}
            write_atomic(args.json, json.dumps({"recipe": recipe.id, "seeds": args.seeds, "data": ids, "gain_db": cells}, indent=1) + "\n")
    except (BlurDataError, ValueError) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        end_stopped("compare_datasets: stopped; nothing was written, the same command begins anew.")


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        msg = f"'{text}' is no whole number from 1 on"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def check_file(path: Path) -> None:
    """Prove that a file can be written there before hours are spent."""
    make_folder(path.parent)
    if path.is_dir():
        msg = f"{path}: is a folder; give a file."
        raise OutputError(msg)


def print_table(table: dict[str, dict[str, Cell]]) -> None:
    """Columns get letters, for names of sets are long."""
    columns = next(iter(table.values()))
    letters = dict(zip(map("".join, chain(string.ascii_uppercase, product(string.ascii_uppercase, repeat=2))), columns, strict=False))
    width = max(len(row) for row in table) + 2
    for letter, column in letters.items():
        print(f"{letter}  {column} ({counted(columns[column].scenes, 'scene')})")
    print("\ntrained on".ljust(width + 1) + "".join(f"{letter:>26}" for letter in letters))
    for row, cells in table.items():
        shown = (f"{cell.gain_db} {'=' if cell.as_good else ' '}" for cell in cells.values())
        print(row.ljust(width) + "".join(f"{text:>26}" for text in shown))
    print("\ndB over the blurry pictures [95 % interval over scenes and seeds]; = cannot be told from the best of its column")


if __name__ == "__main__":
    main()
