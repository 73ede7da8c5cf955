# SPDX-License-Identifier: MIT
"""What the checks look at: the repository's files, each read once, with small views on C source."""
import functools
import os
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {".git", "build"}


@functools.lru_cache(maxsize=None)
def files():
    """Every file of the tree, as paths relative to its top, sorted."""
    found = []
    for folder, folders, names in os.walk(TOP):
        folders[:] = [name for name in folders if name not in SKIPPED and name != "__pycache__"]
        found += [pathlib.Path(folder, name).relative_to(TOP).as_posix() for name in names]
    return sorted(found)


@functools.lru_cache(maxsize=None)
def text(path):
    return (TOP / path).read_text(encoding="utf-8")


def lines(path):
    """(number, line) pairs, from 1."""
    return enumerate(text(path).split("\n"), 1)


def c_files():
    return [path for path in files() if path.endswith((".c", ".h", ".hpp", ".cc", ".cpp"))]


def headers():
    return [path for path in files() if path.endswith((".h", ".hpp"))]


def code_files():
    """Everything that a person wrote to be run."""
    return [path for path in files()
            if path.endswith((".c", ".h", ".hpp", ".cc", ".cpp", ".py", ".sh", ".cmake"))
            or path == ".ci/run" or path.endswith("CMakeLists.txt")]


@functools.lru_cache(maxsize=None)
def bare_c(path):
    """C source with comments and string contents blanked out; lines and columns stay."""
    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]
        return re.sub(r"[^\n]", " ", found)
    pattern = r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    return re.sub(pattern, blank, text(path), flags=re.S)


def functions(path):
    """(first line, name, count of lines between the outer braces) of each function."""
    start, name, head = None, None, ""
    for number, line in enumerate(bare_c(path).split("\n"), 1):
        line = line.rstrip()
        if start is not None:
            if line.startswith("}"):
                yield start, name, number - start - 1
                start = None
        elif line.startswith(("}", "#")) or line.endswith((";", "\\")):
            head = ""
        else:
            head += line + " "
            if line.endswith("{"):
                found = re.match(r"[\w\s*]*?(\w+)\s*\([^=]*\)[^=]*\{ $", head)
                start, name = (number, found.group(1)) if found else (None, None)
                head = ""
