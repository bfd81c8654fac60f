"""Recipes: found by name or path, checked by field, known by id."""

import pytest

from blurdata.color import curve
from blurdata.errors import RecipeError
from blurdata.recipe import FileName, Recipe, find_recipe, parse_recipe, read_fields, read_recipe, recipe_id, recipe_names


class Cake(Recipe):
    """A recipe for tests."""

    eggs: int = 3
    flour_g: float
    glaze: bool = False
    filling: str | None = "jam"


def write(tmp_path, text):
    path = tmp_path / "cake.yaml"
    path.write_text(text)
    return path


def test_defaults_are_resolved_and_hashed(tmp_path):
    """The id depends on the resolved recipe alone, not on how the file was written."""
    short = read_recipe(write(tmp_path, "flour_g: 200\n"), Cake)
    long = read_recipe(write(tmp_path, "# a cake\nglaze: false\nflour_g: 200.0\neggs: 3\n"), Cake)
    assert short.resolved() == {"eggs": 3, "flour_g": 200.0, "glaze": False, "filling": "jam"}
    assert short.id == long.id
    assert short.id != read_recipe(write(tmp_path, "flour_g: 201\n"), Cake).id
    assert len(recipe_id({})) == 16


@pytest.mark.parametrize("written", ["2e2", "2E+2", "20e1", "+2.0e2", "200.0", "2.e2"])
def test_numbers_may_be_written_with_an_exponent(tmp_path, written):
    """PyYAML alone takes 2e2 for text; what only looks like it stays text, and beyond all numbers is no number."""
    assert read_recipe(write(tmp_path, f"flour_g: {written}\n"), Cake).flour_g == 200
    assert read_fields(write(tmp_path, "filling: 2e2g\n")) == {"filling": "2e2g"}
    with pytest.raises(RecipeError, match=r"field 'flour_g'.*finite"):
        read_recipe(write(tmp_path, "flour_g: 1e400\n"), Cake)


class Oven(Recipe):
    """A recipe that names files, itself and further in."""

    class Tray(Recipe):
        """Part of it."""

        paper: FileName | None = None

    curve: FileName = "slow"
    tray: Tray = Tray()


def test_files_that_a_recipe_names_may_lie_beside_it(tmp_path, monkeypatch):
    """Beside it first, then in the working folder, and the other way round where they are given over it; found ones are told in full.

    Names without a point, and files that lie in neither, stay as they are written.
    """
    home = tmp_path / "home"
    home.mkdir()
    for name in ("heat.txt", "slow", "sheet.txt"):
        (home / name).write_text("1\n")
    path = write(home, "curve: heat.txt\ntray: {paper: sheet.txt}\n")
    monkeypatch.chdir(tmp_path)

    assert read_recipe(path, Oven).resolved() == {"curve": str(home / "heat.txt"), "tray": {"paper": str(home / "sheet.txt")}}
    (tmp_path / "heat.txt").write_text("2\n")
    (tmp_path / "sheet.txt").mkdir()
    assert read_recipe(path, Oven).curve == str(home / "heat.txt")
    assert read_recipe(path, Oven, curve="heat.txt").curve == str(tmp_path / "heat.txt")
    assert read_recipe(path, Oven, curve="sheet.txt").curve == str(home / "sheet.txt")
    assert read_recipe(path, Oven, curve="slow").curve == "slow"
    for other in ("none.txt", "a\0.txt", "a" * 5000 + ".txt", str(home / "gone.txt"), "~nobody/x.txt"):
        assert read_recipe(path, Oven, curve=other).curve == other
    assert parse_recipe({"curve": "heat.txt"}, Oven, where="code").curve == str(tmp_path / "heat.txt")


def test_a_curve_that_no_file_can_be_called_by_is_a_sentence():
    """Names over what a file system takes are no faults of ours."""
    for name in ("a" * 300, "a" * 5000 + ".txt"):
        with pytest.raises(ValueError, match="There is no curve"):
            curve(name)


def test_overrides_replace_single_fields(tmp_path):
    """A value given over the file's wins, None too; a field may have the name of anything, and an error names what was given."""
    path = write(tmp_path, "flour_g: 200\neggs: 1\n")
    cake = read_recipe(path, Cake, eggs=5, filling=None)
    assert (cake.eggs, cake.filling, cake.flour_g) == (5, None, 200)
    with pytest.raises(RecipeError, match=r"cake\.yaml, with model, where given over it: unknown field 'model'"):
        read_recipe(path, Cake, model="round", where="oven")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flour_g: 1\negs: 2\n", "unknown field 'egs'; did you mean 'eggs'\\? the fields are eggs, filling, flour_g, glaze"),
        ("eggs: 2\n", "field 'flour_g' is missing"),
        ("flour_g: much\n", "field 'flour_g'.*got 'much'"),
        ("flour_g: .inf\n", "field 'flour_g'"),
        ("- a\n- b\n", "holds list"),
        ("", r"cake\.yaml: is empty"),
        ("flour_g: 1\nsugar_g: 2\nflour_g: 3\n", "'flour_g' is given twice .line 3"),
        ("flour_g: {a: 1, a: 1}\n", "'a' is given twice .line 1"),
        ("flour_g: &a [*a]\n", "with its aliases written out"),
        ("a: [1\n", "not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("1: 2\n", "holds dict"),
    ],
)
def test_wrong_files_are_one_sentence(tmp_path, text, words):
    """The error names the file, the field, and what is allowed."""
    with pytest.raises(RecipeError, match=words) as caught:
        read_recipe(write(tmp_path, text), Cake)
    assert "cake.yaml" in str(caught.value)


def test_a_recipe_of_another_kind_is_called_so(tmp_path):
    """Its first unknown field would say nothing; the sentence names the kind and the command that takes it."""
    for text, words in (
        (
            "photometric: robust\nkind: align\n",
            "another kind of recipe \\(align, not Cake\\).*blurdata align CAPTURES --recipe .*cake.yaml",
        ),
        ("window: 7\n", "another kind of recipe \\(synthesis, not Cake\\).*blurdata synthesize VIDEO"),
    ):
        with pytest.raises(RecipeError, match=words):
            read_recipe(write(tmp_path, text), Cake)


def test_binary_and_huge_files_are_refused(tmp_path):
    """Neither bytes that are no text nor megabytes of it are read as a recipe."""
    path = tmp_path / "cake.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RecipeError, match="not valid YAML"):
        read_recipe(path, Cake)
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(RecipeError, match="short YAML file"):
        read_recipe(path, Cake)


@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_make_much_of_little_are_refused(tmp_path, form):
    """Some 400 bytes that stand for gigabytes are one short sentence at once; an alias or two are fine."""
    lines = ["a0: &a0 {x: 1}"] + [f"a{i + 1}: &a{i + 1} " + form.format(", ".join([f"*a{i}"] * 10)) for i in range(9)]
    with pytest.raises(RecipeError, match="aliases") as caught:
        read_recipe(write(tmp_path, "\n".join([*lines, "flour_g: *a9"])), Cake)
    assert len(str(caught.value)) < 300
    assert read_fields(write(tmp_path, "a: &a {x: 1}\nb: {<<: *a, y: 2}\n")) == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}


def test_names_are_found_and_typos_answered():
    """Every shipped name resolves, by name and as the README writes it; a near miss is suggested."""
    names = recipe_names()
    assert "gopro" in names
    assert {find_recipe(name).stem for name in names} == set(names)
    assert find_recipe("recipes/gopro.yaml").stem == "gopro"
    with pytest.raises(RecipeError, match="did you mean 'gopro'"):
        find_recipe("goprro")
    with pytest.raises(RecipeError, match="no recipe file nowhere/mine"):
        find_recipe("nowhere/mine.yaml")


def test_fields_can_come_from_elsewhere():
    """A mapping is checked like a file, and the error says where it came from."""
    with pytest.raises(RecipeError, match=r"^the plan: unknown field 'x'"):
        parse_recipe({"x": 1, "flour_g": 1}, Cake, where="the plan")


def test_a_folder_of_the_same_name_hides_no_recipe(tmp_path, monkeypatch):
    """``--recipe gopro`` means the recipe, also where ``--out gopro`` has made a folder of that name."""
    (tmp_path / "gopro").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_recipe("gopro").name == "gopro.yaml"
    with pytest.raises(RecipeError, match="no recipe file"):
        find_recipe(tmp_path / "gopro")
