"""The guides are pages, and their links lead somewhere."""

import re

import pytest

from config.guide import FOLDER, GUIDES


@pytest.mark.django_db
@pytest.mark.parametrize("name", GUIDES)
def test_every_guide_is_a_page_whose_links_work(client, name):
    page = client.get(f"/guide/{name}/")
    assert page.status_code == 200
    html = page.content.decode()
    assert GUIDES[name] in html and (FOLDER / f"{name}.md").read_text().startswith("# ")
    for link in re.findall(r'href="(/guide/[^"#]*)', html):
        assert client.get(link).status_code == 200, link


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["architecture", "..", "settings", "README"])
def test_no_other_file_is_served(client, name):
    assert client.get(f"/guide/{name}/").status_code == 404
