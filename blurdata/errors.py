"""What can go wrong with data, in one small tree.

``ValueError`` and ``TypeError`` are for wrong arguments in code. The errors below are for wrong *data*: they carry one
sentence that says what was wrong, where, and what to do, and the command line prints just that sentence::

    BlurDataError
    ├── SourceError         a video, picture, list or folder cannot be read as what it should be
    ├── RecipeError         a recipe file or field is wrong
    ├── OutputError         the output place is full, read-only, or holds something else
    ├── PairMismatch        the two halves of a pair do not belong together
    ├── MissingDependency   an optional package is needed and not there
    └── ShardError
        ├── ShardCorrupt    a shard, or one image in it, is not what was written
        ├── PlanMismatch    the folder holds shards of another plan or recipe
        └── Incomplete      shards are missing
"""

import difflib
import errno
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path


class BlurDataError(Exception):
    """Root of everything this package raises about data."""

    def __str__(self) -> str:
        """The sentence in one line: names of files may hold anything, line ends and the orders of a terminal too."""
        return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in super().__str__())


class SourceError(BlurDataError):
    """A video, picture, list or folder cannot be read as what it should be."""


class RecipeError(BlurDataError):
    """A recipe file or one of its fields is wrong."""


class OutputError(BlurDataError):
    """The output place is full, read-only, or holds something else."""


class PairMismatch(BlurDataError):
    """The two halves of a pair do not belong together."""


class MissingDependency(BlurDataError):
    """An optional package is needed and not installed."""


class ShardError(BlurDataError):
    """Something is wrong with a set of shards."""


class ShardCorrupt(ShardError):
    """A shard, or one image in it, is not what was written.

    Args:
        path: The shard file.
        key: The pair that cannot be read, or None where the whole file is at fault.
        reason: What was found.
    """

    def __init__(self, path: Path | str, key: str | None, reason: str) -> None:
        self.path, self.key, self.reason = Path(path), key, reason
        where = f"{path}, pair '{key}'" if key else f"{path}"
        remedy = command("verify", "--repair", *(("--source", "SOURCE") if self.path.name == "plan.json" else ()), self.path.parent)
        super().__init__(f"{where}: {reason}; rebuild it with `{remedy}`.")

    def __reduce__(self) -> tuple[type, tuple[Path, str | None, str]]:
        return type(self), (self.path, self.key, self.reason)


class PlanMismatch(ShardError):
    """The output folder holds shards of another plan or recipe."""


class Incomplete(ShardError):
    """Some shards of a set are missing.

    Args:
        path: The folder of shards.
        missing: Indices of the missing shards; none where only their index is.
    """

    def __init__(self, path: Path | str, missing: Sequence[int]) -> None:
        self.path, self.missing = Path(path), list(missing)
        some = ", ".join(str(i) for i in self.missing[:8]) + (" …" if len(self.missing) > 8 else "")
        count = "1 shard is" if len(self.missing) == 1 else f"{len(self.missing)} shards are"
        if self.missing:
            super().__init__(f"{path}: {count} missing ({some}); run the same `blurdata pack` again to finish them.")
        else:
            super().__init__(f"{path}: all shards are there, but not index.json; `{command('verify', '--repair', path)}` writes it.")

    def __reduce__(self) -> tuple[type, tuple[Path, list[int]]]:
        return type(self), (self.path, self.missing)


def output_error(path: Path, error: OSError) -> OutputError:
    """The sentence for a failed write."""
    remedy = {
        errno.ENOSPC: "the disk is full, free some space and run the same command again",
        errno.EFBIG: "the file-size limit is reached, raise it and run the same command again",
        errno.EROFS: "the file system is read-only, choose another --out",
        errno.EACCES: "it may not be written, choose another --out or change its rights",
        errno.EPERM: "it may not be written, choose another --out or change its rights",
        errno.ENOTDIR: "a part of the path is a file, choose another --out",
        errno.EEXIST: "a part of the path is a file, choose another --out",
        errno.ENAMETOOLONG: "the name is too long, choose a shorter --out",
    }.get(error.errno or 0, f"{error.strerror or error}, choose another --out")
    return OutputError(f"{path}: cannot be written: {remedy}.")


def command(*words: object) -> str:
    """A command of this package as a sentence names it, quoted where the shell needs it, so that it can be pasted.

    Example:
        >>> command("verify", Path("my shards"))
        "blurdata verify 'my shards'"
    """
    return shlex.join(["blurdata", *map(str, words)])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What a misspelt word may have meant, as a part of a sentence with a blank behind it; empty where nothing is near.

    Example:
        >>> did_you_mean("gorpo", ["gopro", "reds"]), did_you_mean("x", ["gopro"])
        ("did you mean 'gopro'? ", '')
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean '{near[0]}'? " if near else ""
