#!/usr/bin/env python3
"""Holds the includes between the folders of src/ to the table of ARCHITECTURE.md.

Each row of the table reads `| folder | what it makes | may use |`; "may use" is transitive, and `base` and `source` are
open to all. Exits 1 with a line for each include that the table does not allow.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPEN_TO_ALL = {"base", "source"}


def allowed_arrows():
    rows = {}
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        match = re.match(r"\| `(\w+)/` \|.*\|([^|]*)\|$", line)
        if match:
            rows[match[1]] = set(re.findall(r"\w+", match[2]))
    closed = {}

    def close(folder):
        if folder not in closed:
            closed[folder] = set(rows[folder])
            for used in rows[folder]:
                closed[folder] |= close(used)
        return closed[folder]

    for folder in rows:
        close(folder)
    return closed


def main():
    arrows = allowed_arrows()
    folders = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
    errors = [f"src/{folder} has no row in ARCHITECTURE.md" for folder in sorted(folders - set(arrows))]
    files = 0
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".h", ".cc", ".def"):
            continue
        files += 1
        folder = path.relative_to(ROOT / "src").parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#include "([a-z]+)/', line)
            if not match or match[1] not in folders or folder not in arrows:
                continue
            if match[1] != folder and match[1] not in arrows[folder] | OPEN_TO_ALL:
                errors.append(f"{path.relative_to(ROOT)}:{number}: {folder}/ may not use {match[1]}/")
    print(*errors, sep="\n")
    print(f"{files} files, {len(errors)} forbidden arrows")
    return 1 if errors or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
