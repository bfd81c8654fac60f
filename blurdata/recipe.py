"""How a recipe file becomes a frozen, checked model with an id.

A recipe says *what* to build or train. Each package declares its own subclass of :class:`Recipe`; this module finds the
file (by path, or by name among those that ship), reads it as plain YAML and reports a wrong field by file, field
and allowed values.
"""

import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from blurdata.errors import RecipeError, did_you_mean
from blurdata.paths import user_path

_MAX_BYTES = 1 << 20
_KINDS = {  # a field that only recipes of one kind have, and how such a recipe is used
    "window": ("synthesis", "blurdata synthesize VIDEO --recipe {name}"),
    "kernels_per_picture": ("kernel blur", "blurdata pack 'convolve:FOLDER?recipe={name}'"),
    "photometric": ("align", "blurdata align CAPTURES --recipe {name}"),
    "arms": ("grading", "python tools/train_grading.py --data FOLDER --recipe {name} --out RUN"),
    "stages": ("training", "python tools/train_deblur.py {name} --shards SHARDS --out RUN"),
}


class _Loader(yaml.SafeLoader):
    """YAML 1.2 in that 1e-4 is a number; PyYAML takes what has no point, or no sign in its exponent, for text."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


class Recipe(BaseModel):
    """Base of all recipe models: frozen, no unknown fields, no infinite numbers."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def resolved(self) -> dict[str, Any]:
        """Every field with its default filled in, JSON-able."""
        return self.model_dump(mode="json")

    @property
    def id(self) -> str:
        """The recipe id: 16 hex digits of a hash of the resolved recipe."""
        return recipe_id(self.resolved())


AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)


def found_file(name: str, info: ValidationInfo) -> str:
    """The full path of a file that is named: beside the recipe, or else from the working folder; words without . and / are no paths.

    What was given over the recipe counts from the working folder first.
    """
    if not {".", "/"} & set(name):
        return name
    known = info.context or {"folder": Path(), "given": ()}
    for place in (Path(), known["folder"]) if info.field_name in known["given"] else (known["folder"], Path()):
        if os.path.isfile(path := place / user_path(name)):  # noqa: PTH113 (no name makes it raise)
            return os.path.abspath(path)  # noqa: PTH100 (links stay as they are named)
    return name


FileName = Annotated[str, Field(min_length=1), AfterValidator(found_file)]  # a field that names a file, or may


def as_range(value: Any) -> Any:
    """A single number as the range from itself to itself, for fields that are fixed by one and drawn between two; anything else as it is.

    Example:
        >>> as_range(3), as_range([1, 3])
        ((3, 3), [1, 3])
    """
    return (value, value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def recipe_id(resolved: Mapping[str, Any]) -> str:
    """The id of a resolved recipe: 16 hex digits of BLAKE2b over its canonical JSON.

    Example:
        >>> recipe_id({"b": 1, "a": 2}) == recipe_id({"a": 2, "b": 1})
        True
    """
    text = json.dumps(resolved, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def recipe_folder() -> Path:
    """The folder of the recipes that ship: inside an installed wheel, or ``recipes/`` of a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    """Names of the recipes that ship."""
    return sorted(path.stem for path in recipe_folder().glob("*.yaml"))


def find_recipe(name_or_path: str | Path) -> Path:
    """The file of a recipe given by path or by name.

    Raises:
        RecipeError: If there is none; the message lists the names, nearest first.
    """
    path = user_path(name_or_path)
    if path.suffix in (".yaml", ".yml") or path.is_file() or path.parent != Path():  # a folder of that name hides no recipe
        if path.is_file():
            return path
        shipped = recipe_folder() / path.name  # `recipes/gopro.yaml` as the README writes it, from any folder
        if path.parent.name == "recipes" and shipped.is_file():
            return shipped
        msg = f"There is no recipe file {path}; the recipes that ship are {', '.join(recipe_names())}."
        raise RecipeError(msg)
    if str(name_or_path) in recipe_names():
        return recipe_folder() / f"{name_or_path}.yaml"
    hint = did_you_mean(str(name_or_path), recipe_names())
    msg = f"There is no recipe named '{name_or_path}'; {hint}the recipes that ship are {', '.join(recipe_names())}."
    raise RecipeError(msg)


def read_recipe(name_or_path: str | Path, model: type[AnyRecipe], /, **overrides: Any) -> AnyRecipe:
    """Read a recipe file into ``model``; ``overrides`` replace single fields, also by None.

    Raises:
        RecipeError: If the file is missing, is no YAML mapping or a recipe of something else, or a field is unknown or wrong; the
            sentence names file, field and what is allowed.
    """
    path = find_recipe(name_or_path)
    fields = read_fields(path)
    check_kind(path, fields, model)
    where = f"{path}, with {', '.join(overrides)} given over it" if overrides else str(path)
    return _checked({**fields, **overrides}, model, where, {"folder": path.parent, "given": overrides})


def parse_recipe(fields: Mapping[str, Any], model: type[AnyRecipe], *, where: str) -> AnyRecipe:
    """Check ``fields`` against ``model``; ``where`` names their origin in errors."""
    return _checked(fields, model, where, None)


def _checked(fields: Mapping[str, Any], model: type[AnyRecipe], where: str, context: Mapping[str, Any] | None) -> AnyRecipe:
    try:
        return model.model_validate(dict(fields), context=context)
    except ValidationError as error:
        raise RecipeError(_sentence(where, model, error.errors()[0])) from None


def read_fields(path: Path) -> dict[str, Any]:
    """The fields of a recipe file as they stand, unchecked; RecipeError if it is no YAML mapping."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            msg = f"{path}: a recipe is a short YAML file, this one is over {_MAX_BYTES} bytes."
            raise RecipeError(msg)
        loaded = _load(path)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror})."
        raise RecipeError(msg) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        msg = f"{path}: is not valid YAML{line}; a recipe is a list of `field: value` lines."
        raise RecipeError(msg) from error
    if loaded is None:
        msg = f"{path}: is empty; a recipe is a list of `field: value` lines."
        raise RecipeError(msg)
    if not isinstance(loaded, dict) or not all(isinstance(name, str) for name in loaded):
        msg = f"{path}: a recipe is a list of `field: value` lines, this file holds {type(loaded).__name__}."
        raise RecipeError(msg)
    return loaded


def _load(path: Path) -> Any:
    """What a YAML file holds; RecipeError where a field is given twice, or aliases make much of a small file."""
    loader = _Loader(path.read_text(encoding="utf-8"))
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        sizes: dict[yaml.Node, float] = {}
        if _written_out(node, sizes) > _MAX_BYTES:
            msg = f"{path}: a recipe is a short YAML file, this one is over {_MAX_BYTES} bytes with its aliases written out."
            raise RecipeError(msg)
        for mapping in sizes:
            if isinstance(mapping, yaml.MappingNode) and (twice := _twice(mapping)) is not None:
                msg = f"{path}: field '{twice.value}' is given twice (line {twice.start_mark.line + 1}); keep one of them."
                raise RecipeError(msg)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _written_out(node: yaml.Node, sizes: dict[yaml.Node, float]) -> float:
    """About how many bytes a part of a YAML file takes with all aliases written out, infinite for one that holds itself.

    ``sizes`` gets the same of every part.
    """
    if node not in sizes:
        sizes[node] = math.inf
        if isinstance(node, yaml.ScalarNode):
            sizes[node] = 1 + len(node.value)
        else:
            parts = itertools.chain(*node.value) if isinstance(node, yaml.MappingNode) else node.value
            sizes[node] = 1 + sum(_written_out(part, sizes) for part in parts)
    return sizes[node]


def _twice(mapping: yaml.MappingNode) -> yaml.ScalarNode | None:
    """The first name of a mapping that it has already."""
    seen: set[str] = set()
    for name, _ in mapping.value:
        if isinstance(name, yaml.ScalarNode):
            if name.value in seen:
                return name
            seen.add(name.value)
    return None


def check_kind(path: Path, fields: Mapping[str, Any], model: type[Recipe]) -> None:
    """Refuse a recipe of another kind, which is told by a field that only its kind has."""
    for mark, (kind, usage) in _KINDS.items():
        if mark in fields and mark not in model.model_fields:
            wanted = next((name for field, (name, _) in _KINDS.items() if field in model.model_fields), model.__name__)
            name = path.stem if path.parent == recipe_folder() else path
            msg = f"{path}: is another kind of recipe ({kind}, not {wanted}); it goes with: {usage.format(name=name)}"
            raise RecipeError(msg)


def _sentence(where: str, model: type[Recipe], detail: ErrorDetails) -> str:
    field = ".".join(str(part) for part in detail["loc"])
    allowed = sorted(model.model_fields)
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown field '{field}'; {did_you_mean(field, allowed)}the fields are {', '.join(allowed)}."
    if detail["type"] == "missing":
        return f"{where}: field '{field}' is missing; add it ({detail['msg'].lower()})."
    reason = detail["msg"].removeprefix("Value error, ").removesuffix(".")
    if not detail["loc"]:  # several fields that do not go together; the reason names them
        return f"{where}: {reason}."
    return f"{where}: field '{field}': {reason}, got {detail['input']!r}."[:600]
