"""Every shared part in a real browser: nothing is blocked or runs off the page, both themes can be read."""

import pytest
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.site.urls"),
]
# The contrast of every visible text against what is painted behind it (WCAG 2.1, 1.4.3).
LOW_CONTRAST = """() => {
  const dot = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    dot.clearRect(0, 0, 1, 1);
    dot.fillStyle = colour;
    dot.fillRect(0, 0, 1, 1);
    return [...dot.getImageData(0, 0, 1, 1).data];
  };
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 200) return colour;
    }
    return [255, 255, 255];
  };
  const writes = (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim();
  return [...document.querySelectorAll("body *:not(script)")]
    .filter((element) => [...element.childNodes].some(writes) && element.checkVisibility())
    .filter((element) => !element.closest("svg, :disabled"))
    .map((element) => {
      const [a, b] = [rgba(getComputedStyle(element).color), behind(element)].map(luminance);
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.outerHTML.slice(0, 120)];
    })
    .filter(([contrast]) => contrast < 4.5);
}"""


@pytest.fixture
def open_guide(chromium, live_server):
    """Open the style guide and keep what the console said against it."""
    contexts = []

    def open_(width: int = 1440, scheme: str = "light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda line: page.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{live_server.url}/styleguide/")
        expect(page.locator("[data-figure] .main-svg").nth(3)).to_be_attached()
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nothing_is_blocked_and_nothing_runs_off_the_page(open_guide, width, scheme):
    page = open_guide(width, scheme)
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(open_guide, scheme):
    assert open_guide(scheme=scheme).evaluate(LOW_CONTRAST) == []


def test_the_theme_is_switched_kept_and_taken_on_by_figures(open_guide):
    page = open_guide()
    ink = "getComputedStyle(document.querySelector('[data-figure] .xtick text')).fill"
    light = page.evaluate(ink)
    page.get_by_role("button", name="Switch to the dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.wait_for_function(f"{ink} !== '{light}'")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_keyboard_reaches_the_content_first(open_guide):
    page = open_guide()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_code_is_copied_and_the_reader_told(open_guide):
    page = open_guide()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("gdlin = 0")
