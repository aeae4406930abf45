#!/usr/bin/env python3
"""Coordinate ascent beside scikit-learn: a mixture of Gaussians and topics of documents.

    bench/conjugate.py BENCH mixture|topics|online [--size N] [--sweeps S] [--threads T] [--folder DIR]

BENCH is the program vinci_conjugate_bench. Simulates data, runs both for the same number of
iterations with the same priors in one process tree, and prints seconds, their ratio and both bounds
in the same units (nats, all constants). scikit-learn's time is that of its EM steps alone. On a
machine that others use, the ratio of CPU seconds (one thread) is the one to read.
"""
import argparse
import json
import pathlib
import subprocess
import time
import warnings

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def run(bench, name, data, sweeps, threads, *more):
    command = [bench, HERE / "conjugate" / f"{name}.stan", data, str(sweeps), str(threads), *map(str, more)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Timed:
    """Adds up the seconds of a method."""

    def __init__(self, owner, name):
        self.seconds, self.cpu, inner = 0.0, 0.0, getattr(owner, name)

        def call(*args, **kwargs):
            start, cpu = time.perf_counter(), time.process_time()
            result = inner(*args, **kwargs)
            self.seconds += time.perf_counter() - start
            self.cpu += time.process_time() - cpu
            return result

        setattr(owner, name, call)


def mixture(args):
    from scipy.special import digamma, gammaln, logsumexp, multigammaln
    from sklearn.mixture import BayesianGaussianMixture

    n, d, k = args.size or 100_000, 10, 20
    rng = np.random.default_rng(1)
    centres = 2 * rng.normal(size=(k, d))
    roots = 0.4 * rng.normal(size=(k, d, d)) + np.eye(d)
    z = rng.integers(k, size=n)
    y = centres[z] + np.einsum("nij,nj->ni", roots[z], rng.normal(size=(n, d)))
    y -= y.mean(0)
    cov = np.cov(y.T)
    data = args.folder / "mixture.json"
    data.write_text(json.dumps({"N": n, "D": d, "K": k, "y": y.tolist(), "W": np.linalg.inv(cov).tolist()}))
    ours = run(args.bench, "mixture", data, args.sweeps, args.threads)
    model = BayesianGaussianMixture(
        n_components=k, max_iter=args.sweeps, tol=1e-300, reg_covar=0, random_state=1,
        init_params="k-means++", weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=1 / k, mean_precision_prior=1, mean_prior=np.zeros(d),
        degrees_of_freedom_prior=d, covariance_prior=cov)
    steps = [Timed(model, "_e_step"), Timed(model, "_m_step")]
    model.fit(y)
    # The bound of its q: the sum of log sums over rows less the divergences of the parameters.
    a, kappa, nu, m = (model.weight_concentration_, model.mean_precision_, model.degrees_of_freedom_, model.means_)
    s = model.covariances_ * nu[:, None, None]
    log_det = np.linalg.slogdet(s)[1]
    e_log_theta = digamma(a) - digamma(a.sum())
    e_log_l = digamma((nu[:, None] - np.arange(d)) / 2).sum(1) + d * np.log(2) - log_det
    scores = np.empty((n, k))
    for c in range(k):
        u = y - m[c]
        scores[:, c] = (e_log_theta[c] + e_log_l[c] / 2 - d / 2 * np.log(2 * np.pi) - d / (2 * kappa[c])
                        - nu[c] / 2 * np.einsum("ni,ni->n", u @ np.linalg.inv(s[c]), u))
    bound = logsumexp(scores, axis=1).sum()
    bound -= gammaln(a.sum()) - gammaln(a).sum() - gammaln(1) + k * gammaln(1 / k) + ((a - 1 / k) * e_log_theta).sum()
    for c in range(k):
        p = nu[c] * np.linalg.inv(s[c])
        bound -= (d / 2 * (np.log(kappa[c]) + 1 / kappa[c] - 1) + m[c] @ p @ m[c] / 2
                  + nu[c] / 2 * log_det[c] - d / 2 * np.linalg.slogdet(cov)[1] - (nu[c] - d) * d / 2 * np.log(2)
                  - multigammaln(nu[c] / 2, d) + multigammaln(d / 2, d)
                  + (nu[c] - d) / 2 * e_log_l[c] + np.trace((cov - s[c]) @ p) / 2)
    return ours, sum(t.seconds for t in steps), sum(t.cpu for t in steps), bound


def topics(args, online):
    import scipy.sparse
    from sklearn.decomposition import LatentDirichletAllocation

    documents, words, k = args.size or 20_000, 5_000, 50
    rng = np.random.default_rng(1)
    phi = rng.dirichlet(np.full(words, 0.05), k)
    rows = []
    for _ in range(documents):
        counts = rng.multinomial(rng.poisson(100) + 1, rng.dirichlet(np.full(k, 0.1)) @ phi)
        rows.append(scipy.sparse.csr_matrix(counts))
    x = scipy.sparse.vstack(rows).tocsr()
    coo = x.tocoo()
    doc, word = np.repeat(coo.row + 1, coo.data), np.repeat(coo.col + 1, coo.data)
    data = args.folder / "topics.json"
    data.write_text(json.dumps({"D": documents, "V": words, "K": k, "N": len(doc),
                                "doc": doc.tolist(), "word": word.tolist()}))
    batch = 256
    ours = run(args.bench, "topics", data, args.sweeps, args.threads, *([batch / documents] if online else []))
    model = LatentDirichletAllocation(
        k, learning_method="online" if online else "batch", max_iter=args.sweeps, batch_size=batch,
        learning_offset=1, learning_decay=0.7, random_state=1, n_jobs=args.threads if args.threads > 1 else None)
    model._perplexity_precomp_distr = lambda *_, **__: 0.0  # the fit's own report: not its work
    steps = Timed(model, "_em_step")
    x = x.astype(float)
    inner = model._e_step
    last = {}

    def e_step(*a, **b):
        if b.get("cal_sstats", True) is False:
            last["theta"] = inner(*a, **b)
            return last["theta"]
        return inner(*a, **b)

    model._e_step = e_step
    model.fit(x)
    bound = model._approx_bound(x, last["theta"][0], sub_sampling=False)
    return ours, steps.seconds, steps.cpu, bound


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("what", choices=["mixture", "topics", "online"])
    parser.add_argument("--size", type=int)
    parser.add_argument("--sweeps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp"))
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    ours, seconds, cpu, bound = mixture(args) if args.what == "mixture" else topics(args, args.what == "online")
    print(f"{args.what}: {args.sweeps} iterations, {args.threads} threads")
    print(f"  vinci         {ours['ascending']:8.2f} s  {ours['cpu']:8.2f} s of CPU  bound {ours['elbo']:.1f}  ({ours['megabytes']} MB;"
          f" {ours['compiling']:.2f} s to compile)")
    print(f"  scikit-learn  {seconds:8.2f} s  {cpu:8.2f} s of CPU  bound {bound:.1f}")
    print(f"  ratio {seconds / ours['ascending']:.1f}, of CPU {cpu / ours['cpu']:.1f}")


if __name__ == "__main__":
    main()
