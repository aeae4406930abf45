#!/usr/bin/env python3
"""Posteriors that break variational inference: is each answer right, or flagged?

    bench/hard.py [--vinci build/release/vinci] [--seed N] [--budget SECONDS] [NAME...]
    bench/hard.py --references horseshoe      # sample the reference of the horseshoe again (minutes)

Programs are in bench/hard/; data are simulated here with fixed seeds. References: closed forms; a grid for the logistic
regression; Gauss-Hermite quadrature over the groups for the counts (counts_marginal.stan, three parameters); a Gibbs sampler
for the horseshoe (its result is kept in bench/hard/horseshoe.reference.json); Stan's draws for eight schools. Errors as in
fits.py. An answer with an error above 0.3 that is called good is a lie and makes the exit status 1.
"""
import argparse
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from fits import ROOT, errors, read_reference

HERE = ROOT / "bench/hard"
SHARED = ROOT.parent / "shared/posteriors"


def normal(mean, sd):
    return {"mean": mean, "sd": sd}


def funnel():
    # E e^{v} = e^{4.5}: the coordinates' deviation is e^{2.25}, which no sample of 4000 shows; v is what can be compared.
    return "funnel", {}, {"v": normal(0, 3)}


def banana():
    return "banana", {}, {"x": normal(0, 2), "y": normal(1, math.sqrt(1 + 2 * 0.25**2 * 16))}


def two_modes():
    mean = 4 / 3
    return "two_modes", {}, {f"x[{i}]": normal(mean, math.sqrt(17 - mean**2)) for i in (1, 2)}


def separable_logistic():
    x, y = [-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0], [0, 0, 0, 0, 1, 1, 1, 1]
    sums = [0.0] * 5
    steps, width = 400, 60.0
    for i in range(steps):
        a = -width / 2 + width * (i + 0.5) / steps
        for j in range(steps):
            b = -width / 4 + width * (j + 0.5) / steps
            log_p = -0.005 * (a * a + b * b)
            for xi, yi in zip(x, y):
                eta = (a + b * xi) * (1 if yi else -1)
                log_p -= math.log1p(math.exp(-eta)) if eta > -30 else -eta
            p = math.exp(log_p)
            for k, value in enumerate((1, a, a * a, b, b * b)):
                sums[k] += p * value
    a, aa, b, bb = (s / sums[0] for s in sums[1:])
    data = {"N": len(x), "x": x, "y": y}
    return "separable_logistic", data, {"alpha": normal(a, math.sqrt(aa - a * a)), "beta": normal(b, math.sqrt(bb - b * b))}


def poisson(rng, rate):
    limit, count, product = math.exp(-rate), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def counts_data(groups=2000, per_group=3):
    rng = random.Random(20)
    group, x, y = [], [], []
    for g in range(groups):
        effect = 0.5 + 0.8 * rng.gauss(0, 1)
        for _ in range(per_group):
            group.append(g + 1)
            x.append(round(rng.gauss(0, 1), 3))
            y.append(poisson(rng, math.exp(effect + 0.4 * x[-1])))
    return {"N": len(y), "G": groups, "group": group, "x": x, "y": y}


def hermite(count):
    """Nodes and weights of quadrature against a standard normal, by Newton's method on the Hermite polynomial."""
    def polynomial(z):
        before, value = 0.0, math.pi**-0.25
        for j in range(count):
            before, value = value, z * math.sqrt(2 / (j + 1)) * value - math.sqrt(j / (j + 1)) * before
        return value, math.sqrt(2 * count) * before

    nodes, weights = [], []
    for i in range((count + 1) // 2):
        if i == 0:
            z = math.sqrt(2 * count + 1) - 1.85575 * (2 * count + 1) ** (-1 / 6)
        elif i == 1:
            z -= 1.14 * count**0.426 / z
        elif i == 2:
            z = 1.86 * z - 0.86 * nodes[0]
        elif i == 3:
            z = 1.91 * z - 0.91 * nodes[1]
        else:
            z = 2 * z - nodes[i - 2]
        for _ in range(50):
            value, slope = polynomial(z)
            step = value / slope
            z -= step
            if abs(step) < 1e-15:
                break
        nodes.append(z)
        weights.append(2 / polynomial(z)[1] ** 2)
    rest = range(count - len(nodes) - 1, -1, -1)
    nodes, weights = nodes + [-nodes[i] for i in rest], weights + [weights[i] for i in rest]
    return [z * math.sqrt(2) for z in nodes], [w / math.sqrt(math.pi) for w in weights]


def counts_by_group(args):
    data = counts_data()
    nodes, weights = hermite(24)
    marginal = dict(data, K=len(nodes), node=nodes, log_weight=[math.log(w) for w in weights])
    record = run(args, "counts_marginal", marginal)[0]
    if record["verdict"] != "good":
        raise SystemExit("the reference of counts_by_group is not good")
    return "counts_by_group", data, {k: v for k, v in record["parameters"].items() if k in ("alpha", "beta", "sigma")}


def horseshoe_data(rows=40, columns=12):
    rng = random.Random(7)
    beta = [3.0, -2.0, 1.0] + [0.0] * (columns - 3)
    x = [[round(rng.gauss(0, 1), 3) for _ in range(columns)] for _ in range(rows)]
    y = [round(sum(a * b for a, b in zip(row, beta)) + rng.gauss(0, 1), 3) for row in x]
    return {"N": rows, "D": columns, "X": x, "y": y}


def sample_horseshoe(iterations=150000):
    """Gibbs with auxiliary inverse gammas [Makalic and Schmidt 2016, doi 10.1109/LSP.2015.2503725], unit noise."""
    data, rng = horseshoe_data(), random.Random(1)
    n, d = data["N"], data["D"]
    gram = [[sum(data["X"][r][i] * data["X"][r][j] for r in range(n)) for j in range(d)] for i in range(d)]
    moment = [sum(data["X"][r][i] * data["y"][r] for r in range(n)) for i in range(d)]
    lambda2, nu, tau2, xi = [1.0] * d, [1.0] * d, 0.04, 1.0
    inverse_gamma = lambda shape, scale: scale / rng.gammavariate(shape, 1)
    sums = {}
    for t in range(iterations + 2000):
        factor = [[0.0] * d for _ in range(d)]
        for i in range(d):
            for j in range(i + 1):
                s = gram[i][j] + (1 / (tau2 * lambda2[i]) if i == j else 0)
                s -= sum(factor[i][k] * factor[j][k] for k in range(j))
                factor[i][j] = math.sqrt(s) if i == j else s / factor[j][j]
        u = []
        for i in range(d):
            u.append((moment[i] - sum(factor[i][k] * u[k] for k in range(i))) / factor[i][i])
        beta = [0.0] * d
        for i in reversed(range(d)):
            s = u[i] + rng.gauss(0, 1) - sum(factor[k][i] * beta[k] for k in range(i + 1, d))
            beta[i] = s / factor[i][i]
        for i in range(d):
            lambda2[i] = inverse_gamma(1, 1 / nu[i] + beta[i] ** 2 / (2 * tau2))
            nu[i] = inverse_gamma(1, 1 + 1 / lambda2[i])
        tau2 = inverse_gamma((d + 1) / 2, 1 / xi + sum(b * b / l for b, l in zip(beta, lambda2)) / 2)
        xi = inverse_gamma(1, 1 / 0.04 + 1 / tau2)
        if t < 2000:
            continue
        values = {f"beta[{i + 1}]": b for i, b in enumerate(beta)}
        values["tau"] = math.sqrt(tau2)
        for name, value in values.items():
            entry = sums.setdefault(name, [0.0, 0.0])
            entry[0] += value
            entry[1] += value * value
    result = {}
    for name, (s, ss) in sums.items():
        mean = s / iterations
        result[name] = normal(mean, math.sqrt(ss / iterations - mean * mean))
    return result


def horseshoe():
    return "horseshoe", horseshoe_data(), json.loads((HERE / "horseshoe.reference.json").read_text())


def horseshoe_centred():
    return ("horseshoe_centred",) + horseshoe()[1:]


def eight_schools_centered():
    folder = SHARED / "eight_schools-eight_schools_centered"
    reference = read_reference(SHARED / "eight_schools-eight_schools_noncentered")
    return ROOT / "tests/posteriors/programs/eight_schools_centered.stan", json.loads((folder / "data.json").read_text()), \
        {k: v for k, v in reference.items() if k in ("mu", "tau") or k.startswith("theta[")}


def run(args, program, data):
    path = program if isinstance(program, pathlib.Path) else HERE / f"{program}.stan"
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "data.json").write_text(json.dumps(data))
        start = time.perf_counter()
        done = subprocess.run([args.vinci, "fit", path, f"{scratch}/data.json", "--seed", args.seed, "--json", "--budget",
                               args.budget, "--output", f"{scratch}/draws.csv"], capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if done.returncode not in (0, 3):
        raise SystemExit(f"{path.name}: {done.stderr.strip()}")
    return json.loads(done.stdout), seconds


TARGETS = {"eight_schools_centered": eight_schools_centered, "funnel": funnel, "banana": banana, "two_modes": two_modes,
           "separable_logistic": separable_logistic, "horseshoe": horseshoe, "horseshoe_centred": horseshoe_centred,
           "counts_by_group": counts_by_group}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vinci", default=str(ROOT / "build/release/vinci"))
    parser.add_argument("--seed", default="1")
    parser.add_argument("--budget", default="60")
    parser.add_argument("--references", choices=["horseshoe"])
    parser.add_argument("names", nargs="*", help="of " + ", ".join(TARGETS))
    args = parser.parse_args()
    if args.references:
        (HERE / "horseshoe.reference.json").write_text(json.dumps(sample_horseshoe(), indent=1) + "\n")
        return 0
    print(f"{'posterior':<24}{'D':>6}{'s':>7}{'evals':>10}{'k-hat':>7} {'verdict':<8}{'mean':>7}{'sd':>7}   approximation")
    lies = 0
    for name, target in TARGETS.items():
        if args.names and name not in args.names:
            continue
        program, data, reference = target(args) if target is counts_by_group else target()
        record, seconds = run(args, program, data)
        mean, sd = errors(record["parameters"], reference)
        lie = record["verdict"] == "good" and max(mean, sd) > 0.3
        lies += lie
        khat = record["khat"] if record["khat"] is not None else float("nan")
        print(f"{name:<24}{record['unconstrained_parameters']:>6}{seconds:>7.1f}{record['evaluations']:>10}{khat:>7.2f} "
              f"{record['verdict']:<8}{mean:>7.3f}{sd:>7.3f}   {record['family']}{'  LIE' if lie else ''}", flush=True)
    return 1 if lies else 0


if __name__ == "__main__":
    sys.exit(main())
