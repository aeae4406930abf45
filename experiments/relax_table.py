#!/usr/bin/env python3
"""The row `MNIST, linear, one layer` of the table of Grathwohl et al. (2018), at an equal number of updates.

    experiments/relax_table.py [--vinci build/release/vinci-deep] [--data DIR] [--steps 20000] [--rate 1e-3] [NAME...]

200 Bernoulli units, batch 24, Adam with beta2 = 0.99999, fixed binarisation (Larochelle's; a folder with it alone). Published
after 2,000,000 updates, the highest mean of an epoch of the single-sample ELBO on the training images. A run that stops goes
on from its checkpoint; what is finished is in experiments/results/relax_table.json and is not run again.
"""
import argparse
import csv
import json
import os
import subprocess
import sys

import results

PUBLISHED = {"concrete": -111.3, "nvil": -112.5, "muprop": -111.7, "rebar": -111.6, "relax": -111.20, "disarm": None}
HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vinci", default="build/release/vinci-deep")
    parser.add_argument("--data", default="../shared/data/mnist",
                        help="folder of binarized_mnist_{train,test}-images-idx3-ubyte.gz")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--rate", default="1e-3")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--work", default=os.path.join(HERE, "runs"))
    parser.add_argument("names", nargs="*", default=[])
    arguments = parser.parse_args()

    def images(split):
        return os.path.join(arguments.data, f"binarized_mnist_{split}-images-idx3-ubyte.gz")

    os.makedirs(arguments.work, exist_ok=True)
    done = results.load("relax_table")
    for name in arguments.names or PUBLISHED:
        key = f"{name}, {arguments.steps} steps, rate {arguments.rate}, seed {arguments.seed}"
        if key in done:
            continue
        model = os.path.join(arguments.work, f"{name}-{arguments.steps}-{arguments.rate}-{arguments.seed}.vinci")
        command = [arguments.vinci, "train", "dvae", "--data", images("train"), "-o", model, "--estimator", name,
                   "--samples", "2" if name == "disarm" else "1", "--batch", "24", "--beta2", "0.99999",
                   "--learning-rate", arguments.rate, "--seed", arguments.seed, "--steps", str(arguments.steps),
                   "--threads", "1", "-q"]
        if name == "relax":
            command += ["--surrogate-hidden", "200,200,200,200"]
        if name in ("rebar", "relax"):
            command += ["--temperature", "0.5"]
        if os.path.exists(model + ".checkpoint"):
            command.append("--resume")
        if subprocess.run(command).returncode != 0:
            sys.exit(f"{name} stopped; the same command goes on")
        rows = list(csv.DictReader(open(model[:-len(".vinci")] + ".curve.csv")))
        evaluation = json.loads(subprocess.run(
            [arguments.vinci, "evaluate", model, "--data", images("test"), "--split", "all", "--samples", "100", "--json",
             "--threads", "1", "-q"], check=True, capture_output=True, text=True).stdout)
        done[key] = {"estimator": name, "steps": arguments.steps, "rate": arguments.rate, "seconds": float(rows[-1]["seconds"]),
                     "training_elbo": max(float(row["bound"]) for row in rows), "test_elbo": evaluation["elbo"],
                     "test_L_100": evaluation["log_p"], "published_after_2000000": PUBLISHED.get(name)}
        results.keep("relax_table", done)
        print(json.dumps(done[key]), flush=True)


if __name__ == "__main__":
    main()
