"""Broken texts: lists of pairs, recipes, source strings, filters, command lines."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from fuzz_guard import answers, command
from hypothesis import given
from hypothesis import strategies as st

from blurdata.alignment.recipe import AlignRecipe
from blurdata.datasets import open_realblur_j
from blurdata.datasets.lists import locate, read_list
from blurdata.files import write_png
from blurdata.recipe import read_recipe, recipe_folder
from blurdata.shards.where import parse_where
from blurdata.sources import kinds, open_source, options_of
from blurdata.synthesis.kernel_pairs import KernelRecipe
from blurdata.synthesis.recipe import SynthesisRecipe
from blurdata.training import TrainRecipe
from blurdata.training.grading import GradingRecipe

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
MODELS = {
    "gopro": SynthesisRecipe,
    "rsblur": SynthesisRecipe,
    "film": SynthesisRecipe,
    "gopro_u": KernelRecipe,
    "realblur_j": AlignRecipe,
    "verdict": TrainRecipe,
    "train_gopro_restormer": TrainRecipe,
    "passion_fruit": GradingRecipe,
}
NAMES = [
    "gt_1.png",
    "blur_1.png",
    "../../secret.png",
    "/etc/passwd",
    "a/../../b",
    "C:\\x",
    "link.png",
    "",
    ".",
    "..",
    "\x00",
    "é.png",
    "a b",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from([10**400, -1, 0, 1e308, float("nan"), float("inf"), "1e400", "../../x", "linear", "srgb", "\x00"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)), max_leaves=8
)


def lists(root: Path) -> Callable[[], None]:
    """Lists of pairs, by the parser alone and by the set that reads one."""
    base = root / "RealBlur"
    inside = base / "RealBlur-J_ECC_IMCORR_centroid_itensity_ref/scene001"
    for name in ("gt/gt_1.png", "blur/blur_1.png"):
        write_png(inside / name, PICTURE)
    (inside / "link.png").symlink_to("/etc/passwd")
    prefix = st.sampled_from(["", "RealBlur-J_ECC_IMCORR_centroid_itensity_ref/scene001/gt/", "scene001/"])
    name = st.builds(str.__add__, prefix, st.one_of(st.sampled_from(NAMES), st.text(max_size=20)))
    line = st.lists(name, max_size=4).map(" ".join)
    text = st.one_of(st.lists(line, max_size=6).map("\n".join).map(lambda t: t.encode("utf-8", "surrogatepass")), st.binary(max_size=200))

    @given(text)
    def case(data: bytes) -> None:
        path = base / "RealBlur_J_train_list.txt"
        path.write_bytes(data)

        def read() -> None:
            for line in read_list(path):
                for each in (line.sharp, line.blurry):
                    assert locate(each, base, line.where).resolve().is_relative_to(base.resolve())

        answers(read)
        answers(lambda: [pair.key for pair in open_realblur_j(base, split="train")])

    return case


def recipes(root: Path) -> Callable[[], None]:
    """Recipes of every kind: shipped ones with other values and other fields, and any bytes at all."""
    shipped = {name: yaml.safe_load((recipe_folder() / f"{name}.yaml").read_text()) for name in MODELS}
    path = root / "mine.yaml"

    @st.composite
    def spoilt(draw: st.DrawFn) -> tuple[str, bytes]:
        name = draw(st.sampled_from(sorted(MODELS)))
        if draw(st.integers(0, 5)) == 0:
            return name, draw(st.one_of(st.binary(max_size=100), st.text("{}[]:&*!|>-? \n\t'\"#%@`a1", max_size=60).map(str.encode)))
        fields = dict(shipped[name])
        known = sorted(MODELS[name].model_fields)
        for field in draw(st.lists(st.one_of(st.sampled_from(known), st.text(max_size=8)), min_size=1, max_size=3)):
            fields[field] = draw(VALUES)
        return name, yaml.safe_dump(fields, allow_unicode=True).encode("utf-8", "surrogatepass")

    @given(spoilt())
    def case(drawn: tuple[str, bytes]) -> None:
        name, data = drawn
        path.write_bytes(data)

        def read() -> None:
            recipe = read_recipe(path, MODELS[name])
            assert len(recipe.id) > 8
            recipe.resolved()

        answers(read)

    return case


def sources(root: Path) -> Callable[[], None]:
    """Source strings: every kind, with paths that are something else, options that exist and values that do not."""
    for name in ("a", "b"):
        for half in ("blurry", "sharp", "blur", "blur_gamma"):
            write_png(root / "set/train/GOPR1_01" / half / f"{name}.png", PICTURE)
    (root / "text.mp4").write_text("hello")
    (root / "empty").mkdir()
    paths = st.one_of(
        st.sampled_from([f"{root}/set", f"{root}/set/train/GOPR1_01", f"{root}/text.mp4", f"{root}/empty", "", "/dev/null", "~", "/no"]),
        st.text(max_size=15).map(lambda text: f"{root}/{text}"),
    )
    words = st.one_of(
        st.sampled_from(["train", "test", "blur", "yes", "0", "-1", "1e9", "nan", "9" * 30, "%00", "gopro", ""]), st.text(max_size=8)
    )

    @st.composite
    def named(draw: st.DrawFn) -> str:
        kind = draw(st.one_of(st.sampled_from(sorted({*kinds()} - {"hf"})), st.text(max_size=6).filter(lambda text: text != "hf")))
        options = draw(st.lists(st.tuples(st.one_of(st.sampled_from([*options_of(kind), "x"]), st.text(max_size=5)), words), max_size=3))
        return f"{kind}:{draw(paths)}" + (
            "?" + "&".join(f"{name}={value}" for name, value in options if name != "cache") if options else ""
        )

    @given(named())
    def case(text: str) -> None:
        def look() -> None:
            source = open_source(text)
            assert len(source.keys) == len(source)
            if len(source):
                assert source[0].blurry.shape == source[0].sharp.shape

        answers(look)

    return case


def filters(root: Path) -> Callable[[], None]:
    """Filters of pairs by their meta data."""
    signs = [
        "<",
        "<=",
        "==",
        "!=",
        "~",
        "in",
        "not in",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        ",",
        "-",
        ".",
        "__class__",
        "split",
        "key",
        "px",
    ]
    token = st.one_of(
        st.sampled_from(signs), st.integers().map(str), st.floats().map(str), st.text(max_size=5), st.sampled_from(["'a'", '"b"'])
    )
    text = st.one_of(st.lists(token, max_size=12).map(" ".join), st.text(max_size=40), st.integers(1, 5000).map(lambda n: "(" * n + "px"))

    @given(text, st.dictionaries(st.sampled_from(["split", "key", "px", "x"]), SCALARS, max_size=4))
    def case(condition: str, meta: dict[str, object]) -> None:
        answers(lambda: parse_where(condition)(meta))

    return case


def commands(root: Path) -> Callable[[], None]:
    """Command lines, from every command and option there is."""
    write_png(root / "pictures/a.png", PICTURE)
    for half in ("blurry", "sharp"):
        write_png(root / "set" / half / "a.png", PICTURE)
    heads = {
        "info": [], "verify": [], "audit": [], "pack": ["--out", f"{root}/out/shards"], "report": ["--out", f"{root}/out/page.html"],
        "blur": ["--out", f"{root}/out/blurred"], "evaluate": ["--protocol", "plain"], "clean": [], "convert": ["--out", f"{root}/out/c"],
        "export": ["--out", f"{root}/out/e"], "recipe": ["show"], "calibrate-response": ["--out", f"{root}/out/r.txt"],
    }  # fmt: skip
    options = [
        "--json",
        "--kind",
        "--workers",
        "--sample",
        "--seed",
        "--where",
        "--format",
        "--repair",
        "--p",
        "--curve",
        "--fail-on",
        "--help",
    ]
    words = st.one_of(
        st.sampled_from(
            [f"{root}/pictures", f"{root}/set", f"pairs:{root}/set", f"{root}/no", "motion", "-1", "0", "1", "9" * 40, "nan", "", "-"]
        ),
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8).filter(
            lambda word: not word.startswith("hf:")
        ),
    )

    @given(st.sampled_from(sorted(heads)), st.lists(st.one_of(words, st.sampled_from(options)), max_size=4))
    def case(name: str, rest: list[str]) -> None:
        command(name, *heads[name], *rest, *(["--workers", "1"] if name in ("pack", "report", "audit", "evaluate", "verify") else []))

    return case


PARTS = {"lists": lists, "recipes": recipes, "sources": sources, "filters": filters, "commands": commands}
