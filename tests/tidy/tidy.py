# SPDX-License-Identifier: MIT
"""The rules of the house that a compiler does not know.

    python3 tests/tidy/tidy.py            every check
    python3 tests/tidy/tidy.py NAME…      these checks
    python3 tests/tidy/tidy.py --write    renew the list of files in docs/architecture.md

Each check is a function that yields what is wrong as "path:line: words". Exit 1 if any does.
"""
import concurrent.futures
import os
import re
import subprocess
import sys

import filelist
import source

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

BANNED = {  # call: what to use instead
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "snprintf or memcpy",
    "strcat": "snprintf", "gets": "fgets", "strtok": "strtok_r", "atoi": "strtoll with checks",
    "atol": "strtoll with checks", "atof": "strtod with checks", "rand": "common/rng.h",
    "srand": "common/rng.h", "system": "posix_spawn or fork and exec", "tmpnam": "mkdtemp",
    "alloca": "a buffer of fixed size",
}
SLEEPS = ("sleep", "usleep", "nanosleep", "clock_nanosleep")

# Folder: what its files may include, beside the system's headers and its own folder's.
MAY_INCLUDE = {
    "common/link": ("common/",),
    "common": ("common/", "wherry_base.h"),
    "broker/core": ("broker/core/", "common/"),
    "broker/store": ("broker/store/", "broker/core/", "common/"),
    "broker": ("broker/", "common/"),
    "worker": ("worker/", "common/", "wherry_"),
    # The session, because `wherry bench` drives many without the library's threads.
    "client/cli": ("client/cli/", "client/include/", "client/session.h", "common/", "wherry"),
    "client": ("client/", "worker/", "common/", "wherry"),
    "examples": ("examples/", "wherry"),
}
LINK_ONLY_BELOW = ("common/link/", "worker/", "client/", "tests/")


def check_lengths():
    for path in source.code_files():
        count = source.text(path).count("\n")
        if count > FILE_LINES_MAX:
            yield f"{path}:{count}: {count} lines; at most {FILE_LINES_MAX}: split it by noun"
        for number, line in source.lines(path):
            if len(line) > COLUMNS_MAX:
                yield f"{path}:{number}: {len(line)} columns; at most {COLUMNS_MAX}"


def check_functions():
    for path in source.c_files():
        for number, name, count in source.functions(path):
            if count > FUNCTION_LINES_MAX:
                yield f"{path}:{number}: {name} has {count} lines; at most {FUNCTION_LINES_MAX}"


def check_blanks():
    for path in source.code_files():
        if "\t" in source.text(path):
            yield f"{path}:1: a tab; indent with four spaces"
        for number, line in source.lines(path):
            if line != line.rstrip():
                yield f"{path}:{number}: blanks at the end of the line"
        if not source.text(path).endswith("\n"):
            yield f"{path}:1: no newline at the end"


def check_calls():
    for path in source.c_files():
        for number, line in enumerate(source.bare_c(path).split("\n"), 1):
            for name in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
                if name in BANNED:
                    yield f"{path}:{number}: {name}(): use {BANNED[name]}"
                if name in SLEEPS and path.startswith("tests/") and "/support/" not in path:
                    yield f"{path}:{number}: {name}(): wait for a condition (tests/support)"


def check_marks():
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    marks = re.compile(r"\b(" + "|".join(words) + r")\b")
    for path in source.code_files() + [path for path in source.files() if path.endswith(".md")]:
        for number, line in source.lines(path):
            if marks.search(line):
                yield f"{path}:{number}: a left-over mark: do it, or file an issue"


def check_paths():
    pattern = re.compile(r"(?<![\w.$}])/(?:work|root|farm|home/\w+)/|/tmp/build")
    for path in source.code_files() + [path for path in source.files()
                                       if path.endswith((".md", ".json", ".yaml"))]:
        if path == "tests/tidy/tidy.py":
            continue
        for number, line in source.lines(path):
            if pattern.search(line):
                yield f"{path}:{number}: a path of one machine"


def check_licence():
    for path in source.code_files():
        if "SPDX-License-Identifier: MIT" not in source.text(path)[:300] and \
                not path.endswith(".sh") and path != ".ci/run":
            yield f"{path}:1: no SPDX line at the top"


def folder_rule(path):
    for folder in sorted(MAY_INCLUDE, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return MAY_INCLUDE[folder]
    return None


def check_includes():
    for path in source.c_files():
        allowed = folder_rule(path)
        for number, line in source.lines(path):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found:
                continue
            name = found.group(1)
            if name.startswith("../"):
                yield f'{path}:{number}: "{name}": name it from the top folder'
            if allowed is not None and not name.startswith(allowed):
                yield f'{path}:{number}: "{name}" may not be included from here'
            if name.startswith("common/link/") and not path.startswith(LINK_ONLY_BELOW):
                yield f'{path}:{number}: "{name}": only clients and workers use the link'
            if name.endswith(".c"):
                yield f'{path}:{number}: "{name}": source is compiled, not included'


def compile_header(job):
    compiler, path, flags = job
    program = f'#include "{path}"\n#include "{path}"\n'
    command = [compiler, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", *flags,
               "-I", str(source.TOP), *(f"-I{source.TOP}/{part}/include"
                                        for part in ("common", "client", "worker")), "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=False)
    first = (done.stderr.strip().split("\n") or [""])[0]
    if done.returncode == 0:
        return None
    return f"{path}:1: does not compile alone ({compiler}): {first}"


def check_headers():
    """Each header compiles alone and twice; public ones as C++, too."""
    packages = subprocess.run(
        ["pkg-config", "--cflags", "libzmq", "libczmq", "libmicrohttpd", "jansson", "smartcols"],
        capture_output=True, text=True, check=False).stdout.split()
    jobs = [("gcc", path, ["-x", "c", "-std=gnu17", *packages]) for path in source.headers()]
    jobs += [("g++", path, ["-x", "c++", "-std=c++17", "-Wpedantic"]) for path in source.headers()
             if "/include/" in path]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(compile_header, jobs))


def check_files():
    yield from filelist.differences()


def check_readme():
    """The README shows examples/hello.c as it is."""
    readme = source.text("README.md")
    shown = [block for block in re.findall(r"```c\n(.*?)```", readme, flags=re.S)]
    hello = re.sub(r"\A/\* SPDX[^\n]*\n", "", source.text("examples/hello.c"))
    if not any(block.strip() == hello.strip() for block in shown):
        yield "README.md:1: no C block is identical to examples/hello.c (but for its SPDX line)"


def check_links():
    """Relative links in the documents lead somewhere."""
    for path in source.files():
        if not path.endswith(".md"):
            continue
        for number, line in source.lines(path):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not (source.TOP / path).parent.joinpath(target).exists():
                    yield f"{path}:{number}: the link to {target} leads nowhere"


def check_scripts():
    for path in source.files():
        if not (path.endswith(".sh") or path == ".ci/run"):
            continue
        if "set -euo pipefail" not in source.text(path):
            yield f"{path}:1: no 'set -euo pipefail'"
        done = subprocess.run(["bash", "-n", str(source.TOP / path)], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            yield f"{path}:1: {done.stderr.strip()}"


CHECKS = {name[len("check_"):]: value for name, value in list(globals().items())
          if name.startswith("check_")}


def main(arguments):
    if arguments == ["--write"]:
        filelist.write()
        return 0
    if arguments == ["--list"]:
        print("\n".join(CHECKS))
        return 0
    unknown = [name for name in arguments if name not in CHECKS]
    if unknown:
        print(f"tidy: no check named {unknown[0]}; there are: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    wrong = [found for name in arguments or CHECKS for found in CHECKS[name]()]
    print("\n".join(wrong) if wrong else "tidy")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
