#!/usr/bin/env python3
"""Rates of `vinci compress` on real images and a table, beside general compressors on the same bytes.

compression.py --vinci PROGRAM [--data FOLDER] [--components K] [--learn-rows N] [NAME...]

A mixture is learned from the training images and stored apart; test images are compressed with it, restored and compared
byte for byte: a difference ends the run. `bits` are per pixel or value: `vinci` with everything that the decoder needs but
the model file, `-ELBO` the bound, `one file` learned from and stored with the test images themselves. The general
compressors get the test images as bytes (idx without gzip), `packed` eight binary pixels to a byte.
"""
import argparse
import bz2
import gzip
import json
import lzma
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
# name: training file, test file, options
SETS = {
    "binarised-mnist": ("mnist/binarized_mnist_train-images-idx3-ubyte.gz", "mnist/binarized_mnist_test-images-idx3-ubyte.gz", []),
    "mnist": ("mnist/train-images-idx3-ubyte.gz", "mnist/t10k-images-idx3-ubyte.gz", []),
    "mnist-threshold": ("mnist/train-images-idx3-ubyte.gz", "mnist/t10k-images-idx3-ubyte.gz", ["--binarise", "threshold"]),
    "fashion": ("fashion_mnist/train-images-idx3-ubyte.gz", "fashion_mnist/t10k-images-idx3-ubyte.gz", []),
    "omniglot-threshold": ("omniglot/omniglot28_background-images-idx3-ubyte.gz",
                           "omniglot/omniglot28_evaluation-images-idx3-ubyte.gz", ["--binarise", "threshold"]),
}


def run(*command):
    start = time.time()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout, time.time() - start


def zstd(data):
    if shutil.which("zstd") is None:
        return None
    return subprocess.run(["zstd", "-19", "-c"], input=data, capture_output=True, check=True).stdout


GENERAL = {
    "gzip": lambda data: gzip.compress(data, 9),
    "bzip2": lambda data: bz2.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
    "zstd": zstd,
}


def packed(pixels):
    out = bytearray()
    for at in range(0, len(pixels), 8):
        byte = 0
        for pixel in pixels[at:at + 8]:
            byte = byte << 1 | (pixel != 0)
        out.append(byte)
    return bytes(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vinci", default=ROOT / "build/release/vinci")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--components", type=int, default=64)
    parser.add_argument("--learn-rows", type=int, default=20000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    print(f"mixture:{arguments.components}, {arguments.steps} steps on {arguments.learn_rows} training images")
    print(f"{'':20}  -ELBO   vinci  overhead  one file  " + "".join(f"{name:>8}" for name in GENERAL) + "   learn s  code s  decode s")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model, coded, back = folder / "m.vbm", folder / "t.vbb", folder / "t.idx"
        for name in arguments.names or SETS:
            train, test, options = SETS[name]
            learn = ["--model", f"mixture:{arguments.components}", "--steps", arguments.steps, *options]
            _, learn_seconds = run(arguments.vinci, "compress", arguments.data / train, *learn, "--save-model", model,
                                   "--learn-rows", arguments.learn_rows)
            out, code_seconds = run(arguments.vinci, "compress", arguments.data / test, "-m", model, "-o", coded, "--json", *options)
            report = json.loads(out)
            _, decode_seconds = run(arguments.vinci, "decompress", coded, "-m", model, "-o", back)
            original = gzip.open(arguments.data / test).read()
            pixels = original[16:]
            if options:
                pixels = bytes(int(2 * pixel > 255) for pixel in pixels)
            if back.read_bytes() != original[:16] + pixels:
                sys.exit(f"{name}: what came back is not what was compressed")
            values = report["values"]
            out, _ = run(arguments.vinci, "compress", arguments.data / test, "-o", coded, "--json", "--learn-rows", 0,
                         "--steps", arguments.steps, "--model", "mixture:16", *options)
            own = json.loads(out)
            row = (f"{name:20} {report['negative_elbo_bits'] / values:6.4f}  {8 * report['file_bytes'] / values:6.4f}"
                   f"  {100 * (report['net_bits'] / report['negative_elbo_bits'] - 1):6.2f} %    {8 * own['file_bytes'] / values:6.4f}  ")
            for compressor in GENERAL.values():
                result = compressor(original[:16] + pixels)
                row += f"{8 * len(result) / values:8.4f}" if result else "       -"
            row += f"  {learn_seconds:8.1f}{code_seconds:8.1f}{decode_seconds:10.1f}"
            print(row, flush=True)
            if max(pixels) == 1:
                row = f"{'  packed':58}"
                for compressor in GENERAL.values():
                    result = compressor(packed(pixels))
                    row += f"{8 * len(result) / values:8.4f}" if result else "       -"
                print(row, flush=True)


if __name__ == "__main__":
    main()
