#!/usr/bin/env python3
"""Bits-back coding with autoencoders: trains each model with `vinci deep`, compresses the test images with `vinci compress`,
restores them, and puts the rates beside the published ones [Townsend, Bird, Barber 2019, table 2] and general compressors.

    experiments/bits_back.py [--only binarised-mnist,mnist]

Training goes on where it was stopped; models and files are kept in --work. A test image that does not
come back byte for byte ends the run. Results are kept in experiments/results/bits_back.json and printed as a table. Bits are per
pixel: `net` without model and clean bits, `file` with everything but the model.
"""
import argparse
import bz2
import gzip
import json
import lzma
import pathlib
import shutil
import struct
import subprocess
import sys
import time
import zlib

import results

ROOT = pathlib.Path(__file__).resolve().parents[1]
BERNOULLI = ["--latent", "50", "--hidden", "200,200", "--likelihood", "bernoulli"]
GREY = ["--latent", "50", "--hidden", "200,200", "--likelihood", "beta-binomial"]
RATE = ["--learning-rate", "2e-3", "--schedule", "cosine", "--batch", "100"]
# name: kind, training data, test file, options of training, epochs, options of compress, published rate
SETS = {
    "binarised-mnist": ("vae", "mnist", "mnist/binarized_mnist_test-images-idx3-ubyte.gz", BERNOULLI + RATE, 100, [], 0.19),
    "mnist": ("vae", "mnist", "mnist/t10k-images-idx3-ubyte.gz", GREY + RATE, 20, [], 1.41),
    "fashion": ("vae", "fashion_mnist", "fashion_mnist/t10k-images-idx3-ubyte.gz", GREY + RATE, 20, [], None),
    "omniglot-threshold": ("vae", "omniglot/omniglot28_background-images-idx3-ubyte.gz",
                           "omniglot/omniglot28_evaluation-images-idx3-ubyte.gz",
                           BERNOULLI + RATE + ["--binarise", "threshold"], 100, ["--binarise", "threshold"], None),
}


def run(*command):
    start = time.time()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout, time.time() - start


def png_size(pixels, width, binary):
    """Bytes of the images as PNG files, without the frame of a file: filter by row, whichever is smallest, then deflate."""
    total = 0
    height = len(pixels[0]) // width
    for image in pixels:
        rows = [image[r * width:(r + 1) * width] for r in range(height)]
        if binary:
            packed = b"".join(b"\0" + bytes(int("".join(str(b) for b in row[i:i + 8]).ljust(8, "0"), 2) for i in range(0, width, 8))
                              for row in rows)
            total += len(zlib.compress(packed, 9)) + 57
            continue
        lines = bytearray()
        above = bytes(width)
        for row in rows:
            left = bytes([0]) + row[:-1]
            corner = bytes([0]) + above[:-1]
            paeth = bytes((min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2])
                          for a, b, c in zip(left, above, corner))
            choices = [bytes((x - p) & 255 for x, p in zip(row, guess))
                       for guess in (bytes(width), left, above, bytes((a + b) // 2 for a, b in zip(left, above)), paeth)]
            costs = [sum(min(v, 256 - v) for v in choice) for choice in choices]
            best = costs.index(min(costs))
            lines += bytes([best]) + choices[best]
            above = row
        total += len(zlib.compress(bytes(lines), 9)) + 57
    return total


def general(pixels, rows, columns):
    binary = max(pixels) <= 1
    data = pixels
    if binary:
        bits = "".join(map(str, pixels))
        data = int(bits, 2).to_bytes((len(bits) + 7) // 8, "big")
    sizes = {"gzip": len(gzip.compress(data, 9)), "bzip2": len(bz2.compress(data, 9)),
             "xz": len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))}
    if shutil.which("zstd"):
        sizes["zstd"] = len(subprocess.run(["zstd", "-19", "-c"], input=data, capture_output=True, check=True).stdout)
    images = [pixels[at:at + rows * columns] for at in range(0, len(pixels), rows * columns)]
    sizes["png"] = png_size(images, columns, binary)
    return {name: 8 * size / len(pixels) for name, size in sizes.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vinci", default=ROOT / "build/release/vinci", type=pathlib.Path)
    parser.add_argument("--data", default=ROOT.parent / "shared/data", type=pathlib.Path)
    parser.add_argument("--only", default="", help="names of rows, such as mnist,fashion; all where empty")
    parser.add_argument("--epochs", type=int, default=0, help="in place of each row's own")
    parser.add_argument("--particles", type=int, default=10, help="of Monte Carlo bits-back")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", default=ROOT / "build/experiments/bits_back", type=pathlib.Path)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data} is not there: give --data FOLDER")
    arguments.work.mkdir(parents=True, exist_ok=True)
    table = results.load("bits_back")
    for name in filter(None, arguments.only.split(",")) if arguments.only else SETS:
        kind, train, test, options, epochs, coding, published = SETS[name]
        epochs = arguments.epochs or epochs
        model = arguments.work / f"{name}.vinci"
        seconds = 0.0
        if not model.exists():
            resume = ["--resume"] if pathlib.Path(f"{model}.checkpoint").exists() else []
            start = time.time()
            subprocess.run([str(arguments.vinci), "deep", "train", kind, "--data", str(arguments.data / train), "-o", str(model),
                            *options, "--epochs", str(epochs), "--threads", str(arguments.threads), *resume], check=True)
            seconds = time.time() - start
        row = {"model": kind, "settings": " ".join(options), "epochs": epochs, "published": published,
               "train_seconds": round(seconds) or table.get(name, {}).get("train_seconds")}
        coded, back = arguments.work / f"{name}.vbb", arguments.work / f"{name}.idx"
        original = gzip.open(arguments.data / test).read()
        count, height, width = struct.unpack(">III", original[4:16])
        pixels = original[16:]
        if coding:
            pixels = bytes(int(2 * pixel > 255) for pixel in pixels)
        for scheme in (["bits-back"], ["monte-carlo", "--particles", arguments.particles]):
            out, encode = run(arguments.vinci, "compress", arguments.data / test, "-m", model, "-o", coded, "--json", "--scheme",
                              *scheme, "--threads", arguments.threads, *coding)
            report = json.loads(out)
            _, decode = run(arguments.vinci, "decompress", coded, "-m", model, "-o", back, "--threads", arguments.threads)
            if back.read_bytes() != original[:16] + pixels:
                sys.exit(f"{name}: what came back is not what was compressed")
            values = report["values"]
            row[scheme[0]] = {"bound": report["negative_elbo_bits"] / values, "net": report["net_bits"] / values,
                              "file": 8 * report["file_bytes"] / values, "encode_images_per_second": count / encode,
                              "decode_images_per_second": count / decode}
        row["general"] = general(pixels, height, width)
        table[name] = row
        results.keep("bits_back", table)
    print(f"{'':20}{'published':>10}{'-ELBO':>9}{'net':>9}{'file':>9}{'overhead':>10}{'MC net':>9}   enc/s  dec/s"
          + "".join(f"{c:>8}" for c in ("gzip", "bzip2", "xz", "zstd", "png")))
    for name, row in table.items():
        plain, several = row["bits-back"], row["monte-carlo"]
        print(f"{name:20}{row['published'] or '':>10}{plain['bound']:9.4f}{plain['net']:9.4f}{plain['file']:9.4f}"
              f"{100 * (plain['net'] / plain['bound'] - 1):8.2f} %{several['net']:9.4f}{plain['encode_images_per_second']:8.0f}"
              f"{plain['decode_images_per_second']:7.0f}"
              + "".join(f"{row['general'].get(c, float('nan')):8.3f}" for c in ("gzip", "bzip2", "xz", "zstd", "png")))


if __name__ == "__main__":
    main()
