"""The page in a real headless browser: no error, a slider that works, text that can be read."""

import cv2
import numpy as np
import pytest

from blurdata.files import write_png
from blurdata.report import write_report
from blurdata.sources import open_source

pytestmark = pytest.mark.browser

# every visible piece of text: its size on screen, and its contrast with what lies behind it
_TEXTS = """
(() => {
  const light = (c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const luma = (c) => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (node) => { for (; node; node = node.parentElement) { const c = parse(getComputedStyle(node).backgroundColor);
    if (c.length < 4 || c[3] > 0.5) return c; } return [255, 255, 255]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement, text = node.textContent.trim();
    if (!text || ["SCRIPT", "STYLE", "TITLE", "title"].includes(parent.tagName)) continue;
    const box = parent.getBoundingClientRect(), style = getComputedStyle(parent);
    if (box.width === 0 || box.height === 0 || box.right < 0 || style.visibility === "hidden") continue;
    const svg = parent.closest("svg"), scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    const ink = parse(svg ? style.fill : style.color), paper = behind(parent);
    const a = luma(ink), b = luma(paper);
    found.push([text.slice(0, 40), parseFloat(style.fontSize) * scale, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
})()
"""


# texts of one chart that lie over each other (lines may touch by the room above and below their letters), or beyond the chart's edge
_CLASHES = """
[...document.querySelectorAll("svg.chart")].flatMap((chart) => {
  const edge = chart.getBoundingClientRect();
  const boxes = [...chart.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  const common = (a, b, low, high) => Math.min(a[high], b[high]) - Math.max(a[low], b[low]);
  const over = (a, b) => common(a, b, "left", "right") > 1 && common(a, b, "top", "bottom") > 5;
  const beyond = boxes.filter(([, box]) => box.left < edge.left - 1 || box.right > edge.right + 1);
  const clashes = boxes.flatMap(([name, box], i) => boxes.slice(i + 1).filter(([, other]) => over(box, other)).map((o) => [name, o[0]]));
  return [...beyond.map(([name]) => [name, "the edge"]), ...clashes];
})
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report on eight pairs, two of them shifted."""
    root = tmp_path_factory.mktemp("set")
    rng = np.random.default_rng(0)
    for i in range(8):
        sharp = np.full((160, 240, 3), 120, np.uint8)
        for _ in range(90):
            x, y, w, h = (int(v) for v in rng.integers(3, 200, 4))
            cv2.rectangle(sharp, (x, y), (x + w // 5, y + h // 5), [int(v) for v in rng.integers(10, 235, 3)], -1)
        blurry = cv2.GaussianBlur(sharp, (0, 0), 1 + i / 4)
        write_png(root / "sharp" / "a_rather_long_name_of_a_scene" / f"{i}.png", sharp)
        write_png(root / "blurry" / "a_rather_long_name_of_a_scene" / f"{i}.png", np.roll(blurry, 3, axis=0) if i in (2, 5) else blurry)
    scores = {"untouched input": {"PSNR, dB": 24.3, "SSIM": 0.8}, "restored": {"PSNR, dB": 26.1, "SSIM": 0.86}}
    return write_report(
        open_source(f"pairs:{root}"), root / "report.html", scores=scores, restored=lambda pair: pair.sharp, notes=["A test."]
    ).page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_page_can_be_read(browser, page, width, scheme):
    """At 360 and 1440 px, light and dark: nothing runs over the edge, no text below 11 px or with less than 4.5 to 1 of contrast."""
    browser.look(width, scheme=scheme)
    browser.open(page)
    browser.run("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    texts = browser.run(_TEXTS)

    assert browser.run("document.documentElement.scrollWidth") <= width
    assert len(texts) > 100
    assert [text for text in texts if text[1] < 11] == []
    assert [text for text in texts if text[2] < 4.5] == []


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("width", [360, 1440])
def test_charts_of_few_pairs_and_tall_pictures(browser, tmp_path, width, count):
    """No text of a chart lies on another or is cut off, and a tall picture does not fill screen after screen."""
    rng = np.random.default_rng(0)
    for i in range(count):
        sharp = cv2.resize(rng.integers(0, 255, (100, 12, 3), np.uint8), (96, 800), interpolation=cv2.INTER_CUBIC)
        write_png(tmp_path / "sharp" / f"{i}.png", sharp)
        write_png(tmp_path / "blurry" / f"{i}.png", cv2.GaussianBlur(sharp, (0, 0), 2 + i))
    browser.look(width)
    browser.open(write_report(open_source(f"pairs:{tmp_path}"), tmp_path / "report.html").page)

    assert browser.run(_CLASHES) == []
    assert browser.run("Math.max(...[...document.querySelectorAll('.stage')].map(stage => stage.getBoundingClientRect().height))") < 1300


def test_charts_have_room_for_their_texts(browser, page):
    """The same for a set of more pairs."""
    for width in (360, 1440):
        browser.look(width)
        browser.open(page)
        assert browser.run(_CLASHES) == []


def test_no_complaint_and_no_request(browser, page):
    """The console stays empty and nothing but the file itself is asked for."""
    browser.look(1440)
    browser.open(page)
    browser.run("window.scrollTo(0, document.body.scrollHeight)")

    assert browser.complaints() == []
    assert browser.requests() == [page.resolve().as_uri()]
    assert browser.run("[...document.images].every(image => image.naturalWidth > 0 && image.alt !== '')")


def test_slider_answers_keys_and_mouse(browser, page):
    """Arrow keys move the edge between blurry and sharp, and so does dragging on the picture."""
    browser.look(1440)
    browser.open(page)
    edge = "getComputedStyle(document.querySelector('.wipe .over')).clipPath"
    before = browser.run(edge)
    browser.run("document.querySelector('.wipe input').focus()")
    for _ in range(20):
        browser.press("ArrowRight")
    after_keys = browser.run("Number(document.querySelector('.wipe input').value)"), browser.run(edge)
    browser.run("document.querySelector('.wipe').scrollIntoView({behavior: 'instant'})")
    x, y, w, h = browser.run("(b => [b.x, b.y, b.width, b.height])(document.querySelector('.wipe .stage').getBoundingClientRect())")
    browser.drag((x + 0.5 * w, y + h / 2), (x + 0.1 * w, y + h / 2))

    assert after_keys[0] > 50
    assert after_keys[1] != before
    assert browser.run("Number(document.querySelector('.wipe input').value)") == pytest.approx(10, abs=1)


def test_keyboard_reaches_slider_and_groups(browser, page):
    """Tab alone leads to the slider, the filter and the groups of suspects."""
    browser.look(1440)
    browser.open(page)
    reached = set()
    for _ in range(60):
        browser.press("Tab")
        reached.add(browser.run("(e => e.type === 'range' ? 'slider' : e.id === 'filter' ? 'filter' : e.tagName)(document.activeElement)"))

    assert {"slider", "filter", "SUMMARY", "A"} <= reached


def test_filter_and_verdicts(browser, page):
    """The filter hides what does not match; ticked suspects become lines for the ignore file."""
    browser.look(1440)
    browser.open(page)
    shown = "[...document.querySelectorAll('.suspect')].filter(s => !s.hidden).length"
    every = browser.run(shown)
    browser.run("(f => { f.value = 'scene/2'; f.dispatchEvent(new Event('input')); })(document.querySelector('#filter'))")
    few = browser.run(shown)
    browser.run("document.querySelector('.suspect:not([hidden]) input').click()")

    assert every >= 2
    assert 0 < few < every
    assert browser.run("document.querySelector('#ignored').textContent") == "misaligned a_rather_long_name_of_a_scene/2"
    assert browser.run("document.querySelector('#ignore-box').hidden") is False
