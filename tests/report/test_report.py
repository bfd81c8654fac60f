"""The page about a set: self-contained, counts pairs, lists suspects, remembers verdicts."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.errors import OutputError, SourceError
from blurdata.files import write_png
from blurdata.pairs import JoinedSource, PairSource
from blurdata.report import write_card, write_report
from blurdata.report.charts import histogram, smooth
from blurdata.shards import build, open_input
from blurdata.sources import open_source


def scene(seed, side=96):
    """A colourful random scene with edges at every scale."""
    rng = np.random.default_rng(seed)
    picture = np.full((side, side, 3), 110, np.uint8)
    for _ in range(60):
        x, y = (int(v) for v in rng.integers(0, side, 2))
        colour = tuple(int(v) for v in rng.integers(10, 235, 3))
        cv2.rectangle(picture, (x, y), (x + int(rng.integers(3, 30)), y + int(rng.integers(3, 30))), colour, -1)
    return picture


@pytest.fixture
def folder(tmp_path):
    """Six pairs in two splits; one of them is shifted by 4 px."""
    for i in range(6):
        sharp = scene(i)
        blurry = cv2.GaussianBlur(sharp, (0, 0), 1.5)
        split = "train" if i < 4 else "test"
        write_png(tmp_path / "set" / split / "sharp" / f"{i}.png", sharp)
        write_png(tmp_path / "set" / split / "blurry" / f"{i}.png", np.roll(blurry, 4, axis=1) if i == 2 else blurry)
    return tmp_path / "set"


def test_page_is_self_contained(folder, tmp_path):
    """The page asks nothing of any other machine: every picture, style and script stands in it."""
    source = open_source(f"pairs:{folder}")

    report = write_report(source, tmp_path / "r.html", title="A <set> & more", scores={"input": {"PSNR": 20.0}}, notes=["made by hand"])
    text = report.page.read_text()

    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "A &lt;set&gt; &amp; more" in text
    assert "20.00" in text
    assert "made by hand" in text
    assert all(re.search(r'alt="[^"]+"', image) for image in re.findall(r"<img [^>]*>", text))


def test_shifted_pair_is_listed(folder, tmp_path):
    """A pair shifted by 4 px is listed with value, line and median, and no good pair is."""
    report = write_report(open_source(f"pairs:{folder}"), tmp_path / "r.html")
    data = json.loads((tmp_path / "r.findings.json").read_text())

    assert {finding.key for finding in report.findings} == {"train/2"}
    assert data["schema"] == 1
    assert data["pairs"] == 6
    (finding,) = [f for f in data["findings"] if f["kind"] == "misaligned"]
    assert finding["value"] == pytest.approx(4, abs=0.4)
    assert finding["line"] < 2
    assert finding["median"] < 0.5


def test_ignored_finding_is_not_listed_again(folder, tmp_path):
    """A verdict in the ignore file takes the finding off the page, and the page says how many were taken off."""
    source = open_source(f"pairs:{folder}")
    first = write_report(source, tmp_path / "r.html")
    ignore = tmp_path / "ignore.txt"
    ignore.write_text("# looked at\n" + "\n".join(f"{f.kind} {f.key}" for f in first.findings))

    again = write_report(source, tmp_path / "r.html", ignore=ignore)

    assert again.findings == ()
    assert again.ignored == len(first.findings)
    assert "judged harmless" in again.page.read_text()


def test_misspelt_ignore_line_is_refused(folder, tmp_path):
    """A line that names no kind is an error that suggests one, since it would silently ignore nothing."""
    ignore = tmp_path / "ignore.txt"
    ignore.write_text("misalined train/2\n")

    with pytest.raises(SourceError, match="did you mean 'misaligned'"):
        write_report(open_source(f"pairs:{folder}"), tmp_path / "r.html", ignore=ignore)


def test_restored_pictures_stand_on_the_sheet(folder, tmp_path):
    """A restored picture, from a mapping or a function, stands between blurry and sharp."""
    source = open_source(f"pairs:{folder}")

    by_map = write_report(
        source, tmp_path / "a.html", samples=["test/4"], restored={"test/4": source[list(source.keys).index("test/4")].sharp}
    ).page.read_text()
    by_call = write_report(source, tmp_path / "b.html", samples=["test/4"], restored=lambda pair: pair.sharp).page.read_text()

    assert "Restored detail of test/4" in by_map
    assert by_map == by_call


def test_sample_is_said(folder, tmp_path):
    """A sampled page says that it sampled, of how many, with which seed."""
    report = write_report(open_source(f"pairs:{folder}"), tmp_path / "r.html", sample=3, seed=5)

    assert len(report.survey.facts) == 3
    assert "3 of 6 pairs, drawn with seed 5" in report.page.read_text()
    assert json.loads((tmp_path / "r.findings.json").read_text())["sample_seed"] == 5


@pytest.mark.parametrize("second", ["r.html", "other.html"])
def test_two_reports_at_once_never_share_a_file(folder, tmp_path, second):
    """While one run writes, another that would write its page or its findings is refused at once; no lock outlives its run."""
    source, refused = open_source(f"pairs:{folder}"), []
    listing = tmp_path / "found.json"
    (tmp_path / ".found.json.lock").touch()  # a killed run's

    def meanwhile(*_, **__):
        with pytest.raises(OutputError, match="is being written by another run") as error:
            write_report(source, tmp_path / second, findings=listing, sample=1)
        refused.append(str(error.value))

    report = write_report(source, tmp_path / "r.html", findings=listing, sample=2, advance=meanwhile)

    assert refused
    assert json.loads(report.findings_file.read_text())["examined"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.json", "r.html", "set"]
    write_report(source, tmp_path / second, findings=listing, sample=1)
    assert json.loads(report.findings_file.read_text())["examined"] == 1


def test_reports_of_one_folder_keep_to_their_own_files(folder, tmp_path):
    """One folder may get two reports, even at once: the findings are named after their page, and say what they are of."""
    first, second = (open_source(f"pairs:{folder / split}") for split in ("train", "test"))

    def meanwhile(*_, **__):
        write_report(second, tmp_path / "b.html")

    write_report(first, tmp_path / "a.html", advance=meanwhile)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.findings.json", "a.html", "b.findings.json", "b.html", "set"]
    for name, source in (("a", first), ("b", second)):
        assert json.loads((tmp_path / f"{name}.findings.json").read_text())["fingerprint"] == source.fingerprint()
        assert source.fingerprint() in (tmp_path / f"{name}.html").read_text()


@pytest.mark.parametrize("moment", range(5))
def test_a_page_never_stands_beside_findings_of_another_set(folder, tmp_path, monkeypatch, moment):
    """A report of another set replaces all of the first one's; stopped between any two steps, it leaves no mixed pair of files."""
    page, listing = tmp_path / "r.html", tmp_path / "r.findings.json"
    first, second = (open_source(f"pairs:{folder / split}") for split in ("train", "test"))
    write_report(first, page)
    steps = []

    def step(real):
        def wrapped(path, *arguments, **options):
            if ("r.html" in path.name or "r.findings" in path.name) and path.suffix != ".lock":
                steps.append(path)
                if len(steps) > moment:
                    raise KeyboardInterrupt
            return real(path, *arguments, **options)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("write_text", "replace", "unlink"):
            patch.setattr(Path, name, step(getattr(Path, name)))
        with pytest.raises(KeyboardInterrupt):
            write_report(second, page)

    assert any(source.fingerprint() in page.read_text() for source in (first, second))
    if listing.exists():
        assert json.loads(listing.read_text())["fingerprint"] in page.read_text()
    write_report(second, page)
    assert json.loads(listing.read_text())["fingerprint"] == second.fingerprint()
    assert first.fingerprint() not in page.read_text()


def test_foreign_page_is_not_overwritten(folder, tmp_path):
    """A page that this tool did not write is kept unless --overwrite says so; its own page is replaced."""
    source = open_source(f"pairs:{folder}")
    page = tmp_path / "r.html"
    page.write_text("my thesis")

    with pytest.raises(OutputError, match="no report of blurdata"):
        write_report(source, page)
    write_report(source, page, overwrite=True)
    write_report(source, page)

    assert "blurdata report" in page.read_text()


def test_broken_picture_is_listed_and_the_rest_goes_on(folder, tmp_path):
    """A picture that was cut off is a finding; the other pairs are still measured."""
    source = open_source(f"pairs:{folder}")
    broken = folder / "train" / "blurry" / "1.png"
    broken.write_bytes(broken.read_bytes()[:200])

    report = write_report(source, tmp_path / "r.html")

    assert [f.key for f in report.findings if f.kind == "unreadable"] == ["train/1"]
    assert sum(not f.error for f in report.survey.facts) == 5


def test_workers_change_nothing(folder, tmp_path):
    """Two processes find, byte for byte, what one finds."""
    source = open_source(f"pairs:{folder}")

    one = write_report(source, tmp_path / "a.html", workers=1).page.read_text()
    two = write_report(source, tmp_path / "b.html", workers=2).page.read_text()

    assert one == two


def test_card_keeps_what_a_person_wrote(folder, tmp_path):
    """Filling a card again replaces its own part and leaves the rest alone."""
    source = open_source(f"pairs:{folder}")
    report = write_report(source, tmp_path / "r.html")
    card = tmp_path / "README.md"
    write_card(source, report, card)
    card.write_text(card.read_text().replace("# set", "# My set\n\nTaken on a bicycle."))

    write_card(source, report, card)
    text = card.read_text()

    assert "Taken on a bicycle." in text
    assert text.count("## The pairs in numbers") == 1
    assert "| Pairs | 6 |" in text
    assert text.startswith("---\n")


def test_fail_on_serves_ci(folder, tmp_path):
    """--fail-on exits with 1 where the kind was found, 0 where not, 2 for an unknown kind with a suggestion."""
    run = CliRunner().invoke
    common = ["report", f"pairs:{folder}", "--out", str(tmp_path / "r.html"), "--workers", "1"]

    assert run(build_app(), [*common, "--fail-on", "misaligned"]).exit_code == 1
    assert run(build_app(), [*common, "--fail-on", "leak,copy"]).exit_code == 0
    wrong = run(build_app(), [*common, "--fail-on", "misalined"])
    assert wrong.exit_code == 2
    assert "misaligned" in wrong.output


def test_joined_source_names_its_parts(folder, tmp_path):
    """A report on two sources joined says where each split comes from, on the page as in its foot."""
    parts = {name: open_source(f"pairs:{folder}/{name}") for name in ("train", "test")}
    text = write_report(JoinedSource(parts), tmp_path / "r.html").page.read_text()

    assert f"train: pairs:{folder}/train; test: pairs:{folder}/test" in text
    assert "made in memory" not in text


def test_curve_through_points_does_not_zigzag():
    """Scattered points around a falling line get a curve that falls all the way."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 30, 60)
    curve = smooth(x, 35 - 0.5 * x + rng.normal(0, 2.5, 60), np.linspace(2, 29, 25))

    assert (np.diff(curve) < 0.05).all()


def test_shards_and_their_source_give_one_report(folder, tmp_path):
    """What is measured and suspected does not depend on whether pairs come from folders or from shards."""
    source = open_source(f"pairs:{folder}")
    build(source, tmp_path / "shards")
    plain = write_report(source, tmp_path / "a.html")
    packed = write_report(open_input(str(tmp_path / "shards")), tmp_path / "b.html")

    assert packed.findings == plain.findings
    assert repr(packed.survey.facts) == repr(plain.survey.facts)  # NaN is not equal to itself


def test_leak_shows_both_pictures(folder, tmp_path):
    """A leak is a matter of two pairs: the sharp half of each is there to compare."""
    (folder / "test" / "sharp" / "4.png").write_bytes((folder / "train" / "sharp" / "0.png").read_bytes())
    text = write_report(open_source(f"pairs:{folder}"), tmp_path / "r.html").page.read_text()

    assert "<span>sharp, train/0</span>" in text
    assert "<span>sharp, test/4</span>" in text


def test_one_pair_is_one_pair(tmp_path):
    """The smallest set reads as people write, and no axis counts half pairs."""
    write_png(tmp_path / "set" / "sharp" / "a.png", scene(0))
    write_png(tmp_path / "set" / "blurry" / "a.png", cv2.GaussianBlur(scene(0), (0, 0), 1.5))
    text = write_report(open_source(f"pairs:{tmp_path / 'set'}"), tmp_path / "r.html").page.read_text()

    assert "1 blurry/sharp pair" in text
    assert not re.findall(r"(?<!of )\b1 (?:\S+ )?pairs", text)
    assert ">0.5<" not in str(histogram([("lengths", [12.0], "a")], x_label="px", what="length of one"))


def test_same_scene_name_in_two_splits_is_two_scenes(tmp_path):
    """Sets that number the scenes of each split from 0 have as many scenes as their sources count."""
    for split in ("train", "test"):
        for half, picture in (("sharp", scene(1)), ("blurry", cv2.GaussianBlur(scene(1), (0, 0), 1.5))):
            write_png(tmp_path / "set" / split / half / "000" / "a.png", picture)
    source = open_source(f"pairs:{tmp_path / 'set'}")
    text = write_report(source, tmp_path / "r.html").page.read_text()

    assert source.summary()["scenes"] == 2
    assert "2 scenes" in text
    assert "train/000" in text


class Unread(PairSource):
    """A source that must not be measured."""

    keys, recipe = ("a",), {"kind": "example"}

    def fingerprint(self):
        """Of nothing."""
        return "example"

    def __getitem__(self, i):
        raise AssertionError


def test_folder_that_cannot_be_written_is_told_before_the_survey(tmp_path):
    """Minutes of measuring are not lost to a wrong path."""
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="a part of the path is a file"):
        write_report(Unread(), tmp_path / "r.html", findings=tmp_path / "file" / "findings.json")


def test_card_that_cannot_be_filled_is_told_before_the_survey(folder, tmp_path):
    """The same for a card with half of its marks."""
    (tmp_path / "README.md").write_text("<!-- blurdata report: end -->")
    said = CliRunner().invoke(
        build_app(), ["report", f"pairs:{folder}", "--out", str(tmp_path / "r.html"), "--card", str(tmp_path / "README.md")]
    )

    assert said.exit_code == 1
    assert not (tmp_path / "r.html").exists()


def test_card_of_a_sample_does_not_vouch_for_the_rest(folder, tmp_path):
    """What was not looked at is not called sound."""
    source = open_source(f"pairs:{folder}")
    write_card(source, write_report(source, tmp_path / "r.html", sample=2, seed=0), tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()

    assert "2 of 6 pairs (seed 0)" in text
    assert "No pair is suspect" not in text


def test_a_link_to_nothing_is_one_unreadable_pair(folder, tmp_path):
    """It counts as any other picture that cannot be read, and the page is written; what has to be stored is refused, and no folder made."""
    for half in ("blurry", "sharp"):
        (tmp_path / "set" / "train" / half / "9.png").symlink_to("nowhere.png")
    source = open_source(f"pairs:{tmp_path / 'set'}")

    report = write_report(source, tmp_path / "out.html")

    assert [finding.key for finding in report.findings if finding.kind == "unreadable"] == ["train/9"]
    with pytest.raises(SourceError, match="there is no such picture"):
        build(source, tmp_path / "shards")
    assert not (tmp_path / "shards").exists()
