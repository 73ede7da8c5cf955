# SPDX-License-Identifier: MIT
"""The list "Every file" in docs/architecture.md.

It is made from the files themselves: the first sentence of the comment that opens each of them. So
whoever reads the list reads what the file says, and a file without an opening comment is noticed.
"""
import pathlib
import re

import source

PAGE = "docs/architecture.md"
START = "<!-- files: python3 tests/tidy/tidy.py --write -->\n"
END = "<!-- end of files -->\n"
WORDS_MAX = 150


def opening(path):
    """The words of the opening comment, SPDX line and shebang left out."""
    text = source.text(path)
    if path.endswith(".py"):
        found = re.search(r'"""(.*?)"""', text, flags=re.S)
        return found.group(1) if found else ""
    if path.endswith((".c", ".h", ".hpp", ".cc", ".cpp")):
        found = re.findall(r"/\*(.*?)\*/", text, flags=re.S)
        kept = [re.sub(r"\s*SPDX[^\n]*", "", comment) for comment in found[:2]]
        kept = [comment for comment in kept if comment.strip(" *\n")]
        return re.sub(r"(?m)^\s*\*", "", kept[0]) if kept else ""
    lines = [line for line in text.split("\n") if not line.startswith(("#!", "# SPDX"))]
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line[1:])
    return "\n".join(comment)


def sentence(path):
    """Its first sentence, on one line."""
    first = opening(path).strip().split("\n\n")[0]
    first = " ".join(first.split())
    found = re.match(r"(.+?\.)(?= [A-Z(`\"]|$)", first)
    first = (found.group(1) if found else first).rstrip(".:")
    if len(first) > WORDS_MAX:
        first = first[:WORDS_MAX].rsplit(" ", 1)[0].rstrip(",;:") + " …"
    return first


def listed():
    return [path for path in source.files()
            if path.endswith((".c", ".h", ".hpp", ".cc", ".cpp", ".py", ".sh"))
            or path == ".ci/run"]


def rows():
    """folder -> [(name, sentence)]; a .h and its .c are one row, told by the header."""
    folders = {}
    paths = listed()
    for path in paths:
        at = pathlib.PurePosixPath(path)
        header = at.with_suffix(".h").as_posix()
        if at.suffix == ".c" and header in paths:
            continue
        name = at.name
        if at.suffix == ".h" and at.with_suffix(".c").as_posix() in paths:
            name = at.stem + ".{h,c}"
        folders.setdefault(at.parent.as_posix(), []).append((name, sentence(path)))
    return folders


def made():
    out = []
    for folder, entries in sorted(rows().items()):
        out.append(f"\n**{folder}/**\n\n")
        out += [f"- `{name}`: {words}\n" for name, words in entries]
    return "".join(out) + "\n"


def parts():
    page = source.text(PAGE)
    before, _, rest = page.partition(START)
    present, _, after = rest.partition(END)
    return before, present, after


def differences():
    for path in listed():
        if not sentence(path):
            yield f"{path}:1: opens with no comment that says what it is"
    present = set(parts()[1].split("\n"))
    wanted = set(made().split("\n"))
    for line in sorted((wanted - present) | (present - wanted)):
        sign = "missing" if line in wanted else "outdated"
        yield f"{PAGE}:1: {sign}: {line} (python3 tests/tidy/tidy.py --write)"


def write():
    before, _, after = parts()
    (source.TOP / PAGE).write_text(before + START + made() + END + after, encoding="utf-8")
