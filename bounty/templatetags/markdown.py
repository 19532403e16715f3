"""Markdown from people: no raw HTML, no images, headings under the page's own, cleaned once more by nh3."""

from collections.abc import Sequence

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

TAGS = {
    *("h3", "h4", "h5", "h6", "p", "br", "hr", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote"),
    *("code", "pre", "div", "table", "thead", "tbody", "tr", "th", "td"),
}
ALIGNED = {
    "text-align:left": "text-start",
    "text-align:center": "text-center",
    "text-align:right": "text-end",
}
CLASSES = {
    "div": {"table-box"},
    "table": {"table"},
    "th": set(ALIGNED.values()),
    "td": set(ALIGNED.values()),
}


def table_open(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return '<div class="table-box"><table class="table">'


def table_close(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table></div>"


def image(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """Only its words: an image from elsewhere would tell its host who reads the page."""
    return nh3.clean_text(tokens[index].content)


parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
for rule in (table_open, table_close, image):
    parser.add_render_rule(rule.__name__, rule)


def render_markdown(text: str) -> SafeString:
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        elif style := token.attrs.pop("style", ""):
            token.attrs["class"] = ALIGNED[str(style)]
    html = nh3.clean(
        parser.renderer.render(tokens, parser.options, {}),
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        allowed_classes=CLASSES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow ugc",
    )
    return mark_safe(html)  # noqa: S308 -- nh3 has cleaned it  # nosec
