"""Build the site of the documents: zensical.toml says how it looks, docs/ and the program's tables what is in it.

    pip install -e '.[docs]'
    python tools/site/make_site.py           # into site/; exit code 1 with any link that leads nowhere
    python -m http.server -d site        # to look at it

The pages of the repository are copied to a folder of their own, with links made for the site, the pages of the
reference (site_reference.py) beside them, and Zensical builds it there, strictly.
"""

from __future__ import annotations

import html.parser
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
PROJECT = (
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/RESULTS.md",
    "benchmarks/SERVICES.md",
)
LINK = re.compile(r"\[([^\[\]]*)\]\((?!https?:|mailto:|#)([^()#\s]+)(#[^()\s]*)?\)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


class Broken(Exception):
    """The site cannot be built as it should be; the text says why."""


# --- the pages of the repository ------------------------------------------------------------------------------------


class Stage:
    """The folder that Zensical builds from: ``pages`` are all of it, by path; ``made`` are no files of docs/."""

    def __init__(self, folder: Path, made: dict[str, str]) -> None:
        self.folder = folder
        self.made = made
        self.pages = dict(made)
        self.files: set[str] = set()

    def place(self, path: str) -> str:
        """Where a file of the repository is in the site."""
        if path.startswith("docs/"):
            return path.removeprefix("docs/")
        return f"project/{Path(path).name.lower()}" if path in PROJECT else f"files/{path}"

    def add(self, path: str) -> None:
        """A page of the repository."""
        text = (ROOT / path).read_text(encoding="utf-8")
        parts = FENCE.split(self._with_files(path, text))
        self.pages[self.place(path)] = "".join(
            _without_mermaid(part) if part.startswith("```") else self._linked(path, part) for part in parts
        )

    def _with_files(self, path: str, text: str) -> str:
        """A link that is a line by itself, to a YAML file beside the page, becomes what is in the file."""

        def shown(match: re.Match[str]) -> str:
            content = (ROOT / path).parent.joinpath(match[1]).read_text(encoding="utf-8")
            self.files.add(str(Path(path).parent / match[1]))
            return f'[{match[1]}]({match[1]}){{download="{match[1]}"}}\n\n```yaml\n{content.rstrip()}\n```'

        return re.sub(r"^\[[^\]]+\]\(([\w-]+\.ya?ml)\)$", shown, text, flags=re.MULTILINE)

    def _linked(self, path: str, text: str) -> str:
        """Links between files of the repository as links between pages of the site."""
        here = Path(self.place(path)).parent

        def there(match: re.Match[str]) -> str:
            text, link, place = match.groups()
            target = os.path.normpath(Path(path).parent / link)
            if not (ROOT / target).is_file():
                if target.removeprefix("docs/") not in self.made:
                    raise Broken(f"{path}: {link} is no file")
            elif not target.endswith(".md") or self.place(target).startswith("files/"):
                self.files.add(target)
            elif text == Path(link).name:  # a name of a file in the repository is a title here
                text = (ROOT / target).read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
            return f"[{text}]({os.path.relpath(self.place(target), here)}{place or ''})"

        return LINK.sub(there, text)

    def write(self) -> None:
        """All of it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name, text in self.pages.items():
            self._path(name).write_text(text, encoding="utf-8")
        for path in self.files:
            shutil.copyfile(ROOT / path, self._path(self.place(path)))

    def _path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _without_mermaid(fence: str) -> str:
    """A state diagram as a table: drawing it would need a script from somebody else's server."""
    if not fence.startswith("```mermaid"):
        return fence
    rows = re.findall(r"^ +(\S+) --> (\S+): (.*)$", fence, re.MULTILINE)
    return "\n".join(["| from | to | when |", "|---|---|---|", *(f"| {a} | {b} | {why} |" for a, b, why in rows)])


def staged(folder: Path) -> Stage:
    """Every page: those of docs/, a few of the project, those that are made."""
    import site_reference

    stage = Stage(folder, site_reference.pages())
    for path in sorted((ROOT / "docs").rglob("*.md")):
        stage.add(path.relative_to(ROOT).as_posix())
    for name in PROJECT:
        stage.add(name)
    return stage


# --- the menu -------------------------------------------------------------------------------------------------------


def menu(nav: list[Any], pages: dict[str, str]) -> list[Any]:
    """The menu of zensical.toml: ``folder/*`` is every page of that folder, ``*`` every page that is nowhere else."""
    named = {entry for entry in _entries(nav) if not entry.endswith("*")}
    missing = sorted(named - pages.keys())
    if missing:
        raise Broken(f"zensical.toml: no such page: {', '.join(missing)}")
    folders = [entry.removesuffix("*") for entry in _entries(nav) if entry.endswith("/*")]
    rest = [page for page in sorted(pages) if page not in named and not page.startswith(tuple(folders))]

    def expanded(entries: list[Any]) -> list[Any]:
        found: list[Any] = []
        for entry in entries:
            if isinstance(entry, dict):
                found += [{k: expanded(v) if isinstance(v, list) else v} for k, v in entry.items()]
            elif entry == "*":
                found += rest
            elif entry.endswith("/*"):
                found += _in_order(entry.removesuffix("*"), named, pages)
            else:
                found.append(entry)
        return [entry for entry in found if not (isinstance(entry, dict) and list(entry.values()) == [[]])]

    return expanded(nav)


def _in_order(folder: str, named: set[str], pages: dict[str, str]) -> list[str]:
    """The pages of a folder as its index lists them; then the others."""
    listed = [folder + name for name in re.findall(r"\]\(([\w-]+\.md)\)", pages.get(f"{folder}index.md", ""))]
    mine = [page for page in sorted(pages) if page.startswith(folder) and page not in named]
    return sorted(mine, key=lambda page: listed.index(page) if page in listed else len(listed))


def _entries(nav: list[Any]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        if isinstance(entry, dict):
            for value in entry.values():
                found += _entries(value) if isinstance(value, list) else [value]
        else:
            found.append(entry)
    return found


# --- building and checking ------------------------------------------------------------------------------------------


class _Links(html.parser.HTMLParser):
    """Where a page leads, what it loads, and which places it has."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if value and name == "href" and tag == "a":
                self.links.add(value)
            elif value and (name == "src" or (name == "href" and tag == "link")):
                self.loads.add(value)


def broken_links(site: Path) -> list[str]:
    """Links of the built pages that lead to no file or no place in it, and whatever a page loads from elsewhere."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = _Links()
        pages[path].feed(path.read_text(encoding="utf-8"))
    problems = []
    for path, page in pages.items():
        name = path.relative_to(site)
        problems += [f"{name} loads {url}" for url in sorted(page.loads) if urlsplit(url).netloc]
        for url in sorted(page.links | page.loads):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                problems.append(f"{name}: {url} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids | {"__skip"}:
                problems.append(f"{name}: {url}: no such place")
    return problems


def build(out: Path, work: Path) -> int:
    """Build it in the folder ``work``; the number of pages."""
    stage = staged(work / "pages")
    stage.write()
    shutil.copy(Path(__file__).with_name("site.css"), work / "pages")
    project = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    project |= {
        "extra_css": ["site.css"],
        "nav": menu(project["nav"], stage.pages),
        "docs_dir": "pages",
        "site_dir": "site",
    }
    (work / "mkdocs.yml").write_text(yaml.safe_dump(project, sort_keys=False, allow_unicode=True), encoding="utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", "mkdocs.yml"]
    env = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise Broken(answer.stdout + answer.stderr)
    for page in (work / "site").rglob("*.html"):  # roles of Sphinx in docstrings mean what the name after them says
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r":(?:func|class|meth|data|attr|mod):(?=<code>)", "", text), encoding="utf-8")
    if problems := broken_links(work / "site"):
        raise Broken("\n".join(problems))
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(work / "site", out)
    return len(stage.pages)


def main() -> int:
    """The exit code."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site"
    try:
        with tempfile.TemporaryDirectory(prefix="resim-site-") as work:
            pages = build(out.resolve(), Path(work).resolve())
    except Broken as problem:
        sys.stderr.write(f"the site is not built: {problem}\n")
        return 1
    sys.stdout.write(f"{pages} pages in {out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
