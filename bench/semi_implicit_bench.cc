// The examples of the papers on semi-implicit inference, beside references: quadrature in two
// dimensions, long Markov chains for the logistic regression.
//
//     vinci_semi_implicit_bench mites|toys|speed|waveform [DATA_DIR] [NAME=VALUE...]
//
// Options (NAME=VALUE) override the settings that each example states: see `apply`. Pictures of the
// toys are written to the folder `svg=DIR` if given.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "infer/dense.h"
#include "infer/fit.h"
#include "infer/judgement.h"
#include "infer/method/kernel_semi_implicit.h"
#include "infer/method/semi_implicit.h"
#include "infer/testing/grid_posterior.h"
#include "infer/testing/semi_implicit_targets.h"
#include "numeric/random/random_stream.h"
#include "numeric/special/normal_mixture.h"
#include "numeric/special/row_functions.h"
#include "vinci/fit.h"

namespace vinci::infer {
namespace {

using testing::GridPosterior;
using testing::PointDensity;
using Settings = std::map<std::string, std::string>;

const Context kContext{};

double number(const Settings& s, const std::string& name, double fallback) {
  const auto it = s.find(name);
  return it == s.end() ? fallback : std::stod(it->second);
}

void apply(const Settings& s, MixingOptions& o) {
  o.noise_dim = static_cast<Index>(number(s, "noise", static_cast<double>(o.noise_dim)));
  o.sd = number(s, "sd", o.sd);
  o.learn_sd = number(s, "learn_sd", o.learn_sd) != 0;
  o.linear = number(s, "linear", o.linear);
  o.last_scale = number(s, "last_scale", o.last_scale);
  if (s.contains("relu")) o.activation = Activation::kRelu;
  if (s.contains("tanh")) o.activation = Activation::kTanh;
  if (const auto it = s.find("hidden"); it != s.end()) {
    o.hidden.clear();
    std::stringstream widths(it->second);
    for (std::string w; std::getline(widths, w, '-');) o.hidden.push_back(std::stol(w));
  }
}
void apply(const Settings& s, SemiImplicitOptions& o) {
  apply(s, o.mixing);
  o.bound.draws = static_cast<Index>(number(s, "draws", static_cast<double>(o.bound.draws)));
  o.bound.inner = static_cast<Index>(number(s, "inner", static_cast<double>(o.bound.inner)));
  o.bound.importance = static_cast<Index>(number(s, "importance", 1));
  o.bound.drop_score = number(s, "drop_score", o.bound.drop_score) != 0;
  o.first_inner = static_cast<Index>(number(s, "first_inner", static_cast<double>(o.first_inner)));
  o.iterations = static_cast<Index>(number(s, "iterations", static_cast<double>(o.iterations)));
  o.rate = number(s, "rate", o.rate);
  o.decay = number(s, "decay", o.decay);
}
void apply(const Settings& s, KernelSemiImplicitOptions& o) {
  apply(s, o.mixing);
  o.discrepancy.batch =
      static_cast<Index>(number(s, "batch", static_cast<double>(o.discrepancy.batch)));
  o.discrepancy.u_statistic = number(s, "u_statistic", o.discrepancy.u_statistic) != 0;
  if (s.contains("imq")) o.discrepancy.kernel = SteinKernel::kImq;
  if (s.contains("riesz")) o.discrepancy.kernel = SteinKernel::kRiesz;
  if (s.contains("gaussian")) o.discrepancy.kernel = SteinKernel::kGaussian;
  o.iterations =
      static_cast<Index>(number(s, "kernel_iterations", static_cast<double>(o.iterations)));
  o.rate = number(s, "kernel_rate", o.rate);
  o.decay = number(s, "kernel_decay", o.decay);
  o.decay_every = static_cast<Index>(number(s, "decay_every", static_cast<double>(o.decay_every)));
  o.anneal = number(s, "anneal", o.anneal) != 0;
}

/// Draws of q, [D][count], and what the judge says of it.
struct Outcome {
  std::string name;
  Matrix z;
  double elbo = std::nan(""), elbo_error = 0, khat = std::nan(""), seconds = 0;
};

Outcome judged(const std::string& name, Objective& objective, const Family& q, double seconds) {
  Outcome o;
  o.name = name;
  o.seconds = seconds;
  const Judgement j = judge_family(objective, q, 20000, 20000, {99, 1});
  o.elbo = j.elbo.value;
  o.elbo_error = j.elbo.error;
  o.khat = j.khat();
  o.z = Eigen::Map<const Matrix>(j.points.data(), j.count, q.dim()).transpose();
  return o;
}

Outcome run(const std::string& name, const LogDensity& target, const AffineMap& frame,
            const SemiImplicitOptions& options, uint64_t seed) {
  Objective objective(target, kContext);
  const SemiImplicitResult r = semi_implicit(objective, frame, options, {seed, 1});
  const double seconds = objective.elapsed_seconds();
  if (!r.approximation) return {name, {}};
  return judged(name, objective, *r.approximation, seconds);
}
Outcome run(const std::string& name, const LogDensity& target, const AffineMap& frame,
            const KernelSemiImplicitOptions& options, uint64_t seed) {
  Objective objective(target, kContext);
  const SemiImplicitResult r = kernel_semi_implicit(objective, frame, options, {seed, 1});
  const double seconds = objective.elapsed_seconds();
  if (!r.approximation) return {name, {}};
  return judged(name, objective, *r.approximation, seconds);
}
/// What `vinci fit` gives, draws of q itself (not resampled).
Outcome run_fit(const std::string& name, const LogDensity& target, FitOptions options) {
  options.threads = 1;
  options.draws = 20000;
  const FitResult r = fit(target, options);
  Outcome o;
  o.name = name;
  o.elbo = r.elbo.value;
  o.elbo_error = r.elbo.error;
  o.khat = r.khat;
  o.seconds = r.seconds;
  o.z = Eigen::Map<const Matrix>(r.draws.data(), r.num_draws, r.dim).transpose();
  return o;
}

std::vector<double> row(const Matrix& m, Index r) {
  return {m.data() + r * m.cols(), m.data() + (r + 1) * m.cols()};
}
double mean_of(const Vector& x) { return x.mean(); }
double sd_of(const Vector& x) { return std::sqrt((x.array() - x.mean()).square().mean()); }
double correlation_of(const Vector& x, const Vector& y) {
  return ((x.array() - x.mean()) * (y.array() - y.mean())).mean() / (sd_of(x) * sd_of(y));
}

// ---- negative binomial

/// The best Gamma(shape, rate) x Beta for the mites, by coordinate ascent of the ELBO with
/// quadrature over r: the beta has a closed form given E r, the gamma is searched in (mean, shape).
struct GammaBeta {
  double shape, rate, alpha, beta;
};
GammaBeta best_gamma_beta() {
  const auto& leaves = testing::mites();
  double n = 0, total = 0;
  for (size_t x = 0; x < leaves.size(); ++x) {
    n += leaves[x];
    total += leaves[x] * static_cast<double>(x);
  }
  constexpr double a = 0.01;
  GammaBeta q{100, 100, 1, 1};
  const auto gamma_bound = [&](double mean, double shape, double expected_log_rest) {
    // E[log p(r)] + entropy by the trapezoidal rule in log r.
    const double rate = shape / mean, sd = 1 / std::sqrt(shape);
    double sum = 0;
    constexpr int kPoints = 2001;
    const double step = 20 * sd / (kPoints - 1);
    for (int i = 0; i < kPoints; ++i) {
      const double log_r = std::log(mean) - 10 * sd + step * i, r = std::exp(log_r);
      const double log_q = shape * std::log(rate) - std::lgamma(shape) + shape * log_r - rate * r;
      double log_p = n * r * expected_log_rest + a * log_r - a * r;
      for (size_t x = 0; x < leaves.size(); ++x)
        for (size_t k = 0; k < x; ++k) log_p += leaves[x] * std::log(r + static_cast<double>(k));
      sum += std::exp(log_q) * (log_p - log_q) * step;
    }
    return sum;
  };
  const auto digamma = [](double x) {
    const double h = 1e-4;
    return (std::lgamma(x + h) - std::lgamma(x - h)) / (2 * h);
  };
  const auto golden = [](double low, double high, const auto& f) {
    constexpr double g = 0.6180339887498949;
    double x1 = high - g * (high - low), x2 = low + g * (high - low);
    double f1 = f(x1), f2 = f(x2);
    for (int i = 0; i < 40; ++i) {
      if (f1 < f2) {
        low = x1;
        x1 = x2;
        f1 = f2;
        f2 = f(x2 = low + g * (high - low));
      } else {
        high = x2;
        x2 = x1;
        f2 = f1;
        f1 = f(x1 = high - g * (high - low));
      }
    }
    return 0.5 * (low + high);
  };
  double mean = 1, log_shape = std::log(100);
  for (int sweep = 0; sweep < 12; ++sweep) {
    q.alpha = total + a;
    q.beta = n * mean + a;
    const double rest = digamma(q.beta) - digamma(q.alpha + q.beta);
    log_shape = golden(3, 7, [&](double s) { return gamma_bound(mean, std::exp(s), rest); });
    mean = golden(0.5, 2, [&](double m) { return gamma_bound(m, std::exp(log_shape), rest); });
  }
  q.shape = std::exp(log_shape);
  q.rate = q.shape / mean;
  return q;
}

void print_mites(const Outcome& o, const GridPosterior& exact) {
  if (o.z.size() == 0) {
    fmt::print("{:<34} failed\n", o.name);
    return;
  }
  const Vector r = o.z.row(0).array().exp();
  const Vector p = (1 + (-o.z.row(1).array()).exp()).inverse();
  fmt::print(
      "{:<34}{:>7.3f}{:>7.3f}{:>7.3f}{:>7.3f}{:>8.3f}{:>8.4f}{:>8.4f}{:>9.4f}{:>7.2f}{:>7.2f}\n",
      o.name, mean_of(r), sd_of(r), mean_of(p), sd_of(p), correlation_of(r, p),
      exact.kolmogorov_smirnov(0, row(o.z, 0)), exact.kolmogorov_smirnov(1, row(o.z, 1)),
      exact.log_evidence() - o.elbo, o.khat, o.seconds);
}

SemiImplicitOptions published_mites(Index inner) {
  SemiImplicitOptions o;
  o.mixing.noise_dim = 10;
  o.mixing.hidden = {40, 60, 40};
  o.mixing.activation = Activation::kRelu;
  o.mixing.sd = 0.1;
  o.mixing.learn_sd = false;
  o.mixing.linear = 0;
  o.mixing.last_scale = 1;
  o.bound.draws = 50;
  o.bound.inner = o.first_inner = inner;
  o.iterations = 2000;
  return o;
}

int mites(const Settings& s) {
  const PointDensity target = testing::negative_binomial_mites();
  const GridPosterior exact(target, -2, 2.5, -2.5, 2.2, 800);
  const auto r = [](double x, double) { return std::exp(x); };
  const auto p = [](double, double y) { return 1 / (1 + std::exp(-y)); };
  fmt::print("{:<34}{:>7}{:>7}{:>7}{:>7}{:>8}{:>8}{:>8}{:>9}{:>7}{:>7}\n", "mites: r, p", "mean r",
             "sd r", "mean p", "sd p", "corr", "K-S r", "K-S p", "KL(q|p)", "k-hat", "sec");
  fmt::print("{:<34}{:>7.3f}{:>7.3f}{:>7.3f}{:>7.3f}{:>8.3f}   (edge {:.0e})\n", "quadrature",
             exact.mean(r), exact.sd(r), exact.mean(p), exact.sd(p), exact.correlation(r, p),
             exact.edge());
  const auto seed = static_cast<uint64_t>(number(s, "seed", 1));
  {
    const GammaBeta q = best_gamma_beta();
    numeric::RandomStream random(seed, 5);
    Outcome o;
    o.name = "mean field: gamma x beta";
    o.z.resize(2, 20000);
    double sum = 0;
    std::vector<double> value(1);
    for (Index l = 0; l < o.z.cols(); ++l) {
      const double draw_r = random.gamma(q.shape, q.rate), draw_p = random.beta(q.alpha, q.beta);
      o.z(0, l) = std::log(draw_r);
      o.z(1, l) = std::log(draw_p) - std::log1p(-draw_p);
      const double point[2] = {o.z(0, l), o.z(1, l)};
      target.evaluate({point, 2, 1, 1}, value, {nullptr, 0, 0, 0});
      const double log_q =
          q.shape * std::log(q.rate) - std::lgamma(q.shape) + q.shape * std::log(draw_r) -
          q.rate * draw_r + std::lgamma(q.alpha + q.beta) - std::lgamma(q.alpha) -
          std::lgamma(q.beta) + q.alpha * std::log(draw_p) + q.beta * std::log1p(-draw_p);
      sum += value[0] - log_q;
    }
    o.elbo = sum / 20000;
    print_mites(o, exact);
    fmt::print("    Gamma({:.3f}, {:.3f}) x Beta({:.3f}, {:.3f})\n", q.shape, q.rate, q.alpha,
               q.beta);
  }
  for (const Index inner : {1, 20, 100, 1000}) {
    SemiImplicitOptions o = published_mites(inner);
    apply(s, o);
    print_mites(run(fmt::format("semi-implicit, published, K = {}", o.bound.inner), target,
                    AffineMap::identity(2), o, seed),
                exact);
    if (s.contains("inner")) break;
  }
  {
    SemiImplicitOptions o = published_mites(1000);
    o.bound.drop_score = false;
    apply(s, o);
    print_mites(run("the same with the score, K = 1000", target, AffineMap::identity(2), o, seed),
                exact);
  }
  for (const Method m :
       {Method::kSemiImplicit, Method::kKernelSemiImplicit, Method::kMeanField, Method::kAuto}) {
    FitOptions o;
    o.seed = seed;
    o.method = m;
    o.resample = false;
    print_mites(run_fit(fmt::format("vinci fit --method {}", to_string(m)), target, o), exact);
  }
  return 0;
}

// ---- toys

/// Contours of the density and draws over them.
void write_svg(const std::string& path, const LogDensity& target, const Matrix& z, double low0,
               double high0, double low1, double high1) {
  constexpr Index kGrid = 120;
  constexpr double kSize = 360;
  std::vector<double> points(2 * kGrid), value(kGrid * kGrid);
  double top = -1e300;
  for (Index i = 0; i < kGrid; ++i) {
    for (Index j = 0; j < kGrid; ++j) {
      points[static_cast<size_t>(j)] = low0 + (high0 - low0) * static_cast<double>(j) / (kGrid - 1);
      points[static_cast<size_t>(kGrid + j)] =
          low1 + (high1 - low1) * static_cast<double>(i) / (kGrid - 1);
    }
    const auto line = std::span(value).subspan(static_cast<size_t>(i * kGrid), kGrid);
    target.evaluate({points.data(), 2, kGrid, kGrid}, line, {nullptr, 0, 0, 0});
    for (const double v : line) top = std::max(top, v);
  }
  std::ofstream out(path);
  out << fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0} {0}' width='{0}' height='{0}'>"
      "<rect width='{0}' height='{0}' fill='white'/><path fill='none' stroke='#c60' "
      "stroke-width='1.6' stroke-linecap='round' d='",
      kSize);
  const Index shown = std::min<Index>(z.cols(), 1000);
  for (Index l = 0; l < shown; ++l) {
    const double x = (z(0, l) - low0) / (high0 - low0) * kSize;
    const double y = kSize - (z(1, l) - low1) / (high1 - low1) * kSize;
    if (x > 0 && x < kSize && y > 0 && y < kSize) out << fmt::format("M{:.0f} {:.0f}h0", x, y);
  }
  out << "'/><path fill='none' stroke='#036' stroke-width='.8' d='";
  const double cell = kSize / (kGrid - 1);
  for (const double drop : {0.25, 1.0, 2.25, 4.0}) {  // log density below the top
    const double level = top - drop;
    for (Index i = 0; i + 1 < kGrid; ++i) {
      for (Index j = 0; j + 1 < kGrid; ++j) {
        // Where the level crosses the four edges of the cell.
        const double v[4] = {value[static_cast<size_t>(i * kGrid + j)],
                             value[static_cast<size_t>(i * kGrid + j + 1)],
                             value[static_cast<size_t>((i + 1) * kGrid + j + 1)],
                             value[static_cast<size_t>((i + 1) * kGrid + j)]};
        constexpr double corner[4][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
        std::vector<std::pair<double, double>> cross;
        for (int e = 0; e < 4; ++e) {
          const double a = v[e] - level, b = v[(e + 1) % 4] - level;
          if ((a > 0) == (b > 0)) continue;
          const double t = a / (a - b);
          const auto& from = corner[e];
          const auto& to = corner[(e + 1) % 4];
          cross.emplace_back(from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1]));
        }
        for (size_t c = 0; c + 1 < cross.size(); c += 2) {
          out << fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}",
                             (static_cast<double>(j) + cross[c].first) * cell,
                             kSize - (static_cast<double>(i) + cross[c].second) * cell,
                             (static_cast<double>(j) + cross[c + 1].first) * cell,
                             kSize - (static_cast<double>(i) + cross[c + 1].second) * cell);
        }
      }
    }
  }
  out << "'/></svg>\n";
}

int toys(const Settings& s) {
  struct Toy {
    const char* name;
    PointDensity target;
    double low0, high0, low1, high1;
  };
  const std::vector<Toy> all{{"banana", testing::wide_banana(), -9, 9, -5, 22},
                             {"two modes", testing::two_discs(), -8, 8, -6, 6},
                             {"x-shape", testing::x_shape(), -8, 8, -8, 8},
                             {"sine", testing::sine(), -10, 10, -4, 4}};
  fmt::print("{:<12}{:<32}{:>9}{:>9}{:>8}{:>8}{:>8}{:>7}\n", "toy", "", "KL(q|p)", "+-", "K-S 1",
             "K-S 2", "k-hat", "sec");
  const auto seed = static_cast<uint64_t>(number(s, "seed", 1));
  for (const Toy& toy : all) {
    const GridPosterior exact(toy.target, toy.low0, toy.high0, toy.low1, toy.high1, 700);
    const auto print = [&](const Outcome& o, const char* file) {
      if (o.z.size() == 0) {
        fmt::print("{:<12}{:<32} failed\n", toy.name, o.name);
        return;
      }
      fmt::print("{:<12}{:<32}{:>9.4f}{:>9.4f}{:>8.4f}{:>8.4f}{:>8.2f}{:>7.2f}\n", toy.name, o.name,
                 exact.log_evidence() - o.elbo, o.elbo_error,
                 exact.kolmogorov_smirnov(0, row(o.z, 0)), exact.kolmogorov_smirnov(1, row(o.z, 1)),
                 o.khat, o.seconds);
      if (s.contains("svg") && file) {
        std::string name = toy.name;
        std::replace(name.begin(), name.end(), ' ', '_');
        write_svg(fmt::format("{}/{}_{}.svg", s.at("svg"), name, file), toy.target, o.z,
                  toy.low0 / 2, toy.high0 / 2, toy.low1 / 2, toy.high1 / 2);
      }
    };
    SemiImplicitOptions o;  // as published
    o.mixing.noise_dim = 10;
    o.mixing.hidden = {40, 60, 40};
    o.mixing.sd = 0.1;
    o.mixing.learn_sd = false;
    o.mixing.linear = 0;
    o.mixing.last_scale = 1;
    o.bound.draws = 40;
    o.bound.inner = o.first_inner = 100;
    o.iterations = 5000;
    o.rate = 0.001;
    apply(s, o);
    if (number(s, "published", 1) != 0)
      print(run("semi-implicit, published", toy.target, AffineMap::identity(2), o, seed),
            "published");
    KernelSemiImplicitOptions k;  // as published, with fewer and faster steps
    k.mixing.noise_dim = 3;
    k.mixing.hidden = {50, 50};
    k.mixing.activation = Activation::kRelu;
    k.mixing.linear = 0;
    k.mixing.last_scale = 1;
    k.mixing.sd = 0.6;
    k.discrepancy.batch = 200;
    k.iterations = 5000;
    k.decay_every = 1000;
    apply(s, k);
    if (number(s, "kernel", 1) != 0)
      print(run("kernel semi-implicit", toy.target, AffineMap::identity(2), k, seed), "kernel");
    for (const Method m :
         {Method::kSemiImplicit, Method::kKernelSemiImplicit, Method::kMeanField, Method::kAuto}) {
      FitOptions f;
      f.seed = seed;
      f.method = m;
      f.resample = false;
      print(run_fit(fmt::format("vinci fit --method {}", to_string(m)), toy.target, f),
            m == Method::kSemiImplicit ? "fit" : nullptr);
    }
  }
  return 0;
}

// ---- logistic regression

Matrix read_csv(const std::string& path) {
  std::ifstream in(path);
  std::vector<double> all;
  Index rows = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    ++rows;
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) all.push_back(std::stod(cell));
  }
  if (rows == 0) return {};
  return Eigen::Map<const Matrix>(all.data(), rows, static_cast<Index>(all.size()) / rows);
}

constexpr const char* kLogistic = R"(
  data { int N, P; matrix[N, P] X; array[N] int<lower=0, upper=1> y; }
  parameters { vector[P] beta; }
  model { beta ~ normal(0, 10); y ~ bernoulli_logit_glm(X, 0, beta); })";

Matrix correlations(const Matrix& z) {
  const Matrix centred = z.colwise() - z.rowwise().mean();
  Matrix c = centred * centred.transpose() / static_cast<double>(z.cols());
  const Vector sd = c.diagonal().cwiseSqrt();
  for (Index i = 0; i < c.rows(); ++i)
    for (Index j = 0; j < c.cols(); ++j) c(i, j) /= sd[i] * sd[j];
  return c;
}

/// Errors of a's moments against b's: root mean squares of mean / sd, log sd, and correlation.
void print_moments(const Outcome& o, const Matrix& reference) {
  if (o.z.size() == 0) {
    fmt::print("{:<36} failed\n", o.name);
    return;
  }
  double mean = 0, sd = 0, corr = 0, worst = 0;
  const Index d = reference.rows();
  for (Index i = 0; i < d; ++i) {
    const Vector x = o.z.row(i), y = reference.row(i);
    mean += std::pow((mean_of(x) - mean_of(y)) / sd_of(y), 2);
    sd += std::pow(std::log(sd_of(x) / sd_of(y)), 2);
  }
  const Matrix difference = correlations(o.z) - correlations(reference);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < i; ++j) {
      corr += difference(i, j) * difference(i, j);
      worst = std::max(worst, std::abs(difference(i, j)));
    }
  }
  const auto n = static_cast<double>(d);
  fmt::print("{:<36}{:>9.3f}{:>9.3f}{:>9.3f}{:>9.3f}{:>11.3f}{:>8.2f}{:>8.2f}\n", o.name,
             std::sqrt(mean / n), std::sqrt(sd / n), std::sqrt(corr / (n * (n - 1) / 2)), worst,
             o.elbo, o.khat, o.seconds);
}

int waveform(const std::string& folder, const Settings& s) {
  const Matrix x = read_csv(folder + "/waveform_X_train.csv");
  const Matrix y = read_csv(folder + "/waveform_y_train.csv");
  const Matrix mcmc = read_csv(folder + "/waveform_BetaMCMC.csv");
  if (x.size() == 0 || mcmc.size() == 0) {
    fmt::print(stderr, "no waveform_*.csv in {}\n", folder);
    return 2;
  }
  std::vector<int> answers;
  for (Index i = 0; i < y.size(); ++i) answers.push_back(static_cast<int>(y.data()[i]));
  std::string rows = "[";
  for (Index i = 0; i < x.rows(); ++i) {
    rows += i ? ",[" : "[";
    for (Index j = 0; j < x.cols(); ++j) rows += fmt::format("{}{:.17g}", j ? "," : "", x(i, j));
    rows += "]";
  }
  std::string json = fmt::format("{{\"N\": {}, \"P\": {}, \"X\": {}], \"y\": [{}]}}", x.rows(),
                                 x.cols(), rows, fmt::join(answers, ","));
  const auto program = Program::from_text(kLogistic);
  const Model model(program, Data().add_json(json));

  const auto seed = static_cast<uint64_t>(number(s, "seed", 1));
  FitOptions exact_options;
  exact_options.seed = seed + 1000;
  exact_options.threads = 1;
  exact_options.draws = 100000;
  const FitResult exact = fit(model, exact_options);
  const Matrix reference =
      Eigen::Map<const Matrix>(exact.draws.data(), exact.num_draws, exact.dim).transpose();
  fmt::print("reference: importance-resampled full-rank normal, k-hat {:.2f}, ess {:.0f} of {}\n",
             exact.khat, exact.ess, exact.num_judged);

  std::vector<Outcome> outcomes;
  Outcome stored;
  stored.name = "stored MCMC (250 draws)";
  stored.z = mcmc;
  outcomes.push_back(stored);
  for (const Method m : {Method::kMeanField, Method::kNaturalGradient, Method::kSemiImplicit,
                         Method::kKernelSemiImplicit}) {
    FitOptions f;
    f.seed = seed;
    f.method = m;
    f.resample = false;
    outcomes.push_back(run_fit(fmt::format("vinci fit --method {}", to_string(m)), model, f));
  }
  {
    // As published: no frame but the identity; 20-d noise, 100-200-100 ReLU, 50 draws, K = 100.
    // (The paper's conditional has a shared full covariance; here it is diagonal.)
    SemiImplicitOptions o;
    o.mixing.noise_dim = 20;
    o.mixing.hidden = {100, 200, 100};
    o.mixing.activation = Activation::kRelu;
    o.mixing.sd = 0.2;
    o.mixing.linear = 0;
    o.mixing.last_scale = 1;
    o.bound.draws = 50;
    o.bound.inner = o.first_inner = 100;
    o.iterations = 2000;
    o.rate = 0.01;
    o.decay = 0.9;
    apply(s, o);
    if (number(s, "published", 1) != 0)
      outcomes.push_back(
          run("semi-implicit, identity frame", model, AffineMap::identity(x.cols()), o, seed));
  }
  for (const auto& [name, against] : {std::pair{"exact", &reference}, {"stored MCMC", &mcmc}}) {
    fmt::print("{:<36}{:>9}{:>9}{:>9}{:>9}{:>11}{:>8}{:>8}\n",
               fmt::format("waveform, against {}", name), "mean/sd", "log sd", "corr", "max corr",
               "ELBO", "k-hat", "sec");
    for (const Outcome& o : outcomes) print_moments(o, *against);
  }
  return 0;
}

// ---- speed of the inner loops

template <typename F>
double best_seconds(const F& f) {
  double best = 1e9;
  for (int i = 0; i < 30; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

int speed() {
  using namespace numeric;
  fmt::print("instruction set: {}\n", simd_target_name(simd_target()));
  for (const Index dim : {2, 22, 100}) {
    constexpr Index kDraws = 64, kInner = 1000;
    Matrix points(dim, kDraws), pull(dim, kDraws);
    std::vector<double> centres(static_cast<size_t>(dim * kInner)), log_sum(kDraws), share(kDraws),
        scratch(static_cast<size_t>(normal_mixture_scratch(dim)));
    fill_normal({1, 1}, 0, 0, dim, kDraws, points.data(), kDraws);
    fill_normal({1, 2}, 0, 0, kInner, dim, centres.data(), dim);
    NormalMixture job;
    job.dim = dim;
    job.count = kInner;
    job.centres = centres.data();
    job.lanes = kDraws;
    job.points = job.own = points.data();
    job.point_stride = job.own_stride = job.pull_stride = kDraws;
    job.log_sum = log_sum.data();
    job.scratch = scratch.data();
    const double value = best_seconds([&] { VINCI_SIMD_SELECT(normal_mixture)(job); });
    job.pull = pull.data();
    job.own_share = share.data();
    const double gradient = best_seconds([&] { VINCI_SIMD_SELECT(normal_mixture)(job); });
    std::vector<double> x(kDraws * kInner, -1.0), y(x.size());
    const double exps = best_seconds([&] {
      VINCI_SIMD_SELECT(row_function)
      (RowFunction::exp, x.data(), nullptr, y.data(), static_cast<int64_t>(x.size()));
    });
    constexpr double kPairs = static_cast<double>(kDraws * kInner);
    fmt::print(
        "normal_mixture D = {:<4} ns per draw and centre: value {:.2f}, gradient {:.2f}; exp "
        "alone {:.2f}; {:.1f} Gflop/s beside the exp\n",
        dim, value / kPairs * 1e9, gradient / kPairs * 1e9, exps / kPairs * 1e9,
        5 * static_cast<double>(dim) * kPairs / (gradient - exps) * 1e-9);
  }
  for (const std::vector<Index>& widths :
       {std::vector<Index>{10, 40, 60, 40, 2}, {22, 64, 64, 22}, {20, 100, 200, 100, 22}}) {
    const Mlp mlp(widths, Activation::kRelu);
    std::vector<double> params(static_cast<size_t>(mlp.num_params())), gradient(params.size());
    mlp.initialise({1, 1}, 1, params);
    Matrix x(widths.front(), 1000);
    fill_normal({1, 2}, 0, 0, x.rows(), x.cols(), x.data(), x.cols());
    Mlp::Tape tape;
    const double forward = best_seconds([&] { mlp.forward(params, x, tape); });
    const double backward =
        best_seconds([&] { mlp.backward(params, tape, tape.back(), nullptr, gradient); });
    double macs = 0;
    for (size_t l = 1; l < widths.size(); ++l)
      macs += static_cast<double>(widths[l] * widths[l - 1]);
    fmt::print(
        "network {}, 1000 lanes: forward {:.2f} ms ({:.1f} Gflop/s), backward {:.2f} ms ({:.1f})\n",
        fmt::join(widths, "-"), forward * 1e3, 2e3 * macs / forward * 1e-9, backward * 1e3,
        4e3 * macs / backward * 1e-9);
  }
  return 0;
}

}  // namespace

int main_of(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a run takes minutes
  Settings settings;
  std::string what, folder;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    if (equals != std::string::npos) {
      settings[word.substr(0, equals)] = word.substr(equals + 1);
    } else if (what.empty()) {
      what = word;
    } else {
      folder = word;
    }
  }
  if (what == "speed") return speed();
  if (what == "mites") return mites(settings);
  if (what == "toys") return toys(settings);
  if (what == "waveform" && !folder.empty()) return waveform(folder, settings);
  fmt::print(stderr, "usage: {} mites|toys|speed|waveform DATA_DIR [NAME=VALUE...]\n", argv[0]);
  return 2;
}

}  // namespace vinci::infer

int main(int argc, char** argv) { return vinci::infer::main_of(argc, argv); }
