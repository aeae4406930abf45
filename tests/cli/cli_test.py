#!/usr/bin/env python3
"""The program `vinci` from outside: outputs, messages and exit statuses.

cli_test.py --vinci PROGRAM [--shared FOLDER] [TEST_CLASS...]

Exit statuses of vinci: 0 done (verdict good or usable), 1 input or output failed, 2 the program, the data or an option is
wrong, 3 the fit's verdict is bad. Exits with 77 where every test was skipped.
"""
import argparse
import csv
import itertools
import json
import math
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PROGRAMS = ROOT / "tests/programs"
VINCI = None
SHARED = None

# Well above what any of these runs takes; a run that reaches it hangs.
SECONDS = 300

NORMAL = """data {
  int<lower=0> N;
  array[N] real<lower=0> y;
}
parameters {
  real mu;
}
model {
  mu ~ normal(0, 1);
  y ~ normal(mu, 1);
}
"""
NORMAL_DATA = '{"N": 3, "y": [1, 2, 3]}'


class VinciTest(unittest.TestCase):
    """Each test runs in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    def vinci(self, *arguments, **options):
        done = subprocess.run([VINCI, *map(str, arguments)], cwd=self.folder, capture_output=True, timeout=SECONDS,
                              stdin=subprocess.DEVNULL, **options)
        done.out, done.err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        self.assertGreaterEqual(done.returncode, 0, f"killed by a signal\n{done.out[-2000:]}{done.err[-4000:]}")
        self.assertNotIn("broken invariant", done.err)
        return done

    def expect(self, status, *arguments, **options):
        done = self.vinci(*arguments, **options)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.out[-3000:]}\n{done.err[-3000:]}")
        return done

    def expect_error(self, status, pattern, *arguments, **options):
        """A failure that says why: `pattern` is found in standard error, and nothing is left behind."""
        before = {path.name for path in self.folder.iterdir()}
        done = self.expect(status, *arguments, **options)
        self.assertRegex(done.err, pattern)
        self.assertEqual(done.out, "")
        self.assertEqual({path.name for path in self.folder.iterdir()}, before)
        # A message is for reading, however large the input is.
        self.assertLess(len(done.err), 50_000)
        return done


def read_csv(path):
    """Names and rows of a CmdStan CSV file."""
    with open(path) as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))
    return rows[0], [[float(x) for x in row] for row in rows[1:]]


class Fit(VinciTest):
    def test_examples_give_documented_output(self):
        programs = sorted(EXAMPLES.glob("*.stan"))
        self.assertGreater(len(programs), 3)
        for program in programs:
            with self.subTest(program.name):
                done = self.expect(0, "fit", program, program.with_suffix(".json"), "--json", "--draws", 500)
                record = json.loads(done.out)
                self.assertIn(record["verdict"], ("good", "usable"))
                self.assertTrue(record["verdict_sentence"])
                for key in ("elbo", "log_evidence", "khat", "seconds"):
                    self.assertTrue(math.isfinite(record[key]), key)
                self.assertGreater(record["evaluations"], 0)
                self.assertIsInstance(record["evaluations"], int)
                names, rows = read_csv(self.folder / f"{program.stem}.csv")
                self.assertEqual(len(rows), 500)
                own = [name for name in names if not name.endswith("__")]
                self.assertEqual(len(own), len(record["parameters"]))
                for column, (name, row) in zip(own, record["parameters"].items()):
                    self.assertEqual(re.sub(r"[\[\],]", ".", name).rstrip("."), column)
                    for key in ("mean", "sd", "q05", "q50", "q95"):
                        self.assertTrue(math.isfinite(row[key]), f"{name}: {key}")
                    self.assertIn("khat", row)
                    self.assertLessEqual(row["q05"], row["q50"])
                    self.assertLessEqual(row["q50"], row["q95"])
                # The summary is that of the draws in the file.
                at = names.index(own[0])
                mean = sum(row[at] for row in rows) / len(rows)
                first = next(iter(record["parameters"].values()))
                # The record summarises more draws than are handed out.
                self.assertAlmostEqual(mean, first["mean"], delta=4 * first["sd"] / 1000**0.5)
                saved = json.loads((self.folder / f"{program.stem}.fit.json").read_text())
                self.assertEqual(saved, record)

    def test_report_has_what_a_person_needs(self):
        done = self.expect(0, "fit", EXAMPLES / "eight_schools.stan", EXAMPLES / "eight_schools.json")
        for part in ("eight_schools", "10 unconstrained parameters", "density evaluations", "mean", "95%", "khat", "tau",
                     "ELBO", "log evidence", "k-hat", "verdict: ", "draws: eight_schools.csv (1000)",
                     "record: eight_schools.fit.json"):
            self.assertIn(part, done.out)
        self.assertNotIn("\x1b", done.out + done.err)  # piped output is plain

    def test_factors_are_named_with_their_parameters(self):
        program = EXAMPLES / "negative_binomial.stan"
        done = self.vinci("fit", program, program.with_suffix(".json"), "--family", "r=gamma,p=beta")
        self.assertIn(done.returncode, (0, 3), done.err)  # a product of factors is near its limit here
        self.assertRegex(done.out, r"q        r ~ gamma\(shape \d+\.\d+, rate \d+\.\d+\)\n         p ~ beta\(a \d")
        self.assertRegex(done.out, r"fitted   r ~ gamma, p ~ beta ")
        record = json.loads((self.folder / "negative_binomial.fit.json").read_text())
        r, p = record["factors"]["r"], record["factors"]["p"]
        self.assertEqual((r["family"], p["family"]), ("gamma", "beta"))
        self.assertAlmostEqual(r["shape"] / r["rate"], record["parameters"]["r"]["mean"], delta=0.1)
        self.assertAlmostEqual(p["a"] / (p["a"] + p["b"]), record["parameters"]["p"]["mean"], delta=0.02)
        self.assertEqual(record["options"]["family"], "r=gamma,p=beta")
        self.expect_error(2, "there is no factor `gama`.*\n.*did you mean `gamma`", "fit", program,
                          program.with_suffix(".json"), "--family", "r=gama", "--output", "other.csv")
        self.expect_error(2, "method is laplace, family auto; factors and points go with auto or mean-field", "fit", program,
                          program.with_suffix(".json"), "--family", "r=gamma", "--method", "laplace", "--output", "other.csv")

    def test_points_are_learned_and_marked(self):
        self.write("m.stan", NORMAL.replace("real mu;", "real mu; real<lower=0> s;").replace("normal(mu, 1)", "normal(mu, s)"))
        self.write("d.json", NORMAL_DATA)
        done = self.expect(0, "fit", "m.stan", "d.json", "--point", "s")
        self.assertRegex(done.out, r"\n *s +\d+\.\d+ +0 .* point\n")
        self.assertIn("s is learned as a point", done.out)
        record = json.loads((self.folder / "m.fit.json").read_text())
        self.assertEqual(record["parameters"]["s"]["sd"], 0)
        self.assertTrue(record["parameters"]["s"]["point"])
        self.assertNotIn("point", record["parameters"]["mu"])
        self.assertEqual(record["options"]["point"], "s")
        self.expect_error(2, "the program has no parameter `sigma`", "fit", "m.stan", "d.json", "--point", "sigma",
                          "--output", "other.csv")

    def test_same_seed_same_bytes_for_any_number_of_threads(self):
        for name in ("eight_schools", "mixture"):
            contents = []
            for threads, seed in ((1, 7), (2, 7), (2, 8)):
                self.expect(0, "fit", EXAMPLES / f"{name}.stan", EXAMPLES / f"{name}.json", "--quiet", "--seed", seed,
                            "--threads", threads, "--draws", 200, "--output", "draws.csv")
                lines = (self.folder / "draws.csv").read_text().splitlines()
                contents.append([line for line in lines if not line.startswith("#")])
            self.assertEqual(contents[0], contents[1])
            self.assertNotEqual(contents[0], contents[2])

    def test_quiet_prints_nothing(self):
        done = self.expect(0, "fit", EXAMPLES / "kidiq.stan", EXAMPLES / "kidiq.json", "--quiet")
        self.assertEqual(done.out + done.err, "")
        self.assertTrue((self.folder / "kidiq.csv").exists())

    def test_every_method_runs(self):
        self.write("m.stan", NORMAL)
        self.write("d.json", NORMAL_DATA)
        for method in ("pathfinder", "bam", "natural-gradient", "mean-field", "advi", "laplace"):
            with self.subTest(method):
                done = self.expect(0, "fit", "m.stan", "d.json", "--json", "--method", method, "--seed", 3)
                # N(0, 1) prior, three observations of mean 2: posterior N(3/2, 1/4).
                mu = json.loads(done.out)["parameters"]["mu"]
                tolerance = 0.1 if method == "advi" else 0.05
                self.assertAlmostEqual(mu["mean"], 1.5, delta=tolerance)
                self.assertAlmostEqual(mu["sd"], 0.5, delta=tolerance)

    def test_nothing_observed_gives_the_prior(self):
        self.write("m.stan", NORMAL)
        self.write("d.json", '{"N": 0, "y": []}')
        done = self.expect(0, "fit", "m.stan", "d.json", "--json")
        record = json.loads(done.out)
        self.assertAlmostEqual(record["parameters"]["mu"]["sd"], 1, delta=0.05)
        self.assertAlmostEqual(record["log_evidence"], 0, delta=0.02)

    def test_program_without_parameters(self):
        self.write("m.stan", "generated quantities { real x = normal_rng(2, 1); }\n")
        done = self.expect(0, "fit", "m.stan", "--json")
        self.assertAlmostEqual(json.loads(done.out)["parameters"]["x"]["mean"], 2, delta=0.1)

    def test_data_from_npy_and_csv(self):
        self.write("m.stan", NORMAL)
        self.write("n.json", '{"N": 3}')
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }"
        header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
        self.write("y.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
                   + struct.pack("<3d", 1, 2, 3))
        self.write("t.csv", "y,other\n1,a\n2,b\n3,c\n")
        self.write("d.json", NORMAL_DATA)
        means = []
        for source in (["d.json"], ["n.json", "--data", "y=y.npy"], ["n.json", "--data", "y=t.csv"],
                       ["n.json", "--data", "y=t.csv:y"]):
            done = self.expect(0, "fit", "m.stan", *source, "--json")
            means.append(json.loads(done.out)["parameters"]["mu"]["mean"])
        self.assertEqual(means, [means[0]] * 4)

    def test_summary_reads_what_fit_wrote(self):
        self.expect(0, "fit", EXAMPLES / "eight_schools.stan", EXAMPLES / "eight_schools.json", "--quiet")
        done = self.expect(0, "summary", "eight_schools.csv")
        self.assertRegex(done.out, r"(?m)^\s*mu\s+-?\d")

    def test_output_to_a_device_leaves_the_record_here(self):
        self.write("m.stan", NORMAL)
        self.write("d.json", NORMAL_DATA)
        self.expect(0, "fit", "m.stan", "d.json", "--quiet", "--output", os.devnull)
        self.assertTrue((self.folder / "m.fit.json").exists())

    def test_help_and_version(self):
        for command in ([], ["fit"], ["eval"], ["check"], ["format"], ["compile"], ["summary"],
                        ["calibrate"], ["denoise"]):
            self.assertIn("--help", self.expect(0, *command, "--help").out)
        self.assertRegex(self.expect(0, "--version").out, r"^vinci \d+\.\d+\.\d+\n$")
        text = self.expect(0, "fit", "--help").out
        for option in ("--seed", "--threads", "--draws", "--output", "--family", "--method", "--budget", "--quiet",
                       "--json", "--init", "--resume", "--checkpoint"):
            self.assertIn(option, text)


REGRESSION = """data {
  int<lower=0> N;
  int<lower=0> K;
  matrix[N, K] x;
  array[N] int<lower=0, upper=1> y;
}
parameters {
  vector[K] beta;
}
model {
  beta ~ normal(0, 2);
  y ~ bernoulli_logit(x * beta);
}
"""


def regression_data(columns, rows=400):
    """Covariates of a fixed recurrence; an outcome that depends on the first."""
    state, x, y = 1, [], []
    for _ in range(rows):
        row = []
        for _ in range(columns):
            state = (state * 1103515245 + 12345) % 2**31
            row.append(state / 2**30 - 1)
        x.append(row)
        state = (state * 1103515245 + 12345) % 2**31
        y.append(int(state / 2**31 < 1 / (1 + math.exp(-2 * row[0]))))
    return json.dumps({"N": rows, "K": columns, "x": x, "y": y})


class Discrete(VinciTest):
    """Programs with discrete parameters."""

    SAMPLED = ("noisy_or", "segmentation")  # too costly to sum out

    def test_examples_give_probabilities_and_draws(self):
        for program in sorted((EXAMPLES / "discrete").glob("*.stan")):
            if program.stem in self.SAMPLED:
                continue
            with self.subTest(program.name):
                done = self.expect(0, "fit", program, program.with_suffix(".json"), "--json", "--draws", 400)
                record = json.loads(done.out)
                self.assertIn(record["verdict"], ("good", "usable"))
                self.assertTrue(record["elimination"])
                names, rows = read_csv(self.folder / f"{program.stem}.csv")
                states = {k: v for k, v in record["parameters"].items() if "probabilities" in v}
                self.assertTrue(states)
                for name, row in states.items():
                    p, low = row["probabilities"], row["first_state"]
                    self.assertAlmostEqual(sum(p), 1, delta=1e-9)
                    at = names.index(re.sub(r"[\[\],]", ".", name).rstrip("."))
                    drawn = [r[at] for r in rows]
                    self.assertTrue(all(x == int(x) and low <= x < low + len(p) for x in drawn), name)
                    for k, expected in enumerate(p):
                        share = sum(x == low + k for x in drawn) / len(drawn)
                        # 6 standard errors of 400 draws and of the draws behind p
                        error = 6 * math.sqrt(max(expected * (1 - expected), 0.002) / 400)
                        self.assertAlmostEqual(share, expected, delta=error, msg=name)

    def test_report_says_how_states_were_summed_out(self):
        done = self.expect(0, "fit", EXAMPLES / "discrete/sprinkler.stan", EXAMPLES / "discrete/sprinkler.json")
        self.assertIn("eliminated cloudy, rain, sprinkler: 3 variables of 2 states", done.out)
        self.assertRegex(done.out, r"rain\s+0\.292\s+0\.708")
        self.assertIn(f"log evidence {math.log(0.6471):.4f}", done.out)

    def test_lectures_b1_sampling_works_for_discrete_states(self):
        # Independent states: the factors can be exact. P(z = 1) = 0.3 e^0.5 / (0.7 + 0.3 e^0.5), P(k) by the weights.
        self.write("m.stan", """
parameters { int<lower=0, upper=1> z; int<lower=1, upper=3> k; real x; }
model { z ~ bernoulli(0.3); target += 0.5 * z; k ~ categorical([0.2, 0.5, 0.3]'); x ~ normal(2, 0.5); }""")
        one = 0.3 * math.exp(0.5) / (0.7 + 0.3 * math.exp(0.5))
        for way in ("local", "score", "relax"):
            with self.subTest(way):
                done = self.expect(0, "fit", "m.stan", "--discrete", f"z={way},k={way}", "--json")
                record = json.loads(done.out)
                self.assertEqual(record["options"]["discrete"], way)
                self.assertIn(record["verdict"], ("good", "usable"))
                found = record["parameters"]["z"]["probabilities"] + record["parameters"]["k"]["probabilities"]
                for p, expected in zip(found, (1 - one, one, 0.2, 0.5, 0.3)):
                    self.assertAlmostEqual(p, expected, delta=0.03)  # 4 standard errors of 4000 draws
                self.assertAlmostEqual(record["log_evidence"], math.log(0.7 + 0.3 * math.exp(0.5)), delta=0.02)
        done = self.expect(0, "fit", "m.stan", "--discrete", "z=concrete", "--json", "--budget", 5)
        self.assertIn("Concrete", " ".join(stage["name"] for stage in json.loads(done.out)["stages"]))

    def test_states_that_cannot_be_summed_out_are_sampled(self):
        program = EXAMPLES / "discrete/segmentation"
        done = self.vinci("fit", f"{program}.stan", f"{program}.json", "--json")
        self.assertIn(done.returncode, (0, 3), done.err)
        record = json.loads(done.out)
        self.assertEqual(record["options"]["discrete"], "local")
        names, rows = read_csv(self.folder / "segmentation.csv")
        self.assertEqual(sum(name.startswith("z.") for name in names), 256)
        # The two regions of the picture that was simulated.
        inside = lambda r, c: (r - 7.5) ** 2 + (c - 6) ** 2 < 26 or (c > 11 and r > 4)
        wrong = sum((record["parameters"][f"z[{r + 1},{c + 1}]"]["mean"] > 0.5) != inside(r, c)
                    for r in range(16) for c in range(16))
        self.assertLess(wrong, 26)

    def test_check_names_the_extension(self):
        done = self.expect(0, "check", EXAMPLES / "discrete/hmm.stan")
        self.assertRegex(done.err, r"hmm\.stan:14:3: note: `state` is a discrete parameter.* \[language-extension\]")

    def test_eval_of_the_density_and_of_the_joint_one(self):
        self.write("m.stan", "parameters { real x; int<lower=0, upper=1> z; } model { z ~ bernoulli(0.25); x ~ normal(z, 1); }")
        self.write("d.json", "{}")
        values = {}
        for name, points in {"marginal": [[0.5]], "joint": [[0.5, 0], [0.5, 1]]}.items():
            self.write("p.json", json.dumps({"points": points}))
            values[name] = json.loads(self.expect(0, "eval", "m.stan", "d.json", "--points", "p.json").out)["log_density"]
        normal = -0.125 - 0.5 * math.log(2 * math.pi)
        self.assertAlmostEqual(values["marginal"][0], normal, delta=1e-14)
        self.assertAlmostEqual(values["joint"][0], normal + math.log(0.75), delta=1e-14)
        self.assertAlmostEqual(values["joint"][1], normal + math.log(0.25), delta=1e-14)
        self.write("p.json", '{"points": [[0.5, 0, 1]]}')
        self.expect_error(2, "3 numbers; the model has 1 unconstrained parameters and 1 discrete", "eval", "m.stan", "d.json",
                          "--points", "p.json")

    def test_options_and_limits_say_why(self):
        hmm = EXAMPLES / "discrete/hmm"
        for choice, pattern in {"z=enumerate": "`z` is no discrete parameter.*state",
                                "state=guess": "`guess` is no way",
                                "state": "not of the form NAME=WAY"}.items():
            with self.subTest(choice):
                self.expect_error(2, f"(?s){pattern}", "fit", f"{hmm}.stan", f"{hmm}.json", "--discrete", choice)
        self.write("m.stan", "parameters { array[50] int<lower=0, upper=1> z; real x; } model { sum(z) ~ poisson(exp(x)); }")
        self.expect_error(2, r"m\.stan:1:\d+: error: .*cannot be summed out exactly: 50 variables .*\[limit\]", "fit", "m.stan",
                          "--discrete", "z=enumerate")
        self.expect_error(2, r"`concrete`|no extension to soft states: a term has 1\.1259e\+15 joint states", "fit", "m.stan",
                          "--discrete", "z=concrete")
        self.write("d.stan", "parameters { array[2] int<lower=0, upper=2> z; int<lower=0, upper=1> b; } model { sum(z) + b ~ poisson(2); }")
        self.expect_error(2, "disarm.*it is for two states", "fit", "d.stan", "--discrete", "z=disarm")
        self.expect_error(2, "`local` and `score` differ; all discrete parameters are handled alike", "fit", "d.stan",
                          "--discrete", "z=local,b=score")
        self.expect_error(2, "coordinate ascent is a method of its own; `--method bam` is another", "fit", f"{hmm}.stan",
                          f"{hmm}.json", "--discrete", "state=cavi", "--method", "bam")
        self.write("init.json", "{}")
        self.expect_error(2, "starts from messages, not from a point: `--init` would be ignored", "fit", f"{hmm}.stan",
                          f"{hmm}.json", "--method", "cavi", "--init", "init.json")
        self.expect_error(2, "`--method cavi` handles discrete parameters by coordinate ascent", "fit", f"{hmm}.stan",
                          f"{hmm}.json", "--discrete", "state=local", "--method", "cavi")
        self.expect_error(2, "coordinate ascent chooses its family by itself", "fit", f"{hmm}.stan", f"{hmm}.json",
                          "--method", "cavi", "--family", "full-rank")
        self.write("m.stan", "parameters { int<lower=1> z; }")
        self.expect_error(2, r"`z` is an int parameter without an upper bound.*\[not-allowed-here\]", "fit", "m.stan")


class Persistence(VinciTest):
    """Run records as starts, checkpoints, --resume."""

    def setUp(self):
        super().setUp()
        self.write("m.stan", REGRESSION)
        self.write("d.json", regression_data(6))

    def fit(self, *arguments, status=0, data="d.json"):
        return json.loads(self.expect(status, "fit", "m.stan", data, "--json", *arguments).out)

    def test_record_holds_the_approximation_and_what_bounds_say(self):
        record = self.fit("--family", "full-rank")
        self.assertEqual(record["unconstrained_names"], [f"beta[{i}]" for i in range(1, 7)])
        q = record["approximation"]
        self.assertEqual(q["kind"], "full-rank normal")
        self.assertEqual((len(q["mean"]), len(q["factor"])), (6, 21))
        at = 0
        for i in range(6):
            row = q["factor"][at:at + i + 1]
            at += i + 1
            summary = record["parameters"][f"beta[{i + 1}]"]
            self.assertAlmostEqual(q["mean"][i], summary["mean"], delta=0.15 * summary["sd"])
            self.assertAlmostEqual(math.hypot(*row), summary["sd"], delta=0.1 * summary["sd"])
            # The error of a mean of thousands of draws, and a bound that holds.
            self.assertLess(summary["mcse"], 0.05 * summary["sd"])
            self.assertGreater(summary["mcse"], 0)
            self.assertGreater(summary["mean_error"], abs(q["mean"][i] - summary["mean"]) - 4 * summary["mcse"])
        self.assertEqual(record["bounds"]["use"], "tight")
        self.assertLess(record["bounds"]["d2"], 0.1)
        self.assertGreaterEqual(record["minimal_draws"], 10)
        self.assertGreater(record["judged_draws"], 1000)
        # One line of numbers, not one number a line.
        lines = (self.folder / "m.fit.json").read_text().splitlines()
        self.assertTrue(any('"approximation": {"kind"' in line and '"factor"' in line for line in lines))
        text = self.expect(0, "fit", "m.stan", "d.json", "--family", "full-rank").out
        self.assertEqual("bounds: q's means within" in text, not record["bounds"]["optimistic"])

    def test_a_record_starts_another_fit(self):
        cold = self.fit("--family", "full-rank")
        warm = self.fit("--family", "full-rank", "--init", "m.fit.json", "--record", "warm.fit.json")
        self.assertLess(warm["evaluations"], cold["evaluations"])
        for name, row in cold["parameters"].items():
            self.assertAlmostEqual(warm["parameters"][name]["mean"], row["mean"], delta=0.15 * row["sd"])
        # More coefficients: those that have a name start where they were.
        self.write("larger.json", regression_data(9))
        done = self.expect(0, "fit", "m.stan", "larger.json", "--init", "m.fit.json")
        self.assertIn("6 of 9 coordinates", done.err)
        self.assertIn("verdict: good", done.out)
        self.write("smaller.json", regression_data(2))
        self.expect(0, "fit", "m.stan", "smaller.json", "--init", "warm.fit.json", "--quiet")

    def test_records_that_do_not_fit(self):
        self.fit()
        self.write("other.stan", "parameters { real a; } model { a ~ std_normal(); }")
        self.expect_error(2, "no parameter of the run record", "fit", "other.stan", "--init", "m.fit.json")
        record = json.loads((self.folder / "m.fit.json").read_text())
        for change, pattern in (({"approximation": {"kind": "cube"}}, "must be one of"),
                                ({"approximation": None}, "no approximation"),
                                ({"unconstrained_names": ["beta[1]"]}, "1 names for 6")):
            self.write("wrong.json", json.dumps(record | change))
            self.expect_error(2, f"--init wrong.json.*{pattern}", "fit", "m.stan", "d.json", "--init", "wrong.json")

    def stopped(self):
        """A fit that spends its budget leaves a checkpoint and says so."""
        done = self.vinci("fit", "m.stan", "d.json", "--json", "--evaluations", 3000, "--seed", 5)
        self.assertIn(done.returncode, (0, 3), done.err)
        record = json.loads(done.out)
        self.assertTrue((self.folder / "m.checkpoint.json").exists())
        self.assertIn("--resume m.checkpoint.json", " ".join(record["advice"]))
        return record

    def test_budget_spent_and_gone_on_with(self):
        stopped = self.stopped()
        state = json.loads((self.folder / "m.checkpoint.json").read_text())
        self.assertEqual(state["evaluations"], stopped["evaluations"])
        self.assertEqual(state["seed"], 5)
        record = self.fit("--resume", "m.checkpoint.json")
        self.assertEqual(record["seed"], 5)
        self.assertEqual(record["resumed_from"], "m.checkpoint.json")
        self.assertEqual(record["earlier_evaluations"], stopped["evaluations"])
        self.assertEqual(record["verdict"], "good")
        # Done: nothing is left to go on with.
        self.assertFalse((self.folder / "m.checkpoint.json").exists())
        whole = self.fit("--seed", 5)
        for name, row in whole["parameters"].items():
            self.assertAlmostEqual(record["parameters"][name]["mean"], row["mean"], delta=0.15 * row["sd"])

    def test_checkpoints_that_do_not_fit(self):
        self.stopped()
        resume = ("fit", "m.stan", "d.json", "--resume", "m.checkpoint.json")
        self.write("e.json", regression_data(6, rows=399))
        self.expect_error(2, "the data differ", "fit", "m.stan", "e.json", "--resume", "m.checkpoint.json")
        self.expect_error(2, "--seed 6.*has 5", *resume, "--seed", 6)
        self.expect_error(2, "--method bam", *resume, "--method", "bam")
        self.expect_error(2, "excludes|--init", *resume, "--init", "m.fit.json")
        self.expect_error(2, "absent.json cannot be read", "fit", "m.stan", "d.json", "--resume", "absent.json")
        self.expect_error(2, "not a checkpoint", "fit", "m.stan", "d.json", "--resume", "m.fit.json")
        self.write("p.stan", REGRESSION.replace("normal(0, 2)", "normal(0, 3)"))
        self.expect_error(2, "another program", "fit", "p.stan", "d.json", "--resume", "m.checkpoint.json")
        text = (self.folder / "m.checkpoint.json").read_text()
        for old, new, pattern in (('"vinci_version":"', '"vinci_version":"9.', "written by vinci 9."),
                                  ('"seed":5', '"seed":"x"', "damaged: `seed`"), ('"kind":"', '"kind":"x', "damaged"),
                                  ('"unconstrained_names":[', '"unconstrained_names":["a",', "7 names for 6")):
            self.assertIn(old, text)
            self.write("wrong.json", text.replace(old, new, 1))
            self.expect_error(2, pattern, "fit", "m.stan", "d.json", "--resume", "wrong.json")
        self.write("wrong.json", '{"vinci_checkpoint": 1, "approximation": ' + "[" * 100_000 + "]" * 100_000 + "}")
        self.expect_error(2, "not a checkpoint", "fit", "m.stan", "d.json", "--resume", "wrong.json")
        for size in range(0, len(text) - 2, 97):
            self.write("wrong.json", text[:size])
            self.expect_error(2, "not a checkpoint", "fit", "m.stan", "d.json", "--resume", "wrong.json")

    def test_no_checkpoint_where_none_is_wanted(self):
        done = self.vinci("fit", "m.stan", "d.json", "--quiet", "--evaluations", 3000, "--checkpoint-every", 0)
        self.assertIn(done.returncode, (0, 3), done.err)
        self.assertFalse((self.folder / "m.checkpoint.json").exists())


class Calibrate(VinciTest):
    FOLDER = EXAMPLES / "calibration"

    def test_regression_is_calibrated(self):
        self.write("m.stan", """data { int N; vector[N] x; }
transformed data {
  real alpha_ = normal_rng(0, 1);
  real beta_ = normal_rng(0, 1);
  array[N] real y = normal_rng(alpha_ + beta_ * x, 1);
}
parameters { real alpha; real beta; }
model { alpha ~ normal(0, 1); beta ~ normal(0, 1); y ~ normal(alpha + beta * x, 1); }
generated quantities {
  vector[2] pars_ = [alpha_, beta_]';
  array[2] int ranks_ = {alpha > alpha_, beta > beta_};
}
""")
        self.write("d.json", json.dumps({"N": 10, "x": [0.2 * i for i in range(10)]}))
        done = self.expect(0, "calibrate", "m.stan", "d.json", "--json", "--replicas", 40, "--threads", 2)
        result = json.loads(done.out)
        self.assertEqual(result["verdict"], "calibrated")
        self.assertEqual(result["usable"], 40)
        self.assertEqual(list(result["parameters"]), ["alpha", "beta"])
        for row in result["parameters"].values():
            self.assertEqual(len(row["p"]), 40)
            self.assertTrue(all(0 <= p <= 1 for p in row["p"]))
            self.assertEqual(row["finding"], "calibrated")
        again = self.expect(0, "calibrate", "m.stan", "d.json", "--json", "--replicas", 40, "--threads", 1)
        same = json.loads(again.out)
        self.assertEqual(same["parameters"], result["parameters"])  # whatever the number of threads
        text = self.expect(0, "calibrate", "m.stan", "d.json", "--replicas", 40).out
        self.assertIn("verdict: calibrated", text)
        self.assertRegex(text, r"alpha +0\.\d")

    def test_coordinate_ascent_is_calibrated(self):
        # Each replica is compiled to conjugate factors anew: transformed data drew other outcomes.
        self.write("m.stan", """data { int N; }
transformed data {
  real tau_ = gamma_rng(4, 2);
  real mu_ = normal_rng(0, 1 / sqrt(tau_));
  array[N] real y = normal_rng(rep_vector(mu_, N), 1 / sqrt(tau_));
}
parameters { real mu; real<lower=0> tau; }
model { tau ~ gamma(4, 2); mu ~ normal(0, inv_sqrt(tau)); y ~ normal(mu, inv_sqrt(tau)); }
generated quantities { array[2] int ranks_ = {mu > mu_, tau > tau_}; }
""")
        self.write("d.json", '{"N": 5}')
        for method in ("cavi", "auto"):
            done = self.expect(0, "calibrate", "m.stan", "d.json", "--json", "--replicas", 60, "--method", method)
            result = json.loads(done.out)
            self.assertEqual(result["verdict"], "calibrated")
            self.assertEqual(result["verdicts"]["good"], 60)
        self.write("r.stan", "transformed data { real y = normal_rng(0, 1); } parameters { real x; } "
                             "model { x ~ logistic(0, 1); y ~ normal(x, 1); } generated quantities { array[1] int ranks_ = {x > 0}; }")
        self.expect_error(2, "`logistic` is not among the conjugate densities", "calibrate", "r.stan", "--method", "cavi")

    def test_a_wrong_model_is_found(self):
        # The fit believes the noise half of what it is.
        self.write("m.stan", """transformed data {
  real mu_ = normal_rng(0, 1);
  array[5] real y = normal_rng(rep_vector(mu_, 5), 2);
}
parameters { real mu; }
model { mu ~ normal(0, 1); y ~ normal(mu, 0.5); }
generated quantities { array[1] int ranks_ = {mu > mu_}; }
""")
        done = self.expect(3, "calibrate", "m.stan", "--json", "--replicas", 60)
        result = json.loads(done.out)
        self.assertEqual(result["verdict"], "not calibrated")
        self.assertEqual(result["parameters"]["pars_[1]"]["finding"], "q is too narrow")

    def test_examples(self):
        data = self.FOLDER / "eight_schools.json"
        good = self.expect(0, "calibrate", self.FOLDER / "eight_schools_noncentered.stan", data, "--json", "--replicas", 60)
        self.assertEqual(json.loads(good.out)["verdict"], "calibrated")
        bad = self.expect(3, "calibrate", self.FOLDER / "eight_schools_centered.stan", data, "--json", "--replicas", 60,
                          "--family", "mean-field")
        result = json.loads(bad.out)
        self.assertEqual(result["verdict"], "not calibrated")
        self.assertNotEqual(result["parameters"]["tau"]["finding"], "calibrated")

    def test_what_cannot_be_calibrated(self):
        self.write("m.stan", NORMAL)
        self.write("d.json", NORMAL_DATA)
        self.expect_error(2, "`ranks_`", "calibrate", "m.stan", "d.json")
        self.expect_error(2, "replicas is 1", "calibrate", "m.stan", "d.json", "--replicas", 1)
        self.expect_error(2, "data-missing", "calibrate", "m.stan")
        self.write("r.stan", "parameters { real x; } model { x ~ std_normal(); } generated quantities { real ranks_ = x; }")
        done = self.expect(3, "calibrate", "r.stan", "--replicas", 3)
        self.assertIn("must be 1 where", done.out)
        self.assertIn("verdict: unknown", done.out)


def number(x):
    return float(x.replace("Infinity", "inf")) if isinstance(x, str) else float(x)


class Eval(VinciTest):
    # Density, gradient, constrained values; solvers of differential equations agree to their tolerance. hier_2pl: the
    # derivative of Stan's bernoulli_logit is off where a success is e^20 times likelier than a failure.
    LOOSE = {"lotka_volterra": (1e-2, 2e-1, 1e-2), "soil_incubation": (4e-6, 1e-3, 1e-4), "sir": (1e-5, 1e-3, 1e-4),
             "one_comp_mm_elim_abs": (1e-5, 1e-3, 1e-4), "hier_2pl": (1e-8, 1e-6, 1e-10)}
    SOLVERS = ("lotka_volterra", "soil_incubation", "sir", "one_comp_mm_elim_abs")

    def assert_close(self, got, expected, tolerance, where):
        got, expected = number(got), number(expected)
        if math.isnan(expected) or got == expected:
            return
        error = abs(got - expected) / max(1, abs(expected))
        self.assertLessEqual(error, tolerance, f"{where}: {got!r}, expected {expected!r}")

    def test_golden_posteriors(self):
        if SHARED is None or not (SHARED / "posteriors").is_dir():
            self.skipTest("no folder of shared posteriors")
        count = 0
        for golden_file in sorted((SHARED / "posteriors").glob("*/golden.json")):
            golden = json.loads(golden_file.read_text())
            program = ROOT / f"tests/posteriors/programs/{golden['program']}.stan"
            if not program.exists():
                continue
            count += 1
            with self.subTest(golden["posterior"]):
                points = [p for p in golden["points"]
                          if golden["program"] not in self.SOLVERS or p["source"] != "random"]
                self.write("points.json", json.dumps({"points": [p["theta_unc"] for p in points]}))
                done = self.expect(0, "eval", program, golden_file.with_name("data.json"), "--points", "points.json")
                result = json.loads(done.out)
                names = golden["constrained_names"]
                self.assertEqual(result["names"][:len(names)], names)
                tolerance, of_gradient, of_constrained = self.LOOSE.get(golden["program"], (1e-8, 1e-8, 1e-10))
                for k, point in enumerate(points):
                    where = f"point {k} ({point['source']})"
                    value = number(result["log_density"][k])
                    if "error" in point or not math.isfinite(number(point["lp"])):
                        self.assertEqual(value, -math.inf, where)
                        continue
                    self.assert_close(value, point["lp"], tolerance, where)
                    self.assert_close(result["log_density_no_jacobian"][k], point["lp_nojac"], tolerance, where)
                    for i, expected in enumerate(point["grad"]):
                        self.assert_close(result["gradient"][k][i], expected, of_gradient, f"{where} gradient {i}")
                    for i, expected in enumerate(point["constrained"]):
                        self.assert_close(result["constrained"][k][i], expected, of_constrained, f"{where} {names[i]}")
        self.assertGreater(count, 0)

    def test_seventeen_digits(self):
        self.write("m.stan", "parameters { real<lower=0> s; } model { s ~ exponential(1); }")
        self.write("p.json", '{"points": [[0.1]]}')
        result = json.loads(self.expect(0, "eval", "m.stan", "--points", "p.json").out)
        self.assertEqual(result["names"], ["s"])
        self.assertAlmostEqual(result["log_density"][0], 0.1 - math.exp(0.1), delta=4e-16)
        self.assertAlmostEqual(result["log_density_no_jacobian"][0], -math.exp(0.1), delta=4e-16)
        self.assertAlmostEqual(result["gradient"][0][0], 1 - math.exp(0.1), delta=4e-16)
        self.assertAlmostEqual(result["constrained"][0][0], math.exp(0.1), delta=4e-16)

    def test_wrong_points(self):
        self.write("m.stan", NORMAL)
        self.write("d.json", NORMAL_DATA)
        for text, pattern in (('{"points": [[1, 2]]}', "1 unconstrained parameter"), ('{"points": [["a"]]}', "not a number"),
                              ('{"points": 3}', "not of the form"), ('{"points": [[1]', "not of the form"), ("", "form"),
                              ("[" * 10000, "form")):
            self.write("p.json", text)
            self.expect_error(2, pattern, "eval", "m.stan", "d.json", "--points", "p.json")
        self.expect_error(2, "absent.json", "eval", "m.stan", "d.json", "--points", "absent.json")
        self.write("p.json", '{"points": []}')
        result = json.loads(self.expect(0, "eval", "m.stan", "d.json", "--points", "p.json").out)
        self.assertEqual(result["log_density"], [])


class Estimators(VinciTest):
    SCHOOLS = (EXAMPLES / "eight_schools.stan", EXAMPLES / "eight_schools.json")
    QUICK = ("--estimates", 100, "--reference-draws", 20000)

    def test_table_plot_and_drawing(self):
        done = self.expect(0, "estimators", *self.SCHOOLS, *self.QUICK, "--plot", "plot.svg")
        for part in ("mean-field normal (20 parameters) at pathfinder", "per eval.", "var x time",
                     "sticking the landing", "score, Rao-Blackwell", "DReG, k = 8 (L_8)", "logarithmic", "1e",
                     "plot: plot.svg"):
            self.assertIn(part, done.out)
        svg = (self.folder / "plot.svg").read_text()
        self.assertTrue(svg.startswith("<svg") and svg.endswith("</svg>\n"))
        self.assertIn("sticking the landing", svg)
        self.assertNotRegex(svg, "<script|href")

    def test_numbers_as_json(self):
        done = self.expect(0, "estimators", *self.SCHOOLS, *self.QUICK, "--json")
        study = json.loads(done.out)
        self.assertEqual((study["dim"], study["num_params"]), (10, 20))
        rows = {row["name"]: row for row in study["estimators"]}
        for row in rows.values():
            self.assertNotIn("left_out", row)
            # Unbiased: the distance from the reference is of the size of its noise.
            self.assertLess(row["bias"], 5 * row["bias_noise"], row["name"])
        self.assertLess(10 * rows["pathwise, closed entropy"]["variance_per_evaluation"],
                        rows["score"]["variance_per_evaluation"])
        # Schools meet only through mu and tau: most of the score's noise is not theirs.
        self.assertLess(2 * rows["score, Rao-Blackwell"]["variance"], rows["score"]["variance"])

    def test_lectures_b3_score_is_noisier_than_pathwise(self):
        # In one dimension and near the optimum only the path derivative is the quieter one.
        factor = {"one_logistic_observation": ("sticking the landing", 5),
                  "logistic_regression": ("pathwise, closed entropy", 20)}
        for name, (pathwise, least) in factor.items():
            with self.subTest(name):
                program = EXAMPLES / f"lectures/{name}.stan"
                done = self.expect(0, "estimators", program, program.with_suffix(".json"), "--estimates", 1000,
                                   "--reference-draws", 20000, "--json")
                rows = {row["name"]: row["variance_per_evaluation"] for row in json.loads(done.out)["estimators"]}
                self.assertGreater(rows["score"], least * rows[pathwise])
                self.assertGreater(rows["score"], rows["score, control variate"])

    def test_of_discrete_parameters(self):
        self.write("m.stan", """
parameters { array[6] int<lower=0, upper=1> z; real x; }
model {
  x ~ normal(0, 1);
  for (i in 1:6) target += 0.5 * z[i] * x + (i < 6 ? 0.8 * z[i] * z[i + 1] : 0);
}""".replace("z[i + 1]", "z[min(i + 1, 6)]"))
        done = self.expect(0, "estimators", "m.stan", *self.QUICK, "--json")
        rows = {row["name"]: row for row in json.loads(done.out)["estimators"]}
        self.assertLess(rows["local expectation"]["variance"], rows["score, leave one out"]["variance"])
        self.assertLess(rows["DisARM, Rao-Blackwell"]["variance"], rows["score"]["variance"])
        for name, row in rows.items():
            if "biased" not in name:
                self.assertLess(row["bias"], 5 * row["bias_noise"], name)
        self.assertIn("Concrete, t = 0.5 (biased)", rows)
        self.expect_error(2, "studied at a mean-field q of its own", "estimators", "m.stan", "--at", "advi")

    def test_at_a_given_approximation(self):
        self.write("m.stan", NORMAL)
        self.write("d.json", NORMAL_DATA)
        # The posterior itself: N(6/4, 1/4).
        self.write("q.json", '{"mean": [1.5], "sd": [0.5]}')
        done = self.expect(0, "estimators", "m.stan", "d.json", "--at", "q.json", *self.QUICK, "--json")
        rows = {row["name"]: row for row in json.loads(done.out)["estimators"]}
        self.assertLess(rows["sticking the landing"]["variance"], 1e-20)
        self.assertGreater(rows["pathwise"]["variance"], 1e-3)
        self.write("c.json", '{"mean": [1.5], "factor": [[0.5]]}')
        done = self.expect(0, "estimators", "m.stan", "d.json", "--at", "c.json", "--family", "full-rank", *self.QUICK)
        self.assertIn("left out: Hessian control variate", done.out)
        self.expect(0, "estimators", "m.stan", "d.json", "--at", "advi", *self.QUICK)

    def test_wrong_options_say_why(self):
        self.write("m.stan", NORMAL)
        self.write("d.json", NORMAL_DATA)
        self.write("none.stan", "model {}")
        run = ("estimators", "m.stan", "d.json")
        for pattern, name, text in ((r"`mean` of q.json has 2 numbers; the model has 1", "q.json", '{"mean": [1, 2]}'),
                                    (r"has no list `sd`", "q.json", '{"mean": [1]}'),
                                    (r"deviations are positive", "q.json", '{"mean": [1], "sd": [0]}'),
                                    (r"not a finite number", "q.json", '{"mean": ["x"], "sd": [1]}'),
                                    (r"takes --family full-rank", "q.json", '{"mean": [1], "factor": [[1]]}'),
                                    (r"is not of the form", "q.json", "[1")):
            self.write(name, text)
            self.expect_error(2, pattern, *run, "--at", name)
        self.write("q.json", '{"mean": [1], "factor": [[-1]]}')
        self.expect_error(2, "the diagonal is positive", *run, "--at", "q.json", "--family", "full-rank")
        self.expect_error(2, "nor a file that can be read", *run, "--at", "nothing.json")
        self.expect_error(2, "draws is 0", *run, "--draws", 0)
        self.expect_error(2, "bound_draws is 1", *run, "--bound-draws", 1)
        self.expect_error(2, "--family", *run, "--family", "wide")
        self.expect_error(2, "has no parameters", "estimators", "none.stan")


def png(width, height, rows, bits=8, colour=0, interlace=0, chunks=b""):
    """A PNG file; `rows` are the bytes of the rows without their filter bytes, or None for no pixels at all."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)) + chunks
    if rows is not None:
        size = len(rows) // height
        raw = b"".join(b"\0" + rows[r * size:(r + 1) * size] for r in range(height))
        out += chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return out


def read_png(path):
    """Width, height and bytes of an 8-bit PNG that vinci wrote."""
    data = path.read_bytes()
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    packed, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += 12 + size
    raw, step = zlib.decompress(packed), 3 if colour == 2 else 1
    row_bytes, rows, above = width * step, [], bytes(width * step)
    for r in range(height):
        kind, row = raw[r * (row_bytes + 1)], bytearray(raw[r * (row_bytes + 1) + 1:(r + 1) * (row_bytes + 1)])
        for i in range(row_bytes):
            left, up = row[i - step] if i >= step else 0, above[i]
            corner = above[i - step] if i >= step else 0
            paeth = min((abs(left + up - corner - v), k, v) for k, v in enumerate((left, up, corner)))[2]
            row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
        rows.append(bytes(row))
        above = row
    assert bits == 8
    return width, height, b"".join(rows)


class Denoise(VinciTest):
    """vinci denoise: a disc on a ground, noise of both kinds, files that are no images."""

    WIDTH, HEIGHT = 61, 48

    def setUp(self):
        super().setUp()
        self.clean = bytes(255 * ((x - 30) ** 2 + (y - 20) ** 2 < 200) for y in range(self.HEIGHT) for x in range(self.WIDTH))
        self.write("clean.png", png(self.WIDTH, self.HEIGHT, self.clean))

    def noisy(self, noise, *arguments):
        self.expect(0, "denoise", "clean.png", "--add-noise", noise, "-o", "noisy.png", *arguments)

    def json(self, *arguments, status=0):
        return json.loads(self.expect(status, "denoise", "noisy.png", "--truth", "clean.png", "--json", *arguments).out)

    def test_every_method_beats_the_noise(self):
        for noise, range_ in (("gaussian:1", "64:191"), ("flip:0.15", "0:255")):
            self.noisy(noise, "--range", range_)
            for method in ("meanfield", "icm", "tree"):
                for known in (("--noise", noise, "--range", range_), ()):
                    with self.subTest(noise=noise, method=method, known=known):
                        record = self.json("--method", method, *known, "-o", "out.png", "--mean", "mean.png")
                        self.assertTrue(record["converged"])
                        self.assertEqual(record["verdict"], "good" if known else "usable")
                        self.assertLess(record["error_rate"], 0.35 * record["noisy_error_rate"])
                        self.assertAlmostEqual(record["noise_value"], float(noise.split(":")[1]), delta=0.12)
                        width, height, pixels = read_png(self.folder / "out.png")
                        self.assertEqual((width, height), (self.WIDTH, self.HEIGHT))
                        wrong = sum(a != b for a, b in zip(pixels, self.clean)) / len(pixels)
                        self.assertAlmostEqual(wrong, record["error_rate"], places=12)
                        self.assertAlmostEqual(record["psnr"], -10 * math.log10(wrong), places=6)
                        mean = read_png(self.folder / "mean.png")[2]
                        self.assertTrue(all((m > 127) == (p > 127) or m in (127, 128) for m, p in zip(mean, pixels)))

    def test_report_says_what_was_done(self):
        self.noisy("flip:0.1")
        done = self.expect(0, "denoise", "noisy.png", "-o", "out.png", "--truth", "clean.png")
        for pattern in (r"^noisy.png: 61 by 48 pixels, grey; 2 levels, 4 neighbours, coupling 0.7\n", r"flips with probability 0\.\d+, learned",
                        r"method +mean field, \d+ sweeps in .*, converged", r"ELBO -?\d+\.\d", r"truth +\d+(\.\d+)? % of pixels wrong",
                        r"verdict: usable\n", r"above the critical one, 0.441", r"The noise was learned", r"image: out.png\n$"):
            self.assertRegex(done.out, pattern)
        self.assertEqual(self.expect(0, "denoise", "noisy.png", "-o", "out.png", "--quiet").out, "")

    def test_same_seed_same_noise_and_any_threads_same_image(self):
        images = []
        for seed, threads in ((1, 1), (1, 2), (2, 1)):
            self.noisy("gaussian:1", "--seed", seed)
            self.expect(0, "denoise", "noisy.png", "-o", "out.png", "--threads", threads, "--quiet")
            images.append(((self.folder / "noisy.png").read_bytes(), (self.folder / "out.png").read_bytes()))
        self.assertEqual(images[0], images[1])
        self.assertNotEqual(images[0][0], images[2][0])

    def test_trace_is_a_strip_a_plot_and_a_table(self):
        self.noisy("flip:0.15")
        self.expect(0, "denoise", "noisy.png", "-o", "out.png", "--truth", "clean.png", "--trace", "t/deep", "--quiet",
                    "--noise", "flip:0.15")
        with open(self.folder / "t/deep/trace.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertGreater(len(rows), 5)
        bounds = [float(row["elbo"]) for row in rows]
        # Coordinate ascent: the bound never falls.
        self.assertTrue(all(b >= a - 1e-6 * abs(a) for a, b in zip(bounds, bounds[1:])))
        self.assertLess(float(rows[-1]["error_percent"]), 0.5 * float(rows[0]["error_percent"]))
        width, height, _ = read_png(self.folder / "t/deep/iterations.png")
        self.assertEqual(height, self.HEIGHT)
        self.assertEqual((width + 4) % (self.WIDTH + 4), 0)
        svg = (self.folder / "t/deep/bound.svg").read_text()
        self.assertRegex(svg, r"(?s)^<svg .*ELBO, nats.*error, % of pixels.*</svg>\n$")

    def test_schedules_damping_and_learned_coupling(self):
        self.noisy("gaussian:1.5", "--range", "80:175")
        known = ("--noise", "gaussian:1.5", "--range", "80:175", "--coupling", 0.45, "--tolerance", 1e-5)
        board = self.json(*known)
        damped = self.json(*known, "--schedule", "simultaneous", "--damping", 0.5)
        self.assertAlmostEqual(board["elbo"], damped["elbo"], delta=0.1)
        learned = self.json("--coupling", "learn")
        self.assertTrue(0.3 < learned["coupling"] < 1.5, learned["coupling"])
        self.assertLess(learned["error_rate"], 0.2 * learned["noisy_error_rate"])
        stopped = self.json(*known, "--sweeps", 2, status=3)
        self.assertEqual(stopped["verdict"], "bad")
        self.assertRegex(" ".join(stopped["reasons"]), "did not converge.*--sweeps")

    def test_bounds_bracket_the_evidence(self):
        self.noisy("flip:0.2")
        known = ("--noise", "flip:0.2", "--coupling", 0.3, "--tolerance", 1e-5)
        lower = self.json(*known)["elbo"]
        upper = self.json(*known, "--method", "tree", "--tree-weight", 0.5, "--damping", 0.5)["log_evidence"]
        estimate = self.json(*known, "--method", "tree")["log_evidence"]
        self.assertTrue(lower < estimate < upper, (lower, estimate, upper))

    def test_greys_and_colours(self):
        width, height = 40, 30
        grey = bytes(85 * (x // 10) for y in range(height) for x in range(width))
        self.write("grey.png", png(width, height, grey))
        for noise in ("gaussian:0.25", "flip:0.2"):
            self.expect(0, "denoise", "grey.png", "--add-noise", noise, "--levels", 4, "-o", "noisy.png")
            for method in ("meanfield", "icm", "tree"):
                record = json.loads(self.expect(0, "denoise", "noisy.png", "--levels", 4, "--noise", noise, "--method", method,
                                                "--truth", "grey.png", "--json", "-o", "out.png").out)
                self.assertEqual(record["neighbours"], 8)
                self.assertLess(record["error_rate"], 0.3 * record["noisy_error_rate"], (noise, method))
        colours = [(200, 30, 30), (30, 200, 30), (30, 30, 220)]
        rgb = b"".join(bytes(colours[(x // 10 + y // 10) % 3]) for y in range(height) for x in range(width))
        self.write("rgb.png", png(width, height, rgb, colour=2))
        self.expect(0, "denoise", "rgb.png", "--add-noise", "gaussian:0.5", "--levels", 3, "-o", "noisy.png")
        record = json.loads(self.expect(0, "denoise", "noisy.png", "--levels", 3, "--truth", "rgb.png", "--json", "-o", "out.png").out)
        self.assertEqual(record["channels"], 3)
        self.assertLess(record["error_rate"], 0.02)
        # Without --levels a colour image is taken for its brightness.
        done = self.expect(0, "denoise", "rgb.png", "-o", "out.png")
        self.assertIn("grey; 2 levels", done.out)

    def test_doubtful_results_say_so(self):
        self.noisy("flip:0.49")
        record = self.json("--noise", "flip:0.49", "--coupling", 0.1, status=3)
        self.assertRegex(" ".join(record["reasons"]), "says little")
        self.noisy("gaussian:8", "--range", "119:136")
        record = self.json("--noise", "gaussian:8", "--range", "119:136", "--coupling", 1.2, status=3)
        self.assertRegex(" ".join(record["reasons"]), "says little.*above the critical one")

    def test_smallest_images(self):
        for width, height in ((1, 1), (1, 9), (9, 1), (2, 2)):
            for value in (0, 255):
                self.write("one.png", png(width, height, bytes([value]) * (width * height)))
                for arguments in ((), ("--noise", "flip:0.1"), ("--noise", "gaussian:1"), ("--method", "tree"), ("--levels", 3),
                                  ("--coupling", "learn")):
                    done = self.vinci("denoise", "one.png", "-o", "out.png", *arguments)
                    self.assertIn(done.returncode, (0, 3), f"{width}x{height} {value} {arguments}: {done.err}")
                    self.assertEqual(read_png(self.folder / "out.png")[:2], (width, height))
                    if arguments and arguments[0] == "--noise":
                        self.assertEqual(read_png(self.folder / "out.png")[2], bytes([value]) * (width * height))

    def test_files_that_are_no_images(self):
        self.noisy("flip:0.1")
        whole = (self.folder / "noisy.png").read_bytes()
        for content, pattern in ((b"", r"neither PNG, BMP nor.*it is empty \[image-format\]"), (b"\xff\xd8\xff\xe0", "it is a JPEG file"),
                                 (whole[:-20], r"`bad.png` ends (within|after) its pixels.*\n.*hint: the file was cut off"),
                                 (whole[:40], "ends before its pixels"), (whole[:60] + b"\0\0\0\0" + whole[64:], "is damaged"),
                                 (png(30000, 30000, None), r"30000 pixels wide and 30000 high; at most 134 million pixels are read \[image-size\]"),
                                 (png(0, 4, None), "has no pixels"),
                                 (png(11000, 12000, None) + b"\0\0\0\0IDAT\x35\xaf\x06\x1e", "they cannot hold so many")):
            self.write("bad.png", content)
            # A small file may not take much memory.
            limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
            self.expect_error(2, pattern, "denoise", "bad.png", "-o", "out.png", preexec_fn=limit)
        self.expect_error(2, r"\[file-not-found\]", "denoise", "absent.png", "-o", "out.png")
        self.expect_error(2, r"\[file-unreadable\]", "denoise", ".", "-o", "out.png")
        self.write("small.png", png(2, 2, b"abcd"))
        self.expect_error(2, "`small.png` of --truth is 2 by 2 pixels, and `noisy.png` 61 by 48", "denoise", "noisy.png", "-o",
                          "out.png", "--truth", "small.png")

    def test_other_forms_of_png_are_read(self):
        wide = b"".join(struct.pack(">H", 257 * v) for v in self.clean)
        self.write("wide.png", png(self.WIDTH, self.HEIGHT, wide, bits=16))
        self.assertIn("16 bits a channel were rounded to 8", self.expect(0, "denoise", "wide.png", "-o", "out.png").out)
        self.assertEqual(read_png(self.folder / "out.png")[2], self.clean)
        alpha = b"".join(bytes([0, 255 - v]) for v in self.clean)
        self.write("alpha.png", png(self.WIDTH, self.HEIGHT, alpha, colour=4))
        self.assertIn("laid on white", self.expect(0, "denoise", "alpha.png", "-o", "out.png").out)
        self.assertEqual(read_png(self.folder / "out.png")[2], self.clean)

    def test_options_that_do_not_fit(self):
        self.noisy("flip:0.1")
        run = ("denoise", "noisy.png", "-o", "out.png")
        for arguments, pattern in ((("--noise", "gaussian:nan"), "`--noise gaussian:nan`: expected"), (("--noise", "flip:0.5"), "between 0 and 1/2"),
                                   (("--noise", "flip:-1"), "between 0 and 1/2"), (("--noise", "gaussian:0"), "is positive"),
                                   (("--noise", "salt"), "expected `gaussian:SIGMA`"), (("--coupling", "nan"), "expected a number"),
                                   (("--coupling", "-0.5"), "`coupling` is -0.5; it is between 0"), (("--coupling", "1e9"), "it is between 0"),
                                   (("--coupling", "learn", "--levels", 4), "can be learned for two levels"), (("--levels", 1), "2 to 256"),
                                   (("--levels", 300), "2 to 256"), (("--neighbours", 5), "4 or 8"), (("--damping", 1), "less than 1"),
                                   (("--damping", "nan"), "less than 1"), (("--sweeps", 0), "at least 1"), (("--tolerance", "nan"), "at least 0"),
                                   (("--tree-weight", 0), "positive and at most 1"), (("--range", "200:100"), "expected LOW:HIGH"),
                                   (("--range", "7"), "expected LOW:HIGH"), (("--method", "magic"), "magic"), (("--mean", "m.jpg"), "written as PNG"),
                                   (("--threads", -1), "threads")):
            with self.subTest(arguments):
                self.expect_error(2, pattern, *run, *arguments)

    def test_output_that_cannot_be_written(self):
        self.noisy("flip:0.1")
        self.expect_error(1, "`absent/out.png` cannot be written: its directory does not exist", "denoise", "noisy.png", "-o",
                          "absent/out.png", "--quiet")
        if pathlib.Path("/dev/full").exists():
            self.expect_error(1, "no space left", "denoise", "noisy.png", "-o", "/dev/full", "--quiet")

    def test_interrupted_run_writes_what_it_has(self):
        size = 700
        self.write("large.png", png(size, size, bytes((x * y * 7919) >> 3 & 255 for y in range(size) for x in range(size))))
        process = subprocess.Popen([VINCI, "denoise", "large.png", "-o", "out.png", "--levels", "16", "--noise", "gaussian:0.3",
                                    "--sweeps", "1000000", "--tolerance", "0", "--json"], cwd=self.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, 3)
        record = json.loads(out)
        self.assertTrue(record["interrupted"])
        self.assertEqual(read_png(self.folder / "out.png")[:2], (size, size))


class Programs(VinciTest):
    """`vinci check` and `vinci format` over the test programs."""

    def diagnostics(self, status, path):
        done = self.expect(status, "check", "--diagnostics=json", path)
        self.assertEqual(done.out, "")
        return json.loads(done.err)["diagnostics"]

    def test_good_programs_are_silent_about_errors(self):
        paths = sorted((PROGRAMS / "good").glob("*.stan")) + sorted(EXAMPLES.glob("*.stan"))
        done = self.expect(0, "check", *paths)
        self.assertNotIn(": error:", done.err)

    def test_legacy_programs_warn(self):
        for path in sorted((PROGRAMS / "legacy").glob("*.stan")):
            with self.subTest(path.name):
                found = self.diagnostics(0, path)
                self.assertLessEqual({d["severity"] for d in found}, {"warning"})
                groups = itertools.groupby(found, lambda d: d["kind"])
                said = [f"{kind} at {', '.join(str(d['line']) for d in of_kind)}" for kind, of_kind in groups]
                self.assertEqual(path.read_text().splitlines()[0], "// warn: " + ("; ".join(said) or "nothing"))

    def test_bad_programs_get_their_diagnostic(self):
        paths = sorted((PROGRAMS / "bad").glob("*.stan"))
        self.assertGreater(len(paths), 50)
        for path in paths:
            with self.subTest(path.name):
                first = path.read_text(errors="replace").splitlines()[0]
                kind, line, column = re.match(r"// expect: ([\w-]+) at (\d+):(\d+)$", first).groups()
                errors = [d for d in self.diagnostics(2, path) if d["severity"] == "error"]
                self.assertEqual([(d["kind"], d["line"], d["column"]) for d in errors],
                                 [(kind, int(line), int(column))])

    def test_format_is_a_fixed_point(self):
        paths = [path for folder in ("tests/programs/good", "tests/programs/legacy", "tests/posteriors/programs", "tests/posteriors/discrete", "examples", "examples/discrete")
                 for path in sorted((ROOT / folder).glob("*.stan"))]
        copies = self.folder / "copies"
        copies.mkdir()
        names = []
        for i, path in enumerate(paths):
            names.append(copies / f"{i}_{path.name}")
            names[-1].write_bytes(path.read_bytes())
        # Includes are not followed, so copies format as well as the programs.
        self.expect(0, "format", "--in-place", *names)
        done = self.expect(0, "format", "--check", *names)
        self.assertEqual(done.out, "")
        changed = self.expect(0, "format", names[0])
        self.assertEqual(changed.out, names[0].read_text())

    def test_format_leaves_wrong_programs_alone(self):
        text = "model { x ~ ; }\n"
        self.write("m.stan", text)
        self.expect_error(2, r"m\.stan:1:13: error: ", "format", "--in-place", "m.stan")
        self.assertEqual((self.folder / "m.stan").read_text(), text)

    def test_compile_dumps_every_stage(self):
        for stage in ("tokens", "ast", "typed", "graph", "plan"):
            done = self.expect(0, "compile", EXAMPLES / "eight_schools.stan", EXAMPLES / "eight_schools.json",
                               f"--dump={stage}")
            self.assertGreater(done.out.count("\n"), 5, stage)


class BadProgram(VinciTest):
    def test_no_program(self):
        self.expect_error(2, "program.*required", "fit")
        self.expect_error(2, "subcommand")
        self.expect_error(2, r"absent\.stan.*file-not-found", "fit", "absent.stan")
        self.expect_error(2, r"file-unreadable", "fit", ".")

    def test_unknown_option(self):
        self.write("m.stan", NORMAL)
        self.expect_error(2, "--sed", "fit", "m.stan", "--sed", 1)
        self.expect_error(2, "`fti`.*did you mean `fit`", "fti", "m.stan")

    def test_option_out_of_its_range(self):
        self.write("m.stan", "parameters { real x; } model { x ~ std_normal(); }")
        for arguments, pattern in ((["--draws", "-1"], "draws"), (["--draws", "0"], "draws"), (["--draws", "many"], "draws"),
                                   (["--seed", "-1"], "seed"), (["--threads", "-2"], "threads"),
                                   (["--budget", "-1"], "budget"), (["--budget", "nan"], "budget"),
                                   (["--evaluations", "-1"], "evaluations"), (["--digits", "40"], "digits"),
                                   (["--method", "nuts"], "auto, pathfinder"), (["--family", "cauchy"], "mean-field"),
                                   (["--diagnostics", "xml"], "diagnostics")):
            with self.subTest(arguments):
                self.expect_error(2, pattern, "fit", "m.stan", *arguments)

    def test_error_has_place_caret_and_hint(self):
        self.write("m.stan", "parameters {\n  real theta;\n}\nmodel {\n  thetta ~ normal(0, 1);\n}\n")
        done = self.expect_error(2, r"^m\.stan:5:3: error: .*`thetta`.*\[unknown-identifier\]\n"
                                 r" *thetta ~ normal\(0, 1\);\n *\^~~~~~\n", "fit", "m.stan")
        self.assertRegex(done.err, "hint: .*`theta`")

    def test_all_errors_are_reported(self):
        self.write("m.stan", "model {\n  a ~ normal(0, 1);\n  b ~ normal(0, 1);\n  real c = ;\n}\n")
        self.assertIn("m.stan:4:", self.expect_error(2, "error", "check", "m.stan").err)
        self.write("m.stan", "model {\n  target += a;\n  target += b;\n}\n")
        done = self.expect_error(2, "m.stan:2:13: error", "check", "m.stan")
        self.assertIn("m.stan:3:13: error", done.err)

    def test_nested_ten_thousand_deep(self):
        deep = 10_000
        for name, text in (
                ("parentheses", "model { target += " + "(" * deep + "1" + ")" * deep + "; }"),
                ("minus", "model { target += " + "-" * deep + "1; }"),
                ("blocks", "model " + "{" * deep + "}" * deep),
                ("ifs", "model { " + "if (1) " * deep + "target += 1; }"),
                ("sum", "model { target += 1" + " + 1" * deep + "; }"),
                ("indices", "data { vector[2] x; } model { target += " + "x[" * deep + "1" + "]" * deep + "; }"),
                ("arrays", "data { array[2] " + "array[2] " * deep + "real x; }"),
                ("braces", "transformed data { real x = " + "{" * deep + "1" + "}" * deep + "; }"),
                ("open", "(" * 1_000_000)):
            with self.subTest(name):
                self.write("m.stan", text)
                done = self.vinci("check", "m.stan")
                self.assertIn(done.returncode, (0, 2))
                if name != "sum":
                    self.assertRegex(done.err, r"m\.stan:1:\d+: error: ")
                # Formatting walks the same trees.
                self.assertIn(self.vinci("format", "m.stan").returncode, (0, 2))

    def test_huge_program(self):
        with open(self.folder / "m.stan", "wb") as file:
            file.truncate(200 << 20)
        self.expect_error(2, r"m\.stan.*file-too-large", "fit", "m.stan")

    def test_long_program_within_the_limit(self):
        self.write("m.stan", "model {\n" + "  target += 1;\n" * 100_000 + "}\n")
        self.expect(0, "check", "m.stan")

    def test_bytes_that_are_no_program(self):
        for text in (b"", b"\x00" * 100, bytes(range(256)), b"\xff\xfe" * 1000, b"model {", b"model { /*", b'model { print("a',
                     b"\x1b[31mmodel { }"):
            self.write("m.stan", text)
            done = self.vinci("check", "m.stan")
            self.assertIn(done.returncode, (0, 2))
            self.assertNotIn("\x1b", done.err)
            self.assertNotIn("\x00", done.err)

    def test_diagnostics_as_json(self):
        self.write("m.stan", "model {\n  target += a;\n}\n")
        done = self.expect(2, "fit", "m.stan", "--diagnostics=json")
        found = json.loads(done.err)
        self.assertEqual(found["errors"], 1)
        first = found["diagnostics"][0]
        self.assertEqual((first["file"], first["line"], first["column"], first["kind"]),
                         ("m.stan", 2, 13, "unknown-identifier"))


class BadData(VinciTest):
    def setUp(self):
        super().setUp()
        self.write("m.stan", NORMAL)

    def expect_data_error(self, text, pattern, status=2):
        self.write("d.json", text)
        return self.expect_error(status, pattern, "fit", "m.stan", "d.json")

    def test_missing_file(self):
        self.expect_error(2, r"absent\.json.*file-not-found", "fit", "m.stan", "absent.json")
        self.expect_error(2, r"file-unreadable", "fit", "m.stan", ".")
        self.expect_error(2, r"absent\.npy", "fit", "m.stan", "--data", "y=absent.npy")
        self.expect_error(2, r"absent\.csv", "fit", "m.stan", "--data", "y=absent.csv")
        self.expect_error(2, r"ends? in .npy", "fit", "m.stan", "--data", "y=a.txt")

    def test_missing_value(self):
        done = self.expect_data_error('{"y": [1, 2]}', r"m\.stan:2:\d+: error: .*`N`.*\[data-missing\]")
        self.assertNotIn("broken", done.err)
        self.expect_error(2, r"`N`.*\[data-missing\]", "fit", "m.stan")
        # A wrong name is likely a slip of the pen.
        self.expect_data_error('{"n": 1, "y": [1]}', r"data-missing")

    def test_wrong_type(self):
        self.expect_data_error('{"N": 2.5, "y": [1, 2]}', r"d\.json:1:\d: error: .*`N`.*\[data-type\]")
        self.expect_data_error('{"N": "two", "y": [1, 2]}', r"d\.json:1:7: error: .*\[json-value\]")
        self.expect_data_error('{"N": null, "y": [1, 2]}', r"d\.json:1:7: error: .*\[json-value\]")
        self.expect_data_error('{"N": 2, "y": [1, true]}', r"d\.json:1:19: error: .*\[json-value\]")

    def test_wrong_shape(self):
        done = self.expect_data_error('{"N": 3,\n "y": [1, 2]}', r"\[data-shape\]")
        # Both shapes and both places.
        self.assertRegex(done.err, r"d\.json:2:")
        self.assertRegex(done.err, r"m\.stan:3:")
        self.assertRegex(done.err, "`y`.*2.*3|`y`.*3.*2")
        self.expect_data_error('{"N": 3, "y": 1}', r"`y`.*\[data-shape\]")
        self.expect_data_error('{"N": [3], "y": [1, 2, 3]}', r"`N`.*\[data-shape\]")
        self.expect_data_error('{"N": 3, "y": [[1, 2, 3]]}', r"`y`.*\[data-shape\]")

    def test_nan(self):
        # A bound holds for no NaN.
        self.expect_data_error('{"N": 3, "y": [1, NaN, 3]}', r"d\.json:1:\d+: error: .*nan.*\[data-constraint\]")
        # Without a bound it is data, and the density is nowhere finite.
        self.write("m.stan", NORMAL.replace("real<lower=0>", "real"))
        self.write("d.json", '{"N": 3, "y": [1, NaN, 3]}')
        done = self.expect(3, "fit", "m.stan", "d.json")
        self.assertIn("verdict: bad", done.out)
        self.assertRegex(done.out, r"m\.stan:10:|finite")

    def test_ragged(self):
        self.write("m.stan", "data { matrix[2, 2] x; } model { }")
        self.expect_data_error('{"x": [[1, 2], [3]]}', r"d\.json:1:\d+: error: .*\[json-not-rectangular\]")
        self.expect_data_error('{"x": [[1, 2], 3]}', r"d\.json:1:\d+: error: .*\[json-not-rectangular\]")

    def test_truncated(self):
        whole = NORMAL_DATA
        for size in range(len(whole)):
            self.expect_data_error(whole[:size], r"d\.json:1:\d+: error: .*\[json-syntax\]")
        self.expect_data_error('{"N": 3,, "y": [1, 2, 3]}', r"d\.json:1:9: error: .*\[json-syntax\]")
        self.expect_data_error('[1, 2]', r"d\.json:1:1: error: .*\[json-syntax\]")

    def test_nested_ten_thousand_deep(self):
        self.expect_data_error('{"y": ' + "[" * 10_000 + "]" * 10_000 + "}", r"d\.json:1:\d+: error: .*\[nesting-too-deep\]")
        self.expect_data_error('{"other": ' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
                               r"d\.json:1:\d+: error: .*\[nesting-too-deep\]")

    def test_value_outside_its_bound(self):
        done = self.expect_data_error('{"N": 3, "y": [1, -2, 3]}', r"d\.json:1:\d+: error: .*-2.*\[data-constraint\]")
        self.assertRegex(done.err, r"m\.stan:3:")
        self.expect_data_error('{"N": -1, "y": []}', r"d\.json:1:\d+: error: .*-1.*\[data-constraint\]")

    def test_sizes_beyond_memory(self):
        self.expect_data_error('{"N": 2000000000, "y": [1]}', r"m\.stan:3:\d+: error: .*\[limit\]")

        def limit_memory():
            resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        for text in ("data { int N; } parameters { vector[N] x; } model { x ~ std_normal(); }",
                     "data { int N; } transformed data { vector[N] x = rep_vector(0, N); } model { }",
                     "data { int N; } transformed data { matrix[N, N] x; } model { }",
                     "data { int N; } parameters { cov_matrix[N] x; } model { }",
                     "data { int N; } model { array[N] real x; for (i in 1:N) x[i] = i; }"):
            with self.subTest(text):
                self.write("m.stan", text)
                self.write("d.json", '{"N": 2000000000}')
                done = self.vinci("fit", "m.stan", "d.json", preexec_fn=limit_memory)
                self.assertIn(done.returncode, (1, 2))
                self.assertRegex(done.err, r"error: .*\[|out of memory")

    def test_wrong_tables(self):
        for text, pattern in ((b"", "npy-format"), (b"\x93NUMPY", "npy-format"), (b"hello world", "npy-format")):
            self.write("y.npy", text)
            self.expect_error(2, pattern, "fit", "m.stan", "--data", "y=y.npy")
        for text, pattern in (("", "csv-format"), ("a,b\n1,2\n", "csv-format|csv-value"), ("y\n1\nx\n", "csv-value"),
                              ("y,z\n1,2\n3\n", "csv-format")):
            self.write("y.csv", text)
            self.expect_error(2, pattern, "fit", "m.stan", "--data", "y=y.csv")

    def test_initial_values(self):
        self.write("p.stan", "parameters { real<lower=0> s; vector[2] b; } model { s ~ exponential(1); b ~ std_normal(); }")
        self.write("i.json", '{"s": -1}')
        self.expect_error(2, r"`s`", "fit", "p.stan", "--init", "i.json")
        self.write("i.json", '{"b": [1, 2, 3]}')
        self.expect_error(2, r"`b`", "fit", "p.stan", "--init", "i.json")
        self.write("i.json", '{"b": [1, 2]}')
        self.expect(0, "fit", "p.stan", "--init", "i.json", "--quiet")


class BadRun(VinciTest):
    """Programs that compile and cannot be fitted."""

    def test_density_that_is_never_finite(self):
        for text in ("parameters { real x; } model { target += negative_infinity(); }",
                     "parameters { real x; } model { target += log(-1 - square(x)); }",
                     "parameters { real x; } model { x ~ normal(0, -1); }",
                     "parameters { real x; } model { target += not_a_number() * x; }",
                     "parameters { real x; } model { if (x > -1) reject(\"no\"); else reject(\"never\"); }"):
            with self.subTest(text):
                self.write("m.stan", text)
                done = self.vinci("fit", "m.stan", "--json")
                if done.returncode == 2:  # known before a point is tried
                    self.assertRegex(done.err, r"m\.stan:1:\d+: error: ")
                    continue
                self.assertEqual(done.returncode, 3, done.err)
                record = json.loads(done.out)
                self.assertEqual(record["verdict"], "bad")
                self.assertRegex(" ".join(record["reasons"]), "finite|not positive|reject")
                self.assertFalse((self.folder / "m.csv").exists())
                self.assertTrue((self.folder / "m.fit.json").exists())

    def test_improper_density(self):
        self.write("m.stan", "parameters { real x; } model { }")
        done = self.expect(3, "fit", "m.stan", "--json", "--budget", 3)
        self.assertEqual(json.loads(done.out)["verdict"], "bad")

    def test_failure_in_transformed_data(self):
        self.write("m.stan", "transformed data {\n  reject(\"out of order\");\n}\n")
        self.expect_error(2, r"m\.stan:2:\d+: error: .*out of order", "fit", "m.stan")
        self.write("m.stan", "transformed data {\n  vector[2] x = [1, 2]';\n  real y = x[3];\n}\n")
        self.expect_error(2, r"m\.stan:3:\d+: error: .*3.*\[index-range\]", "fit", "m.stan")

    def test_failure_in_generated_quantities(self):
        self.write("m.stan", "parameters { real x; } model { x ~ std_normal(); }\n"
                   "generated quantities { real y = 1; if (x > 0) reject(\"positive\"); }")
        done = self.vinci("fit", "m.stan", "--json")
        self.assertIn(done.returncode, (0, 3))
        self.assertRegex(" ".join(json.loads(done.out)["reasons"]), r"[Gg]enerated quantities failed.*positive")

    def test_endless_loop(self):
        self.write("m.stan", "transformed data {\n  while (1) { }\n}\n")
        self.expect_error(2, r"m\.stan:2:\d+: error: ", "fit", "m.stan")

    def test_endless_recursion(self):
        self.write("m.stan", "functions {\n  real f(real x) {\n    return f(x + 1);\n  }\n}\n"
                   "transformed data {\n  real y = f(0);\n}\n")
        self.expect_error(2, r"m\.stan:3:\d+: error: ", "fit", "m.stan")


class BadOutput(VinciTest):
    def setUp(self):
        super().setUp()
        self.write("m.stan", NORMAL)
        self.write("d.json", NORMAL_DATA)

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        self.expect_error(1, "/dev/full.*[Nn]o space", "fit", "m.stan", "d.json", "--quiet", "--output", "/dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([VINCI, "fit", "m.stan", "d.json"], cwd=self.folder, stdout=full,
                                  stderr=subprocess.PIPE, timeout=SECONDS)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)

    def test_folder_that_is_not_there(self):
        self.expect_error(1, "no/such/x.csv", "fit", "m.stan", "d.json", "--quiet", "--output", "no/such/x.csv")
        self.expect_error(1, "d.json/x.csv", "fit", "m.stan", "d.json", "--quiet", "--output", "d.json/x.csv")

    def test_folder_without_permission(self):
        folder = self.folder / "closed"
        folder.mkdir(mode=0o500)
        if os.access(folder, os.W_OK):  # as for root
            folder = pathlib.Path("/proc")
            if not folder.is_dir():
                self.skipTest("no folder that refuses files")
        self.expect_error(1, re.escape(str(folder)), "fit", "m.stan", "d.json", "--quiet", "--output", folder / "x.csv")

    def test_output_is_replaced_whole(self):
        self.write("m.csv", "old")
        self.expect(0, "fit", "m.stan", "d.json", "--quiet", "--draws", 100)
        names, rows = read_csv(self.folder / "m.csv")
        self.assertEqual(len(rows), 100)
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"m.stan", "d.json", "m.csv", "m.fit.json"})

    def test_draws_that_are_none(self):
        self.write("x.csv", "hello\nworld\n")
        self.expect_error(2, r"x\.csv", "summary", "x.csv")
        self.expect_error(1, r"absent\.csv", "summary", "absent.csv")

    def test_closed_pipe(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([VINCI, "fit", "m.stan", "d.json", "--json"], cwd=self.folder, stdout=writer,
                              stderr=subprocess.PIPE, timeout=SECONDS)
        os.close(writer)
        # Ended by SIGPIPE as other filters are, or by a message; the files are there in both cases.
        self.assertIn(done.returncode, (-signal.SIGPIPE, 1))
        self.assertTrue((self.folder / "m.csv").exists())


class Interrupt(VinciTest):
    """Ctrl-C keeps what there is. The model is slow (a Gaussian process of 150 points) and the budget long."""

    PROGRAM = """data {
  int N;
  array[N] real x;
  vector[N] y;
}
parameters {
  real<lower=0> rho;
  real<lower=0> alpha;
  vector[N] eta;
}
model {
  matrix[N, N] K = gp_exp_quad_cov(x, alpha, rho) + diag_matrix(rep_vector(1e-6, N));
  eta ~ std_normal();
  rho ~ inv_gamma(5, 5);
  alpha ~ std_normal();
  y ~ student_t(3, cholesky_decompose(K) * eta, 0.01);
}
generated quantities {
  real twice = 2 * rho;
}
"""

    def start(self):
        self.write("m.stan", self.PROGRAM)
        count = 150
        self.write("d.json", json.dumps({"N": count, "x": [0.01 * i for i in range(count)],
                                         "y": [math.sin(0.1 * i * i) for i in range(count)]}))
        return subprocess.Popen([VINCI, "fit", "m.stan", "d.json", "--json", "--budget", "100000", "--evaluations",
                                 "1000000000"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_interrupted_fit_keeps_what_it_has(self):
        process = self.start()
        time.sleep(5)
        self.assertIsNone(process.poll(), "ended before it was interrupted")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        self.assertIn(process.returncode, (0, 3), err)
        record = json.loads(out)
        self.assertTrue(record["interrupted"])
        self.assertTrue((self.folder / "m.fit.json").exists())
        if record["draws"] > 0:
            names, rows = read_csv(self.folder / "m.csv")
            self.assertEqual(len(rows), record["draws"])
            self.assertTrue(all(math.isfinite(x) for row in rows for x in row))
            at, of = names.index("twice"), names.index("rho")
            self.assertTrue(all(abs(row[at] - 2 * row[of]) < 1e-9 * row[of] for row in rows))
        else:
            self.assertEqual(record["verdict"], "bad")

    def test_killed_fit_goes_on_from_its_checkpoint(self):
        self.write("m.stan", self.PROGRAM)
        count = 150
        self.write("d.json", json.dumps({"N": count, "x": [0.01 * i for i in range(count)],
                                         "y": [math.sin(0.1 * i * i) for i in range(count)]}))
        process = subprocess.Popen([VINCI, "fit", "m.stan", "d.json", "--quiet", "--budget", "100000", "--evaluations",
                                    "1000000000", "--checkpoint-every", "0.2"], cwd=self.folder)
        checkpoint = self.folder / "m.checkpoint.json"
        deadline = time.monotonic() + SECONDS
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertIsNone(process.poll(), "ended before there was a checkpoint")
        process.kill()
        process.wait()
        state = json.loads(checkpoint.read_text())  # whole, whenever the end came
        self.assertEqual(len(state["approximation"]["mean"]), 152)
        self.assertEqual(len(state["approximation"]["factor"]), 152 * 153 // 2)
        done = self.vinci("fit", "m.stan", "d.json", "--json", "--resume", "m.checkpoint.json", "--budget", "2")
        self.assertIn(done.returncode, (0, 3), done.err)
        record = json.loads(done.out)
        self.assertEqual(record["earlier_evaluations"], state["evaluations"])
        later = json.loads(checkpoint.read_text())
        self.assertGreater(later["evaluations"], state["evaluations"])

    def test_interrupt_at_once(self):
        process = self.start()
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        # Before the handler is set the signal ends the process; later it ends the stage.
        self.assertIn(process.returncode, (-signal.SIGINT, 0, 2, 3))

    def test_second_interrupt_ends_the_program(self):
        process = self.start()
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        self.assertIn(process.returncode, (-signal.SIGINT, 0, 3))
        self.assertEqual([path.name for path in self.folder.iterdir() if "tmp" in path.name], [])


class Compress(VinciTest):
    """compress, decompress and inspect."""

    def table(self, rows=3000):
        lines = ["kind,size,when"]
        state = 1
        for row in range(rows):
            state = state * 6364136223846793005 % 2**64
            kind = state >> 62
            lines.append(f"{kind},{100 * kind + (state >> 40) % 30},{1_700_000_000 + 60 * row + (state >> 50) % 60}")
        return self.write("t.csv", "\n".join(lines) + "\n")

    def images(self, count=300):
        pixels, state = bytearray(), 1
        for image in range(count):
            for pixel in range(64):
                state = state * 6364136223846793005 % 2**64
                pixels.append(255 if (state >> 60) < (14 if (pixel // 8 + image % 3) % 3 == 0 else 1) else 0)
        return self.write("i.idx", struct.pack(">IIII", 0x803, count, 8, 8) + bytes(pixels))

    def test_report_names_rate_bound_and_overhead(self):
        images = self.images()
        done = self.expect(0, "compress", images, "-o", "i.vbb")
        self.assertRegex(done.out, r"^300 images, 19 200 pixels   0\.\d{4} bits/pixel   -ELBO 0\.\d{4}   overhead \d+\.\d\d %\n")
        self.assertIn("are the model (mixture:", done.out)
        self.expect(0, "decompress", "i.vbb", "-o", "back.idx")
        self.assertEqual((self.folder / "back.idx").read_bytes(), (self.folder / images).read_bytes())
        done = self.expect(0, "inspect", "i.vbb")
        self.assertIn("all checksums are right", done.out)
        self.assertEqual(self.expect(0, "compress", images, "-o", "q.vbb", "-q").out, "")

    def pictures(self, folder="pictures"):
        """60 PNG files of 8 by 8 pixels in two folders, and a file that is none."""
        pixels = (self.folder / self.images(60)).read_bytes()[16:]
        for i in range(60):
            self.write(f"{folder}/{i % 2}/{i}.png", png(8, 8, pixels[64 * i:64 * i + 64]))
        self.write(f"{folder}/notes.txt", "none")
        return {path.relative_to(self.folder / folder): read_png(path) for path in (self.folder / folder).rglob("*.png")}

    def test_folders_of_pictures_come_back_by_name_and_pixels(self):
        pictures = self.pictures()
        done = self.expect(0, "compress", "pictures/", "-o", "p.vbb", "--chunk-rows", 16)
        self.assertRegex(done.out, r"^60 images, 3 840 pixels   \d\.\d{4} bits/pixel   -ELBO 0\.\d{4}   overhead")
        self.assertIn("the pixels and names of the pictures come back, not the bytes of their files", done.out)
        self.assertIn("not kept: 1 file that is no picture", done.out)
        self.assertIn(" of pictures\n", self.expect(0, "inspect", "p.vbb").out)
        self.expect(0, "decompress", "p.vbb", "-o", "restored/")
        restored = {path.relative_to(self.folder / "restored"): read_png(path)
                    for path in (self.folder / "restored").rglob("*.*")}
        self.assertEqual(restored, pictures)
        # Rows 15 to 17, over the border of a chunk: the pictures 0/30, 0/32 and 0/34.
        (self.folder / "part").mkdir()
        self.expect(0, "decompress", "p.vbb", "-o", "part", "--rows", "15:18")
        self.assertEqual(sorted(path.name for path in (self.folder / "part").rglob("*.png")), ["30.png", "32.png", "34.png"])
        self.expect_error(1, "`part` cannot be written: it is there already, and not empty", "decompress", "p.vbb", "-o", "part")
        self.expect_error(1, "`p.vbb` cannot be written: it is a file", "decompress", "p.vbb", "-o", "p.vbb")
        self.expect_error(1, "`absent/x` cannot be written: its directory does not exist", "decompress", "p.vbb", "-o",
                          "absent/x")
        # A damaged chunk leaves nothing under the name, and its neighbours can be had.
        offset = json.loads(self.expect(0, "inspect", "p.vbb", "--json").out)["chunks"][1]["offset"]
        data = bytearray((self.folder / "p.vbb").read_bytes())
        data[offset + 60] ^= 1
        self.write("bad.vbb", bytes(data))
        self.expect_error(2, r"Chunk 1 \(rows 16 to 31\) is damaged", "decompress", "bad.vbb", "-o", "bad")
        self.expect(1, "decompress", "bad.vbb", "-o", "salvaged", "--salvage")
        salvaged = {path.relative_to(self.folder / "salvaged"): read_png(path)
                    for path in (self.folder / "salvaged").rglob("*.png")}
        self.assertEqual(len(salvaged), 44)
        self.assertEqual(salvaged, {name: pictures[name] for name in salvaged})
        self.assertFalse((self.folder / "bad").exists())
        self.assertEqual([path.name for path in self.folder.iterdir() if ".part" in path.name], [])
        # As bits, which come back black and white.
        self.expect(0, "compress", "pictures", "-o", "b.vbb", "--binarise", "threshold")
        self.expect(0, "decompress", "b.vbb", "-o", "bits")
        self.assertEqual(read_png(self.folder / "bits/1/1.png"), pictures[pathlib.Path("1/1.png")])
        # In colour.
        self.write("colour/a.png", png(2, 1, bytes(range(6)), colour=2))
        self.assertEqual(json.loads(self.expect(0, "compress", "colour", "-o", "c.vbb", "--json").out)["restores_exactly"], False)
        self.expect(0, "decompress", "c.vbb", "-o", "again")
        self.assertEqual(read_png(self.folder / "again/a.png"), (2, 1, bytes(range(6))))

    def test_pictures_that_cannot_be_kept_are_refused(self):
        self.write("a/0.png", png(8, 8, bytes(64)))
        self.write("a/1.png", png(8, 7, bytes(56)))
        self.expect_error(2, r"1\.png` is 7 by 8 pixels, and `a/0\.png` is 8 by 8", "compress", "a", "-o", "x.vbb")
        self.write("a/1.png", png(8, 8, bytes(128), bits=16))
        self.expect_error(2, "16 bits a channel were rounded to 8; it would not come back", "compress", "a", "-o", "x.vbb")
        self.write("a/1.png", png(8, 8, bytes(64))[:50])
        self.expect_error(2, "ends within its pixels", "compress", "a", "-o", "x.vbb")
        (self.folder / "b").mkdir()
        self.expect_error(2, "`b` is a folder without PNG files", "compress", "b", "-o", "x.vbb")
        self.assertFalse((self.folder / "x.vbb").exists())

    def test_a_full_disk_leaves_no_half_folder(self):
        self.pictures()
        self.expect(0, "compress", "pictures", "-o", "p.vbb")
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
        done = subprocess.run([VINCI, "decompress", "p.vbb", "-o", "restored"], cwd=self.folder, capture_output=True, text=True,
                              preexec_fn=limit)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("there is no space left for it", done.stderr)
        self.assertEqual([path.name for path in self.folder.iterdir() if "restored" in path.name], [])

    def test_the_array_of_an_archive_comes_back_as_npy(self):
        def npy(shape, elements):
            head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
            head += b" " * (117 - len(head)) + b"\n"
            return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head + elements
        images = npy((300, 8, 8), (self.folder / self.images()).read_bytes()[16:])
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(self.folder / "d.npz", "w", method) as archive:
                archive.writestr("images.npy", images)
                archive.writestr("labels.npy", npy((300,), bytes(300)))
            self.assertIn("not kept: `labels.npy`", self.expect(0, "compress", "d.npz", "-o", "d.vbb").out)
            self.expect(0, "decompress", "d.vbb", "-o", "back.npy")
            self.assertEqual((self.folder / "back.npy").read_bytes(), images)

    def test_tables_come_back_for_every_model_scheme_and_thread(self):
        table = self.table()
        for model in ("auto", "independent", "mixture:4", "hmm:2"):
            for scheme in ("bits-back", "monte-carlo"):
                with self.subTest(f"{model} {scheme}"):
                    done = self.expect(0, "compress", table, "-o", "t.vbb", "-m", model, "--scheme", scheme, "--json",
                                       "--chunk-rows", 500, "--threads", 2, "--steps", 5)
                    report = json.loads(done.out)
                    self.assertEqual((report["rows"], report["values"]), (3000, 9000))
                    self.assertTrue(report["restores_exactly"])
                    self.assertEqual(report["file_bytes"], (self.folder / "t.vbb").stat().st_size)
                    # Beyond the rate: 6 chunks of about 40 bytes, header and index.
                    self.assertLess(report["net_bits"], report["negative_elbo_bits"] * 1.001 + 8 * 600)
                    self.expect(0, "decompress", "t.vbb", "-o", "back.csv", "--threads", 1,
                                env={**os.environ, "VINCI_SIMD": "baseline"})
                    self.assertEqual((self.folder / "back.csv").read_bytes(), (self.folder / table).read_bytes())
        self.expect(0, "decompress", "t.vbb", "-o", "part.csv", "--rows", "499:502")
        lines = (self.folder / table).read_text().splitlines()
        self.assertEqual((self.folder / "part.csv").read_text().splitlines(), [lines[0], *lines[500:503]])

    def test_a_fit_codes_its_data_at_its_density(self):
        """-log p(data) at the means of a fit, in bits: the ELBO of the fit less what its parameters cost."""
        program = EXAMPLES / "mixture.stan"
        fit = json.loads(self.expect(0, "fit", program, program.with_suffix(".json"), "--json").out)
        y = json.loads(program.with_suffix(".json").read_text())["y"]
        self.write("y.csv", "y\n" + "".join(f"{round(x * 10_000)}\n" for x in y))
        out = self.expect(0, "compress", "y.csv", "-o", "y.vbb", "--fit", "mixture.fit.json", "--unit", 1e-4, "--parameters",
                          "weights=weight,location=mu,scale=sigma", "--json").out
        report = json.loads(out)
        nats = report["net_bits"] * math.log(2) + len(y) * math.log(1e-4)
        mean = {name: row["mean"] for name, row in fit["parameters"].items()}
        exact = -sum(math.log(sum(w * math.exp(-0.5 * ((x - mean[f"mu[{k}]"]) / mean[f"sigma[{k}]"])**2) / mean[f"sigma[{k}]"]
                                  for k, w in ((1, mean["weight"]), (2, 1 - mean["weight"]))) / math.sqrt(2 * math.pi))
                     for x in y)
        # Steps of 64 units, 1024 of them, and about 150 bytes of header, index and checksums.
        self.assertLess(abs(nats - exact), 0.002 * report["net_bits"] + 150 * 8 * math.log(2))
        self.assertLess(exact, -fit["elbo"])
        self.expect(0, "decompress", "y.vbb", "-o", "back.csv")
        self.assertEqual((self.folder / "back.csv").read_bytes(), (self.folder / "y.csv").read_bytes())
        for pattern, names in [("no parameter `sigm`; did you mean `sigma`", "weights=weight,location=mu,scale=sigm"),
                               ("`width=sigma`; it takes weights", "width=sigma"), ("scales", "weights=weight,location=mu")]:
            done = self.vinci("compress", "y.csv", "-o", "x.vbb", "--fit", "mixture.fit.json", "--parameters", names)
            self.assertEqual(done.returncode, 2, done.err)
            self.assertRegex(done.err, pattern)

    def test_a_program_with_discrete_latents_codes_its_data(self):
        """The rate is -log p(data) of the program itself, its states summed out: latent classes of four answers."""
        program = """data { int N; array[N, 4] int<lower=0, upper=1> y; }
            parameters { simplex[2] share; ordered[2] first; matrix<lower=0, upper=1>[2, 3] p;
                         array[N] int<lower=1, upper=2> group; }
            model { share ~ dirichlet([2, 2]'); first ~ normal(0, 2); to_vector(p) ~ beta(2, 2);
                    group ~ categorical(share);
                    for (n in 1:N) { y[n, 1] ~ bernoulli_logit(first[group[n]]);
                                     y[n, 2:4] ~ bernoulli(p[group[n]]); } }"""
        uniform = random.Random(7).random
        rows = []
        for _ in range(400):
            p = [0.2, 0.9, 0.7, 0.1] if uniform() < 0.4 else [0.8, 0.2, 0.3, 0.8]
            rows.append([int(uniform() < q) for q in p])
        self.write("classes.stan", program)
        self.write("classes.json", json.dumps({"N": 400, "y": rows}))
        self.write("y.csv", "".join(",".join(map(str, row)) + "\n" for row in rows))
        fit = json.loads(self.expect(0, "fit", "classes.stan", "classes.json", "--json").out)
        report = json.loads(self.expect(0, "compress", "y.csv", "-o", "y.vbb", "--fit", "classes.fit.json", "--table", "y",
                                        "--json").out)
        self.assertEqual(report["model"], "mixture:2")
        mean = {name: row["mean"] for name, row in fit["parameters"].items()}
        exact = 0
        for row in rows:
            total = 0
            for k in (1, 2):
                on = [1 / (1 + math.exp(-mean[f"first[{k}]"]))] + [mean[f"p[{k},{j}]"] for j in (1, 2, 3)]
                total += mean[f"share[{k}]"] * math.prod(q if x else 1 - q for q, x in zip(on, row))
            exact -= math.log(total)
        # Log probabilities on a grid of 1/256.
        self.assertAlmostEqual(report["negative_elbo_bits"] * math.log(2), exact, delta=1e-3 * exact)
        self.assertLess(exact, -fit["elbo"])
        self.assertLess(report["net_bits"], report["negative_elbo_bits"] * 1.001 + 8 * 150)
        self.expect(0, "decompress", "y.vbb", "-o", "back.csv")
        self.assertEqual((self.folder / "back.csv").read_bytes(), (self.folder / "y.csv").read_bytes())
        self.write("narrow.csv", "1\n0\n")
        self.expect_error(2, "1 columns; y of the program's data has 4", "compress", "narrow.csv", "-o", "x.vbb", "--fit",
                          "classes.fit.json", "--table", "y")
        self.expect_error(2, "no variable `yy`", "compress", "y.csv", "-o", "x.vbb", "--fit", "classes.fit.json", "--table", "yy")
        (self.folder / "classes.stan").unlink()
        self.expect_error(2, "cannot be used", "compress", "y.csv", "-o", "x.vbb", "--fit", "classes.fit.json", "--table", "y")

    def test_model_file_is_needed_and_checked(self):
        table = self.table(500)
        self.expect(0, "compress", table, "-m", "mixture:2", "--save-model", "m.vbm")
        self.expect(0, "compress", table, "-m", "mixture:3", "--save-model", "other.vbm")
        self.expect(0, "compress", table, "-m", "m.vbm", "-o", "t.vbb")
        self.expect_error(2, r"`t\.vbb` does not hold its model, mixture:2 with fingerprint [0-9a-f]{16}; give it with --model",
                          "decompress", "t.vbb", "-o", "back.csv")
        self.expect_error(2, "was written with another model: mixture:2", "decompress", "t.vbb", "-o", "back.csv", "-m",
                          "other.vbm")
        self.expect_error(2, "`t.csv` is not a model file", "decompress", "t.vbb", "-o", "back.csv", "-m", "t.csv")
        self.expect(0, "decompress", "t.vbb", "-o", "back.csv", "-m", "m.vbm")
        self.assertEqual((self.folder / "back.csv").read_bytes(), (self.folder / table).read_bytes())

    def test_damage_is_named_and_the_rest_salvaged(self):
        table = self.table(1000)
        self.expect(0, "compress", table, "-o", "t.vbb", "--chunk-rows", 250, "-m", "mixture:2")
        chunks = json.loads(self.expect(0, "inspect", "t.vbb", "--json").out)["chunks"]
        data = bytearray((self.folder / "t.vbb").read_bytes())
        data[chunks[1]["offset"] + 60] ^= 1
        self.write("bad.vbb", bytes(data))
        self.expect_error(2, r"Chunk 1 \(rows 250 to 499\) is damaged", "decompress", "bad.vbb", "-o", "back.csv")
        done = self.expect(1, "decompress", "bad.vbb", "-o", "back.csv", "--salvage")
        self.assertIn("Chunk 1 (rows 250 to 499) is damaged", done.err)
        lines = (self.folder / table).read_text().splitlines()
        self.assertEqual((self.folder / "back.csv").read_text().splitlines(), lines[:251] + lines[501:])
        done = self.expect(1, "inspect", "bad.vbb")
        self.assertIn("the file is damaged", done.out)

    def test_bad_input_is_refused(self):
        self.table(10)
        self.write("real.csv", "a\n1\n2.5\n")
        cases = [
            ("`real.csv`, line 3: field 1 is `2.5`", ("compress", "real.csv", "-o", "x.vbb")),
            ("cannot be read: No such file", ("compress", "none.csv", "-o", "x.vbb")),
            ("--model is `mixture:0`", ("compress", "t.csv", "-o", "x.vbb", "-m", "mixture:0")),
            ("`none.vbm` cannot be read", ("compress", "t.csv", "-o", "x.vbb", "-m", "none.vbm")),
            ("Nothing to write", ("compress", "t.csv")),
            ("`t.csv` is not a .vbb file", ("decompress", "t.csv", "-o", "x.csv")),
            ("`t.csv` is not a .vbb file", ("inspect", "t.csv")),
        ]
        for pattern, arguments in cases:
            with self.subTest(pattern):
                done = self.vinci(*arguments)
                self.assertIn(done.returncode, (1, 2))
                self.assertRegex(done.err, re.escape(pattern).replace("\\ ", " "))
                self.assertFalse((self.folder / "x.vbb").exists() or (self.folder / "x.csv").exists())

    def test_killed_in_the_middle_it_leaves_no_file(self):
        self.table(60000)
        process = subprocess.Popen([VINCI, "compress", "t.csv", "-o", "t.vbb", "-m", "mixture:64", "--steps", "3"],
                                   cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        process.kill()
        process.wait()
        self.assertFalse((self.folder / "t.vbb").exists())

    def test_killed_in_the_middle_it_leaves_no_folder(self):
        for i in range(400):
            self.write(f"many/{i}.png", png(64, 64, bytes((i * x * 7919 >> 5) & 255 for x in range(4096))))
        self.expect(0, "compress", "many", "-o", "m.vbb", "-m", "independent", "--chunk-rows", 20)
        for wait in (0.02, 0.1, 0.3):
            process = subprocess.Popen([VINCI, "decompress", "m.vbb", "-o", "out", "--threads", "1"], cwd=self.folder,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(wait)
            process.kill()
            process.wait()
            # Whole, or not there.
            if (self.folder / "out").exists():
                self.assertEqual(len(list((self.folder / "out").iterdir())), 400)
                shutil.rmtree(self.folder / "out")


class Deep(VinciTest):
    """vinci deep: bars across and down, 6 by 6; files that are no models, runs that are killed."""

    SIDE, COUNT = 6, 120
    SETTINGS = ("--data", "bars", "--latent", "2", "--hidden", "12", "--batch", "20", "--learning-rate", "0.01", "--threads", "1")

    def setUp(self):
        super().setUp()
        if subprocess.run([VINCI, "deep", "--version"], capture_output=True).returncode != 0:
            self.skipTest("vinci-deep is not built: libtorch is missing")
        side = self.SIDE
        images = bytes(240 if (y if i % 2 else x) % 2 == i // 2 % 2 else 15
                       for i in range(self.COUNT) for y in range(side) for x in range(side))
        header = struct.pack(">IIII", 2051, self.COUNT, side, side)
        self.write("bars/train-images-idx3-ubyte", header + images)
        self.write("bars/t10k-images-idx3-ubyte", header + images)

    def train(self, *arguments, kind="vae", output="m.vinci", status=0):
        return self.expect(status, "deep", "train", kind, *self.SETTINGS, "-o", output, *arguments)

    def evaluate(self, model="m.vinci", *arguments):
        return json.loads(self.expect(0, "deep", "evaluate", model, "--data", "bars", "--json", "--threads", "1", *arguments).out)

    def test_train_evaluate_and_draw(self):
        done = self.train("--epochs", "60", "--validation", "20")
        self.assertRegex(done.out, r"m.vinci: vae, [\d ]+ numbers, 300 steps in .*\nbound -\d+\.\d\d nats over the last epoch, "
                                   r"-\d+\.\d\d on 20 validation images\n$")
        result = self.evaluate("m.vinci", "--samples", "50")
        self.assertEqual((result["images"], result["samples"], result["latent"]), (self.COUNT, 50, 2))
        self.assertGreater(result["log_p"], result["elbo"])
        self.assertGreater(result["elbo"], -25)  # 36 log 2 without a model
        self.assertLess(result["bounds"]["1"], result["log_p"])
        rows = list(csv.DictReader((self.folder / "m.curve.csv").read_text().splitlines()))
        self.assertEqual(len(rows), 60)
        self.assertGreater(float(rows[-1]["bound"]), float(rows[0]["bound"]))
        self.assertTrue((self.folder / "m.curve.png").read_bytes().startswith(b"\x89PNG"))
        self.assertEqual(self.evaluate("m.vinci", "--limit", "7")["images"], 7)
        for command, more in (("sample", ()), ("reconstruct", ("--data", "bars")), ("interpolate", ("--data", "bars"))):
            self.expect(0, "deep", command, "m.vinci", *more, "--count", "5", "-o", f"{command}.png")
            self.assertTrue((self.folder / f"{command}.png").read_bytes().startswith(b"\x89PNG"))
        self.expect(0, "deep", "encode", "m.vinci", "--data", "bars", "-o", "codes.csv")
        codes = list(csv.reader((self.folder / "codes.csv").read_text().splitlines()))
        self.assertEqual(codes[0], ["z.1", "z.2"])
        self.assertEqual(len(codes), 1 + self.COUNT)
        self.expect(0, "deep", "encode", "m.vinci", "--data", "bars", "-o", "codes.npy")
        last = struct.unpack("<2f", (self.folder / "codes.npy").read_bytes()[-8:])
        for value, text in zip(last, codes[-1]):
            self.assertAlmostEqual(value, float(text), delta=0.3)  # binarised anew: not the same bits

    def test_bits_are_divided_by_the_values_that_are_predicted(self):
        for kind, predicted in (("vae", 36), ("cvae", 18)):
            self.train("--steps", "2", kind=kind, output=f"{kind}.vinci")
            result = self.evaluate(f"{kind}.vinci", "--samples", "2")
            self.assertAlmostEqual(result["bits_per_value"] * predicted * math.log(2), -result["elbo"], places=6)

    def test_killed_runs_go_on_with_the_same_bits(self):
        self.train("--steps", "400", output="whole.vinci")
        for wait in (0.6, 1.0, 1.6):
            process = subprocess.Popen([VINCI, "deep", "train", "vae", *self.SETTINGS, "-o", "part.vinci", "--steps", "400",
                                        "--checkpoint-steps", "1", "-q"], cwd=self.folder)
            time.sleep(wait)
            process.kill()
            process.wait()
            if not (self.folder / "part.vinci.checkpoint").exists():
                continue  # killed before the first step
            self.train("--steps", "400", "--resume", output="part.vinci")
            self.assertEqual((self.folder / "part.vinci").read_bytes(), (self.folder / "whole.vinci").read_bytes())
            (self.folder / "part.vinci.checkpoint").unlink()

    def test_a_trained_model_codes_images_at_its_bound(self):
        """Lectures F.1: the rate of the file is the ELBO that `evaluate` computes with other code, and needs no libtorch."""
        raw = (self.folder / "bars/t10k-images-idx3-ubyte").read_bytes()
        many = struct.pack(">IIII", 2051, 20 * self.COUNT, self.SIDE, self.SIDE) + 20 * raw[16:]
        self.write("bars/t10k-images-idx3-ubyte", many)
        for kind, settings in (("vae", ("--likelihood", "beta-binomial")), ("iwae", ("--likelihood", "logistic-mixture", "--bound", "elbo", "--samples", "1")),
                               ("vae", ("--likelihood", "bernoulli", "--posterior", "full", "--binarise", "threshold")),
                               ("hvae", ("--latents", "3,2", "--upper-hidden", "5", "--bound", "elbo", "--samples", "1", "--binarise", "threshold"))):
            with self.subTest(kind=kind, settings=settings):
                common = [value for pair in zip(self.SETTINGS[::2], self.SETTINGS[1::2]) for value in pair
                          if kind != "hvae" or pair[0] != "--latent"]
                self.expect(0, "deep", "train", kind, *common, *settings, "--epochs", "30", "-o", "m.vinci")
                elbo = self.evaluate("m.vinci", "--samples", "20")["elbo"]
                binarise = settings[-2:] if "--binarise" in settings else ()
                pixels = many[16:] if not binarise else bytes(value >> 7 for value in many[16:])
                for scheme in ("bits-back", "bit-swap", "monte-carlo"):
                    report = json.loads(self.expect(0, "compress", "bars/t10k-images-idx3-ubyte", "-m", "m.vinci", "-o", "b.vbb",
                                                    "--scheme", scheme, "--json", *binarise).out)
                    nats = report["net_bits"] * math.log(2) / report["rows"]
                    if scheme != "monte-carlo":
                        # Draws differ; header, index and checksums take about 150 bytes.
                        frame = 150 * 8 * math.log(2) / report["rows"]
                        self.assertAlmostEqual(nats - frame, -elbo, delta=0.02 * -elbo + 0.25)
                        plain = nats
                    else:
                        self.assertLess(nats, plain + 0.2)
                    self.expect(0, "decompress", "b.vbb", "-m", "m.vinci", "-o", "back.idx", env={**os.environ, "VINCI_SIMD": "baseline"})
                    self.assertEqual((self.folder / "back.idx").read_bytes(), many[:16] + pixels)
        self.assertRegex(self.expect(0, "compress", "bars/t10k-images-idx3-ubyte", "-m", "m.vinci", "-o", "grey.vbb").out,
                         "the model knows black and white only: --binarise makes pixels so")
        self.expect_error(2, "does not hold its model, hvae:3,2 with fingerprint", "decompress", "b.vbb", "-o", "x.idx")
        self.expect(0, "deep", "train", "hvae", "--data", "bars", "--latents", "3,2", "--steps", "1", "-o", "other.vinci")
        self.expect_error(2, "was written with another model", "decompress", "b.vbb", "-m", "other.vinci", "-o", "x.idx")
        self.expect(0, "deep", "train", "vae", "--data", "bars", "--likelihood", "gaussian", "--steps", "1", "-o", "g.vinci")
        self.expect_error(2, "has no masses that could be coded", "compress", "bars/t10k-images-idx3-ubyte", "-m", "g.vinci",
                          "-o", "x.vbb")

    def test_settings_come_from_files_and_stay_in_the_model(self):
        self.write("c.json", '{"epochs": 2, "bound": "iwae", "samples": 3}')
        self.train("--config", "c.json", "--samples", "4")
        header = (self.folder / "m.vinci").read_bytes()[20:2000]
        self.assertIn(b'"bound":"iwae"', header)
        self.assertIn(b'"samples":4', header)

    def test_faults_are_named(self):
        for arguments, pattern in (
                (("--latent", "0"), r"`latent` is `0`; it is a whole number from 1 to 65536"),
                (("--patience", "3"), r"`patience` needs validation images"),
                (("--device", "gpu"), r"device is `gpu`; it is cpu, cuda or cuda:N"),
                (("--config", "none.json"), r"none.json cannot be read"),
                (("--resume",), r"m.vinci.checkpoint cannot be read")):
            done = self.vinci("deep", "train", "vae", "--data", "bars", "-o", "m.vinci", *arguments)
            self.assertIn(done.returncode, (1, 2), arguments)
            self.assertRegex(done.err, pattern)
            self.assertFalse((self.folder / "m.vinci").exists())
        self.expect_error(2, r"There are no images", "deep", "train", "vae", "--data", "none", "-o", "m.vinci")
        self.train("--steps", "2")
        model = (self.folder / "m.vinci").read_bytes()
        for name, content, pattern in (("cut.vinci", model[:-7], r"ends within tensor"), ("no.vinci", b"PK", r"is not a model"),
                                       ("bad.vinci", model[:-3] + bytes([model[-3] ^ 1]) + model[-2:], r"checksum of tensor")):
            self.write(name, content)
            self.expect_error(2, pattern, "deep", "evaluate", name, "--data", "bars")
        self.write("big/train-images-idx3-ubyte", struct.pack(">IIII", 2051, 2, 3, 3) + bytes(18))
        self.expect_error(2, r"the model takes 6 x 6", "deep", "evaluate", "m.vinci", "--data", "big", "--split", "train")

    def test_training_that_diverges_says_so(self):
        done = self.vinci("deep", "train", "vae", "--data", "bars", "--batch", "20", "-o", "m.vinci", "--optimizer", "sgd",
                          "--learning-rate", "100")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.err, r"Training stopped at step \d+: the \w+ was not finite in 100 steps in a row. Try a smaller")


def main():
    global VINCI, SHARED
    parser = argparse.ArgumentParser()
    parser.add_argument("--vinci", required=True)
    parser.add_argument("--shared", type=pathlib.Path)
    parser.add_argument("tests", nargs="*")
    arguments = parser.parse_args()
    VINCI, SHARED = os.path.abspath(arguments.vinci), arguments.shared
    program = unittest.main(argv=[sys.argv[0], "-v", *arguments.tests], exit=False)
    result = program.result
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    if len(result.skipped) == result.testsRun:
        sys.exit(77)


if __name__ == "__main__":
    main()
