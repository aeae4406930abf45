#!/usr/bin/env python3
"""Error rates of denoising: mean field, ICM, belief propagation and a 3x3 median filter.

    bench/denoising.py --vinci build/release/vinci [--images FOLDER] [--pictures FOLDER]

Two-level pictures: letter A, horse (both split at their mean grey), text and page (split at the mean of a neighbourhood, since
they are lit unevenly), with normal noise and with flipped pixels, made by `vinci denoise --add-noise` (seed 1). Every method is
told the noise; `learned` is mean field with noise and coupling unknown. Prints the table of docs/denoising.md; with --pictures
also writes the noisy, cleaned and traced images there.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import tempfile
import zlib

NOISES = [("gaussian:0.7", "86:169"), ("gaussian:1", "96:159"), ("gaussian:2", "109:146"), ("flip:0.1", "0:255"), ("flip:0.2", "0:255"),
          ("flip:0.3", "0:255")]
METHODS = [("mean field", ("--method", "meanfield")), ("ICM", ("--method", "icm")), ("propagation", ("--method", "tree"))]
COUPLINGS = (0.44, 0.7, 1.0)


def write_pgm(path, width, height, pixels):
    path.write_bytes(b"P5\n%d %d\n255\n" % (width, height) + bytes(pixels))


def read_png(path):
    """Width, height and grey bytes of an 8-bit grey PNG."""
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    packed, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += 12 + size
    raw, rows, above = zlib.decompress(packed), [], bytes(width)
    for r in range(height):
        kind, row = raw[r * (width + 1)], bytearray(raw[r * (width + 1) + 1:(r + 1) * (width + 1)])
        for i in range(width):
            left, up, corner = (row[i - 1] if i else 0), above[i], (above[i - 1] if i else 0)
            paeth = min((abs(left + up - corner - v), k, v) for k, v in enumerate((left, up, corner)))[2]
            row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
        rows.append(row)
        above = bytes(row)
    return width, height, b"".join(rows)


def split_locally(width, height, pixels, radius=12, below=12):
    """White where a pixel is not darker than the mean of its neighbourhood by more than `below`."""
    total = [[0] * (width + 1) for _ in range(height + 1)]
    for y in range(height):
        for x in range(width):
            total[y + 1][x + 1] = total[y][x + 1] + total[y + 1][x] - total[y][x] + pixels[y * width + x]
    out = bytearray()
    for y in range(height):
        for x in range(width):
            x0, x1, y0, y1 = max(0, x - radius), min(width, x + radius + 1), max(0, y - radius), min(height, y + radius + 1)
            mean = (total[y1][x1] - total[y0][x1] - total[y1][x0] + total[y0][x0]) / ((x1 - x0) * (y1 - y0))
            out.append(255 if pixels[y * width + x] > mean - below else 0)
    return bytes(out)


def median(width, height, pixels):
    """3x3 median; the border is repeated."""
    out = bytearray()
    for y in range(height):
        rows = [pixels[min(max(y + d, 0), height - 1) * width:][:width] for d in (-1, 0, 1)]
        for x in range(width):
            window = [row[min(max(x + d, 0), width - 1)] for row in rows for d in (-1, 0, 1)]
            out.append(sorted(window)[4])
    return bytes(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vinci", required=True)
    parser.add_argument("--images", default=pathlib.Path(__file__).resolve().parents[2] / "shared/data/images", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    options = parser.parse_args()
    folder = pathlib.Path(options.pictures or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)

    def vinci(*arguments):
        done = subprocess.run([options.vinci, "denoise", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr)
        return done.stdout

    clean = {}
    for name, file in (("letter A", "letterA.bmp"), ("horse", "horse.png")):
        # Flips of next to nothing leave the split picture.
        path = folder / f"{name.replace(' ', '_')}.png"
        vinci(options.images / file, "--add-noise", "flip:1e-12", "-o", path)
        clean[name] = path
    for name, file, below in (("text", "text.png", 20), ("page", "page.png", 16)):
        width, height, pixels = read_png(options.images / file)
        path = folder / f"{name}.pgm"
        write_pgm(path, width, height, split_locally(width, height, pixels, below=below))
        clean[name] = path

    print("| picture | noise | noisy | median | " + " | ".join(f"{m}, J = {COUPLINGS[0]} / {COUPLINGS[1]} / {COUPLINGS[2]}"
                                                              for m, _ in METHODS) + " | all learned (J) |")
    print("|---|---|---|---|" + "---|" * (len(METHODS) + 1))
    for name, truth in clean.items():
        for noise, range_ in NOISES:
            kind = noise.replace(":", "_")
            noisy = folder / f"{truth.stem}_{kind}.png"
            vinci(truth, "--add-noise", noise, "--range", range_, "-o", noisy)
            cells, noisy_rate = [], None
            for method, flags in METHODS:
                rates = []
                for coupling in COUPLINGS:
                    out = folder / f"{truth.stem}_{kind}_{flags[1]}_{coupling}.png"
                    record = json.loads(vinci(noisy, "--noise", noise, "--range", range_, "--coupling", coupling, *flags, "--damping",
                                              0.3 if flags[1] == "tree" else 0, "--truth", truth, "--json", "-o", out))
                    rates.append(f"{100 * record['error_rate']:.2f}" + ("" if record["converged"] else "*"))
                    noisy_rate = record["noisy_error_rate"]
                cells.append(" / ".join(rates))
            out = folder / f"{truth.stem}_{kind}_learned.png"
            learned = json.loads(vinci(noisy, "--coupling", "learn", "--truth", truth, "--json", "-o", out))
            width, height, pixels = read_png(noisy)
            middle = sum(map(int, range_.split(":"))) / 2
            smooth = [255 if v > middle else 0 for v in median(width, height, pixels)]
            if truth.suffix == ".pgm":
                right = truth.read_bytes().split(b"255\n", 1)[1]
            else:
                right = read_png(truth)[2]
            of_median = sum(a != b for a, b in zip(smooth, right)) / len(right)
            print(f"| {name} | {noise} | {100 * noisy_rate:.1f} | {100 * of_median:.2f} | " + " | ".join(cells) +
                  f" | {100 * learned['error_rate']:.2f} ({learned['coupling']:.2f}) |", flush=True)


if __name__ == "__main__":
    main()
