"""Checks the pages and the sources of the book: links, anchors, included code, figures and exercises.

Run by tests/book/run from the repository's root, when the pages are in target/book/html. Prints what is wrong, and exits with 1 if anything is.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path.cwd()
SOURCE = ROOT / "docs/book/src"
PAGES = ROOT / "target/book/html"
EXERCISES = ROOT / "docs/book/exercises"
# What mdBook makes of all chapters together: their links are checked where they stand.
GENERATED = {"print.html", "toc.html", "404.html", "index.html"}
# Chapters that end in an exercise; the appendix has none.
CHAPTER = re.compile(r"(0[1-9]|10)-")
INCLUDE = re.compile(r"\{\{#include ([^:}\s]+)(?::([^}\s]+))?\s*\}\}")
ANCHOR = re.compile(r"ANCHOR: ([\w-]+)")

wrong = []


class Page(HTMLParser):
    """The ids of a page, its links, and how many figures it has."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.figures, self.unnamed = set(), [], 0, 0
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.links += [attrs[name] for name in ("href", "src") if attrs.get(name)]
        self.figures += tag == "figure"

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)


def headings(path):
    """The anchors of a Markdown document in the repository."""
    lines = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S).splitlines()
    titles = [line.lstrip("#").strip() for line in lines if re.match(r"#+ ", line)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def check_repository(place, target, fragment):
    """A link into the repository, outside of the book."""
    if not target.exists() or not target.is_relative_to(ROOT) or target.is_relative_to(ROOT / "target"):
        hint = "; in a link to a document, write its dot as %2E" if target.suffix == ".html" else ""
        wrong.append(f"{place}: there is no {target}{hint}")
    elif fragment and target.suffix != ".md":
        wrong.append(f"{place}: {target.name}#{fragment}: line numbers do not last; show the code by an anchor")
    elif fragment and fragment not in headings(target):
        wrong.append(f"{place}: {target.name} has no heading #{fragment}")


def check_pages():
    pages = {path: Page(path) for path in PAGES.glob("*.html")}
    # The parts of each page that are not its chapter's lead to the same places as those of the others.
    for path, page in pages.items():
        if path.name in GENERATED:
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_relative_to(PAGES):
                check_repository(path.stem, target, parts.fragment)
            elif not target.exists():
                wrong.append(f"{path.stem}: there is no {link}")
            elif parts.fragment and target in pages and parts.fragment not in pages[target].ids:
                wrong.append(f"{path.stem}: there is no {link}")
        if CHAPTER.match(path.name):
            if page.figures == 0:
                wrong.append(f"{path.stem}: a chapter has a figure")
            folder = f"docs/book/exercises/{path.name[:3]}"
            if not any(folder in link for link in page.links):
                wrong.append(f"{path.stem}: a chapter ends in a link to its exercise, {folder}…")
    return pages


def check_sources():
    """What is included is there, and what is there to be included is."""
    included = set()
    for path in SOURCE.glob("*.md"):
        for file, anchor in INCLUDE.findall(path.read_text()):
            target = (SOURCE / file).resolve()
            text = target.read_text() if target.is_file() else ""
            included.add((target, anchor))
            if not text:
                wrong.append(f"{path.name}: there is no {file} to include")
            for mark in (f"ANCHOR: {anchor}", f"ANCHOR_END: {anchor}"):
                found = len(re.findall(rf"{mark}$", text, flags=re.M))
                if anchor and found != 1:
                    wrong.append(f"{path.name}: {file} has `{mark}` {found} times")
        if not path.name == "SUMMARY.md" and f"({path.name})" not in (SOURCE / "SUMMARY.md").read_text():
            wrong.append(f"{path.name} is not in SUMMARY.md")
    code = [*ROOT.glob("src/**/*.rs"), *ROOT.glob("crates/**/*.rs"), *ROOT.glob("tests/**/*.rs"), *ROOT.glob("benches/**/*.rs")]
    code += [path for path in ROOT.glob("docs/book/*/**/*.rs") if "target" not in path.parts]
    for path in code:
        for anchor in ANCHOR.findall(path.read_text()):
            if (path, anchor) not in included:
                wrong.append(f"{path.relative_to(ROOT)}: no chapter includes the anchor {anchor}")
    for path in (SOURCE / "figures").glob("*.svg"):
        text = path.read_text()
        if (path, "") not in included:
            wrong.append(f"{path.name}: no chapter shows this figure")
        if not re.search(r'<svg[^>]* role="img"[^>]* aria-label="[^"]', text):
            wrong.append(f'{path.name}: a figure has role="img" and an aria-label')
        if re.search(r"\n\s*\n", text.strip()):
            wrong.append(f"{path.name}: a blank line would end the figure in its chapter")


def check_exercises():
    for path in EXERCISES.glob("[0-9][0-9]-*"):
        for part in ("README.md", "src/lib.rs", "solution/lib.rs"):
            if not (path / part).is_file():
                wrong.append(f"{path.name}: an exercise has a {part}")
        if not list(path.glob("tests/*.rs")):
            wrong.append(f"{path.name}: an exercise has a test")
        for document in path.glob("*.md"):
            for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
                parts = urlsplit(link)
                if not parts.scheme and parts.path:
                    check_repository(f"{path.name}/{document.name}", (path / unquote(parts.path)).resolve(), parts.fragment)


pages = check_pages()
check_sources()
check_exercises()
print("\n".join(wrong) or f"{len(pages)} pages: nothing is wrong")
sys.exit(bool(wrong))
