#!/usr/bin/env python3
"""Reproduces the one-layer MNIST rows of Burda, Grosse and Salakhutdinov (2015, table 1) on a shortened schedule, with the doubly
reparameterised gradient of Tucker et al. (2019) beside it.

    experiments/importance_weighted.py --vinci build/release/vinci-deep --data ../shared/data/mnist

Each row is trained with checkpoints and evaluated by L_k; a run that is stopped goes on where it was. Results are kept in
experiments/results/importance_weighted.json and printed as a table.
"""
import argparse
import json
import pathlib
import subprocess
import time

# Name, bound, k, published -log p(x) after 3,280 epochs of batches of 20.
ROWS = [
    ("VAE", "elbo", 1, 86.76),
    ("IWAE", "iwae", 5, 85.54),
    ("IWAE, doubly reparameterised", "iwae-dreg", 5, None),
    ("IWAE", "iwae", 50, 84.78),
    ("IWAE, doubly reparameterised", "iwae-dreg", 50, None),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vinci", default="build/release/vinci-deep", help="the program vinci-deep")
    parser.add_argument("--data", default="../shared/data/mnist", help="folder of MNIST")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--samples", type=int, default=5000, help="draws of z for log p(x)")
    parser.add_argument("--images", type=int, default=0, help="evaluate so many test images only; 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", default="", help="numbers of the rows to run, such as 1,2; all where empty")
    parser.add_argument("--work", default="build/experiments", help="folder of models and checkpoints")
    arguments = parser.parse_args()
    work = pathlib.Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)
    results = pathlib.Path(__file__).resolve().parent / "results"
    results.mkdir(exist_ok=True)
    chosen = [int(n) - 1 for n in arguments.rows.split(",") if n] or range(len(ROWS))
    for number in chosen:
        name, bound, k, published = ROWS[number]
        model = work / f"{bound}-{k}.vinci"
        started = time.time()
        if not model.exists():
            command = [arguments.vinci, "train", "vae", "--data", arguments.data, "-o", str(model), "--bound", bound,
                       "--samples", str(k), "--epochs", str(arguments.epochs), "--batch", str(arguments.batch),
                       "--schedule", "cosine", "--learning-rate", "2e-3", "--threads", str(arguments.threads)]
            if pathlib.Path(f"{model}.checkpoint").exists():
                command.append("--resume")
            subprocess.run(command, check=True)
        command = [arguments.vinci, "evaluate", str(model), "--data", arguments.data, "--samples", str(arguments.samples),
                   "--threads", str(arguments.threads), "--json"]
        if arguments.images:
            command += ["--limit", str(arguments.images)]
        evaluation = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        curve = (work / f"{bound}-{k}.curve.csv").read_text().splitlines()
        row = {"name": name, "bound": bound, "k": k, "published": published, "epochs": arguments.epochs,
               "batch": arguments.batch, "train_seconds": float(curve[-1].split(",")[2]), "train_bound": float(curve[-1].split(",")[3]),
               "run_seconds": time.time() - started, "evaluation": evaluation}
        # One file a row, so that rows can run at the same time.
        (results / f"importance_weighted-{number + 1}.json").write_text(json.dumps(row, indent=1) + "\n")
    print(f"{'':32}{'k':>4}{'published':>11}{'measured':>10}{'error':>7}{'ELBO':>9}{'active':>8}{'seconds':>9}")
    for path in sorted(results.glob("importance_weighted-*.json")):
        row = json.loads(path.read_text())
        e = row["evaluation"]
        published = f"{row['published']:.2f}" if row["published"] else ""
        print(f"{row['name']:32}{row['k']:4}{published:>11}{-e['log_p']:10.2f}{e['log_p_error']:7.2f}{-e['elbo']:9.2f}"
              f"{e['active']:8}{row['train_seconds']:9.0f}")


if __name__ == "__main__":
    main()
