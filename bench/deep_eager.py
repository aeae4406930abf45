#!/usr/bin/python3
"""Time of a training step of `vinci deep train` against eager PyTorch: the same network, estimator and optimiser.

    bench/deep_eager.py --model dvae [--estimator disarm] [--batch 24] [--steps 300] [--vinci build/release/vinci-deep] [--data DIR]
    bench/deep_eager.py --model dvae --estimator vimco --samples 5
    bench/deep_eager.py --model vae --batch 100
    bench/deep_eager.py --model iwae --batch 20 --samples 50

Steps of both alternate in blocks within one run, on one thread each; the ratio is that of the medians of the blocks. The
bound of both after the same number of steps must agree, so that a fast wrong step fails.
"""
import argparse
import csv
import gzip
import json
import math
import os
import statistics
import subprocess
import tempfile
import time

import numpy
import torch


def read_idx(path):
    with gzip.open(path, "rb") as file:
        data = file.read()
    rank = data[3]
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * rank).reshape(sizes)


class Network(torch.nn.Module):
    """One layer of `units` binary variables, linear both ways."""

    def __init__(self, mean, units):
        super().__init__()
        self.mean = mean
        self.encoder = torch.nn.Linear(len(mean), units)
        self.decoder = torch.nn.Linear(units, len(mean))
        self.prior = torch.nn.Parameter(torch.zeros(units))
        for layer in (self.encoder, self.decoder):
            torch.nn.init.xavier_uniform_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        clipped = mean.clamp(0.001, 0.999)
        self.decoder.bias.data.copy_(clipped.log() - (-clipped).log1p())

    def logits(self, x):
        return self.encoder(x - self.mean)

    def value(self, x, b, q):
        bernoulli = torch.nn.functional.binary_cross_entropy_with_logits
        log_x = -bernoulli(self.decoder(2 * b - 1), x.expand(b.shape[:-1] + x.shape[-1:]), reduction="none").sum(-1)
        log_p = -bernoulli(self.prior.expand_as(b), b, reduction="none").sum(-1)
        log_q = -bernoulli(q.expand_as(b), b, reduction="none").sum(-1)
        return log_x + log_p - log_q


class Autoencoder(torch.nn.Module):
    """784-200-200-(50)-200-200-784 with tanh, as Burda et al. 2015."""

    LATENT, HIDDEN = 50, 200

    def __init__(self, mean):
        super().__init__()
        linear, tanh = torch.nn.Linear, torch.nn.Tanh
        self.encoder = torch.nn.Sequential(linear(784, self.HIDDEN), tanh(), linear(self.HIDDEN, self.HIDDEN), tanh(),
                                           linear(self.HIDDEN, 2 * self.LATENT))
        self.decoder = torch.nn.Sequential(linear(self.LATENT, self.HIDDEN), tanh(), linear(self.HIDDEN, self.HIDDEN), tanh(),
                                           linear(self.HIDDEN, 784))
        for layer in [*self.encoder, *self.decoder]:
            if isinstance(layer, linear):
                torch.nn.init.xavier_uniform_(layer.weight)
                torch.nn.init.zeros_(layer.bias)
        clipped = mean.clamp(0.001, 0.999)
        self.decoder[-1].bias.data.copy_(clipped.log() - (-clipped).log1p())


def elbo(network, x, _):
    mean, log_scale = network.encoder(x).chunk(2, -1)
    z = mean + log_scale.exp() * torch.randn_like(mean)
    kl = 0.5 * (mean.square() + (2 * log_scale).exp() - 2 * log_scale - 1).sum(-1)
    fit = -torch.nn.functional.binary_cross_entropy_with_logits(network.decoder(z), x, reduction="none").sum(-1)
    bound = (fit - kl).mean()
    return -bound, bound


def iwae(network, x, samples):
    """L_k by the plain pathwise gradient [Burda, Grosse, Salakhutdinov 2015]."""
    mean, log_scale = network.encoder(x).chunk(2, -1)
    eps = torch.randn((samples,) + mean.shape)
    z = mean + log_scale.exp() * eps
    fit = -torch.nn.functional.binary_cross_entropy_with_logits(network.decoder(z), x.expand(samples, *x.shape),
                                                                reduction="none").sum(-1)
    weights = fit + (0.5 * (eps.square() - z.square()) + log_scale).sum(-1)
    bound = (weights.logsumexp(0) - math.log(samples)).mean()
    return -bound, bound


def disarm(network, x, _):
    """[Dong, Mnih, Tucker 2020] for one pair."""
    q = network.logits(x)
    u = torch.rand_like(q)
    p = torch.sigmoid(q.detach())
    b = torch.stack([(u < p).float(), (1 - u < p).float()])
    f = network.value(x, b, q.detach())
    difference = 0.5 * (f[0] - f[1]).detach().unsqueeze(-1)
    gradient = difference * (b[0] - b[1]) * torch.sigmoid(q.detach().abs())
    loss = -(gradient * q).sum(-1).mean() - f.mean()
    return loss, f.mean()


def vimco(network, x, samples):
    """[Mnih and Rezende 2016, eq. (8)-(10)]"""
    q = network.logits(x)
    b = (torch.rand((samples,) + q.shape) < torch.sigmoid(q.detach())).float()
    log_q = -torch.nn.functional.binary_cross_entropy_with_logits(q.expand_as(b), b, reduction="none").sum(-1)
    f = network.value(x, b, q.detach())
    bound = f.logsumexp(0) - math.log(samples)
    with torch.no_grad():
        others = (f.sum(0) - f) / (samples - 1)
        replaced = f.expand(samples, *f.shape) * (1 - torch.eye(samples)[:, :, None]) + torch.diag_embed(others.T).permute(1, 2, 0)
        advantage = bound - (replaced.logsumexp(1) - math.log(samples))
        weight = f.softmax(0)
    # The weights also depend on log q itself.
    return -((advantage * log_q).sum(0) + bound - (weight * log_q).sum(0)).mean(), bound.mean()


def reinforce_loo(network, x, _):
    q = network.logits(x)
    p = torch.sigmoid(q.detach())
    b = (torch.rand((2,) + q.shape) < p).float()
    f = network.value(x, b, q.detach())
    advantage = (f - f.flip(0)).detach() / 2
    log_q = -torch.nn.functional.binary_cross_entropy_with_logits(q.expand_as(b), b, reduction="none").sum(-1)
    return -(advantage * log_q).sum(0).mean() - f.mean(), f.mean()


ESTIMATORS = {"disarm": disarm, "reinforce-loo": reinforce_loo, "vimco": vimco}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vinci", default="build/release/vinci-deep")
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--model", choices=["dvae", "vae", "iwae"], default="dvae")
    parser.add_argument("--estimator", choices=ESTIMATORS, default="disarm", help="of dvae")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--units", type=int, default=200)
    parser.add_argument("--samples", type=int, default=5, help="draws k of iwae and vimco")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(1)
    images = torch.tensor(read_idx(os.path.join(arguments.data, "train-images-idx3-ubyte.gz"))).reshape(-1, 784)
    mean = images.float().mean(0) / 255
    is_vae = arguments.model != "dvae"
    network = Autoencoder(mean) if is_vae else Network(mean, arguments.units)
    step = {"vae": elbo, "iwae": iwae}.get(arguments.model, ESTIMATORS[arguments.estimator])
    several = arguments.model == "iwae" or (not is_vae and arguments.estimator == "vimco")
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.9, 0.99999))
    order = torch.randperm(len(images))
    position = 0
    eager, own, eager_bounds = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.vinci")
        command = [arguments.vinci, "train", arguments.model, "--data", arguments.data, "-o", model, "--threads", "1", "-q",
                   "--batch", str(arguments.batch), "--beta2", "0.99999", "--learning-rate", "1e-3", "--checkpoint-seconds", "1e9"]
        if not is_vae:
            command += ["--estimator", arguments.estimator, "--units", str(arguments.units)]
        if several:
            command += ["--samples", str(arguments.samples), "--bound", "iwae"]
        before = 0.0
        for block in range(arguments.blocks):
            start = time.perf_counter()
            sum_bound = 0.0
            for _ in range(arguments.steps):
                rows = order[position:position + arguments.batch]
                position += arguments.batch
                if position + arguments.batch > len(order):
                    order, position = torch.randperm(len(images)), 0
                x = torch.bernoulli(images[rows].float() / 255)
                optimiser.zero_grad(set_to_none=True)
                loss, bound = step(network, x, arguments.samples)
                loss.backward()
                optimiser.step()
                sum_bound += bound.item()
            eager.append((time.perf_counter() - start) / arguments.steps)
            eager_bounds.append(sum_bound / arguments.steps)
            total = (block + 1) * arguments.steps
            subprocess.run(command + ["--steps", str(total)] + (["--resume"] if block else []), check=True)
            with open(os.path.join(folder, "model.curve.csv")) as file:
                row = list(csv.DictReader(file))[-1]
            seconds = float(row["seconds"])
            own.append((seconds - before) / arguments.steps)
            before = seconds
        own_bound = float(row["bound"])
    # A row of the curve is the mean over the steps since the last one: here those of the last block.
    mean_bound = eager_bounds[-1]
    # Two operations a weight and example forward, twice that backward.
    def products(part):
        return sum(p.numel() for p in part.parameters() if p.dim() == 2)
    draws = arguments.samples if several else 1
    flops = 6 * arguments.batch * (products(network.encoder) + draws * products(network.decoder))
    result = {"model": arguments.model, "batch": arguments.batch, "samples": arguments.samples if several else 1}
    if not is_vae:
        result |= {"estimator": arguments.estimator, "units": arguments.units}
    result |= {
              "eager_ms": 1000 * statistics.median(eager), "vinci_ms": 1000 * statistics.median(own),
              "ratio": statistics.median(eager) / statistics.median(own),
              "vinci_gflop_s": flops / statistics.median(own) / 1e9 if is_vae else None,
              "eager_bound": mean_bound, "vinci_bound": own_bound, "torch": torch.__version__}
    print(json.dumps(result, indent=2))
    if not abs(mean_bound - own_bound) <= 5:  # NaN differs too
        raise SystemExit("the bounds differ: the steps are not the same")


if __name__ == "__main__":
    main()
