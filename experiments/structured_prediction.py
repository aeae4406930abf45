#!/usr/bin/env python3
"""The lower half of a digit from the upper one, as Maddison, Mnih and Teh (2017, table 2): 392-240-240-392, bounds L_m.

    experiments/structured_prediction.py [--vinci build/release/vinci-deep] [--data ../shared/data/mnist] [--minutes 4] [M...]

Two linear stochastic layers of 240 binary units, drawn from p itself; Larochelle's fixed binarisation; batches of 64. A row is
trained for so many minutes and judged by L_100 on the test images, whose draws are those of the discrete model. Published: after
1e7 updates. With M (1, 5, 50) these rows alone. A run that stops goes on from its checkpoint; what is finished is in
experiments/results/structured_prediction.json and is not run again.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time

import results

# m, estimator, bound and draws of it, published test -log p(lower | upper).
ROWS = [
    (1, "concrete", "iwae", 1, 58.5), (1, "nvil", "elbo", 1, None), (1, "disarm", "elbo", 2, None),
    (5, "concrete", "iwae", 5, 54.3), (5, "vimco", "iwae", 5, 54.5), (5, "disarm", "iwae", 5, None),
    (50, "concrete", "iwae", 50, 53.4), (50, "vimco", "iwae", 50, 51.8), (50, "disarm", "iwae", 50, None),
]
HERE = os.path.dirname(os.path.abspath(__file__))


def data_folder(data, work):
    """A folder with the binarised digits alone, under the names of a training and a test set."""
    folder = os.path.join(work, "binarised")
    os.makedirs(folder, exist_ok=True)
    for split, name in (("train", "train"), ("test", "t10k")):
        source = os.path.join(data, f"binarized_mnist_{split}-images-idx3-ubyte.gz")
        if not os.path.exists(source):
            return None
        target = os.path.join(folder, f"{name}-images-idx3-ubyte.gz")
        if not os.path.lexists(target):
            os.symlink(os.path.abspath(source), target)
    return folder


def train(command, seconds):
    """Runs until it ends or the time is over, when it keeps what it has; seconds and steps."""
    started = time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate()
    steps = re.search(r"numbers, ([\d ,]+) steps", text)
    if steps is None:
        sys.exit(f"training stopped (status {process.returncode}); the same command goes on")
    return time.time() - started, int(re.sub(r"\D", "", steps.group(1)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vinci", default="build/release/vinci-deep")
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--minutes", type=float, default=4, help="of training of a row")
    parser.add_argument("--rate", default="1e-3")
    parser.add_argument("--images", type=int, default=0, help="judge by so many test images only; 0: all")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--work", default=os.path.join(HERE, "runs"))
    parser.add_argument("m", nargs="*", type=int)
    arguments = parser.parse_args()
    folder = data_folder(arguments.data, arguments.work)
    if folder is None:
        print(f"skipped: {arguments.data} has no binarized_mnist files")
        return
    done = results.load("structured_prediction")
    for m, estimator, bound, draws, published in ROWS:
        key = f"{estimator}, m = {m}, {arguments.minutes:g} minutes, rate {arguments.rate}, seed {arguments.seed}"
        if key in done or (arguments.m and m not in arguments.m):
            continue
        model = os.path.join(arguments.work, f"sp-{estimator}-{m}-{arguments.minutes:g}-{arguments.rate}-{arguments.seed}.vinci")
        command = [arguments.vinci, "train", "structured", "--data", folder, "-o", model, "--estimator", estimator,
                   "--bound", bound, "--samples", str(draws), "--layers", "2", "--units", "240", "--batch", "64",
                   "--learning-rate", arguments.rate, "--seed", arguments.seed, "--steps", "10000000", "--threads", "1"]
        if os.path.exists(model + ".checkpoint"):
            command.append("--resume")
        seconds, steps = train(command, 60 * arguments.minutes)
        command = [arguments.vinci, "evaluate", model, "--data", folder, "--samples", "100", "--json", "--threads", "1", "-q"]
        if arguments.images:
            command += ["--limit", str(arguments.images)]
        e = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        done[key] = {"estimator": estimator, "m": m, "steps": steps, "seconds": round(seconds), "rate": arguments.rate,
                     "images": e["images"], "test_L_1": e["elbo"], "test_L_100": e["log_p"], "test_L_100_error": e["log_p_error"],
                     "published_after_10000000": published}
        results.keep("structured_prediction", done)
        print(json.dumps(done[key]), flush=True)


if __name__ == "__main__":
    main()
