#!/usr/bin/env python3
"""Installs the build into a temporary folder, then configures, builds and runs a consumer that knows only that folder.

install_test.py BUILD_FOLDER SOURCE_FOLDER [further -D options of the consumer's cmake]
"""
import os
import pathlib
import subprocess
import sys
import tempfile


def run(*command, **options):
    print("+", *command, flush=True)
    return subprocess.run([str(word) for word in command], check=True, **options)


def main():
    build, source = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        prefix, consumer = pathlib.Path(folder, "prefix"), pathlib.Path(folder, "consumer")
        run("cmake", "--install", build, "--prefix", prefix, stdout=subprocess.DEVNULL)
        # The package has to work where it lies, not where it was installed to first.
        moved = prefix.rename(prefix.with_name("moved prefix"))
        environment = {key: value for key, value in os.environ.items() if key not in ("CPATH", "CPLUS_INCLUDE_PATH")}
        run("cmake", "-S", source / "tests/install/consumer", "-B", consumer, f"-DCMAKE_PREFIX_PATH={moved}",
            f"-DEXAMPLES={source / 'examples/cpp'}", *sys.argv[3:], env=environment)
        run("cmake", "--build", consumer, "-j", "2", env=environment)
        for program in ("eight_schools", "own_density", "from_c"):
            run(consumer / program)
        run(moved / "bin/vinci", "--version")
        headers = sorted(path.name for path in (moved / "include/vinci").iterdir())
        expected = sorted(path.name for path in (source / "include/vinci").glob("*.h"))
        assert headers == expected, (headers, expected)


if __name__ == "__main__":
    main()
