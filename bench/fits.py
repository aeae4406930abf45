#!/usr/bin/env python3
"""Accuracy and time of `vinci fit` on posteriors with references, beside Stan's own variational methods.

    bench/fits.py --vinci build/release/vinci [--all] [--seed N] [NAME...]

Errors as users of posteriordb report them: per parameter |mean - mean_ref| / sd_ref and log(sd / sd_ref), then the root
mean square over the parameters. A green verdict with an error above 0.3 is a lie and makes the exit status 1.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def rms(values):
    return math.sqrt(sum(v * v for v in values) / len(values)) if values else float("nan")


def errors(parameters, reference):
    """(mean error, log-sd error); None where names do not match."""
    means, sds = [], []
    for name, ref in reference.items():
        mine = parameters.get(name)
        if mine is None or mine["mean"] is None or not ref["sd"] > 0:
            return None
        means.append((mine["mean"] - ref["mean"]) / ref["sd"])
        sds.append(math.log(max(mine["sd"], 1e-300) / ref["sd"]))
    return rms(means), rms(sds)


def read_reference(folder):
    """Reference summaries by name, `theta[3]`; None where there are none."""
    path = folder / "reference.json"
    return json.loads(path.read_text())["parameters"] if path.exists() else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vinci", default=str(ROOT / "build/release/vinci"))
    parser.add_argument("--posteriors", default=str(ROOT.parent / "shared/posteriors"))
    parser.add_argument("--all", action="store_true", help="also posteriors without a reference")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--budget", default="60")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()

    print(f"{'posterior':<52}{'D':>5}{'ms':>8}{'evals':>9}{'k-hat':>7} {'verdict':<8}{'mean':>7}{'sd':>7}   "
          f"{'Stan ms: pathfinder':>19}{'full':>7}{'mean':>9}")
    good = accurate = lies = total = tight = 0
    for folder in sorted(pathlib.Path(args.posteriors).iterdir()):
        golden_path = folder / "golden.json"
        if not golden_path.exists() or (args.names and not any(n in folder.name for n in args.names)):
            continue
        reference = read_reference(folder)
        if reference is None and not args.all:
            continue
        golden = json.loads(golden_path.read_text())
        program = ROOT / "tests/posteriors/programs" / f"{golden['program']}.stan"
        with tempfile.TemporaryDirectory() as scratch:
            start = time.perf_counter()
            run = subprocess.run(
                [args.vinci, "fit", program, folder / "data.json", "--seed", args.seed, "--json", "--method", args.method,
                 "--budget", args.budget, "--output", f"{scratch}/draws.csv"], capture_output=True, text=True)
            seconds = time.perf_counter() - start
        if run.returncode not in (0, 3):
            print(f"{folder.name:<52} failed: {run.stderr.strip().splitlines()[:1]}")
            total += reference is not None
            continue
        record = json.loads(run.stdout)
        found = errors(record["parameters"], reference) if reference else None
        stan = []
        for method in ("pathfinder", "advi_fullrank", "advi_meanfield"):
            result = golden.get("stan_variational", {}).get(method) or {}
            stan.append(f"{1e3 * result['wall_s']:>9.0f}" if result.get("status") == "ok" else f"{'failed':>9}")
        khat = record["khat"] if record["khat"] is not None else float("nan")
        text = f"{found[0]:7.3f}{found[1]:7.3f}" if found else f"{'-':>7}{'-':>7}"
        flag = ""
        if found:
            total += 1
            accurate += max(found) < 0.1
            tight += max(found) < 0.05
            good += record["verdict"] == "good"
            if record["verdict"] == "good" and max(found) > 0.3:
                lies += 1
                flag = "  LIE"
        print(f"{folder.name:<52}{golden['dim']:>5}{1e3 * seconds:>8.0f}{record['evaluations']:>9}{khat:>7.2f} "
              f"{record['verdict']:<8}{text}   {''.join(stan)}{flag}", flush=True)
    print(f"\n{total} with a reference: {accurate} below 0.1 in both errors, {tight} below 0.05; {good} green, {lies} of them wrong")
    return 1 if lies else 0


if __name__ == "__main__":
    sys.exit(main())
