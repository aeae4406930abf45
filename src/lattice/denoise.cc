#include "lattice/denoise.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/check.h"
#include "lattice/onsager.h"
#include "lattice/palette.h"
#include "vinci/error.h"

namespace vinci::lattice {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Sweeps between two looks at the change, and between two M steps.
constexpr int kBlock = 8;

/// Bytes of observations, as the noise model takes them.
struct Observed {
  int width, height, channels;
  std::vector<uint8_t> bytes;

  const uint8_t* row(int r) const {
    return bytes.data() +
           static_cast<size_t>(r) * static_cast<size_t>(width) * static_cast<size_t>(channels);
  }
};

/// Fills the log likelihoods (Ising: half log ratios) of all pixels, and the constant.
void fill_field(const Observed& observed, const Noise& noise, numeric::ThreadPool& pool,
                Field& field) {
  const int channels = observed.channels, levels = noise.levels();
  const bool ising = field.is_ising();
  const int planes = field.field.planes();
  std::vector<float> table(static_cast<size_t>(planes * channels) * 256);
  std::vector<double> middle(static_cast<size_t>(channels) * 256, 0.0);
  for (int c = 0; c < channels; ++c) {
    for (int byte = 0; byte < 256; ++byte) {
      const auto at = [&](int k) -> float& {
        return table[static_cast<size_t>((k * channels + c) * 256 + byte)];
      };
      if (ising) {
        const double minus = noise.log_likelihood(0, c, byte);
        const double plus = noise.log_likelihood(1, c, byte);
        at(0) = static_cast<float>(0.5 * (plus - minus));
        middle[static_cast<size_t>(c * 256 + byte)] = 0.5 * (plus + minus);
      } else {
        for (int k = 0; k < levels; ++k)
          at(k) = static_cast<float>(noise.log_likelihood(k, c, byte));
      }
    }
  }
  std::vector<double> constants(static_cast<size_t>(observed.height), 0.0);
  pool.parallel_for(observed.height, [&](std::ptrdiff_t r) {
    const auto row = static_cast<int>(r);
    const uint8_t* bytes = observed.row(row);
    double constant = 0;
    for (int column = 0; column < observed.width; ++column) {
      for (int c = 0; c < channels; ++c)
        constant += middle[static_cast<size_t>(c * 256 + bytes[column * channels + c])];
    }
    constants[static_cast<size_t>(row)] = constant;
    for (int k = 0; k < planes; ++k) {
      const float* of_plane = table.data() + static_cast<ptrdiff_t>(k) * channels * 256;
      for (int parity = 0; parity < 2; ++parity) {
        float* out = field.field.half(row, parity, k);
        for (int j = 0; j < field.field.half_size(parity); ++j) {
          const uint8_t* pixel = bytes + static_cast<ptrdiff_t>(2 * j + parity) * channels;
          float sum = of_plane[pixel[0]];
          for (int c = 1; c < channels; ++c) sum += of_plane[c * 256 + pixel[c]];
          out[j] = sum;
        }
      }
    }
  });
  field.constant = 0;
  for (const double x : constants) field.constant += x;
}

/// Weighted counts of bytes, in chunks of rows so that the sum has one shape for any threads.
ByteCounts count_bytes(const Observed& observed, const SplitGrid& q, int levels,
                       numeric::ThreadPool& pool) {
  constexpr int kChunks = 32;
  std::vector<ByteCounts> parts(kChunks, ByteCounts(observed.channels, levels));
  pool.parallel_for(kChunks, [&](std::ptrdiff_t chunk) {
    const auto part = static_cast<size_t>(chunk);
    const auto edge = [&](std::ptrdiff_t i) {
      return static_cast<int>(static_cast<int64_t>(observed.height) * i / kChunks);
    };
    for (int row = edge(chunk); row < edge(chunk + 1); ++row) {
      const uint8_t* pixel = observed.row(row);
      for (int column = 0; column < observed.width; ++column, pixel += observed.channels) {
        for (int k = 0; k < levels; ++k) {
          const double p =
              q.planes() == 1 ? 0.5 + (k == 0 ? -0.5 : 0.5) * static_cast<double>(q.at(row, column))
                              : static_cast<double>(q.at(row, column, k));
          for (int c = 0; c < observed.channels; ++c) parts[part].at(c, k, pixel[c]) += p;
        }
      }
    }
  });
  for (size_t i = 1; i < parts.size(); ++i) parts[0].add(parts[i]);
  return std::move(parts[0]);
}

/// q from the data alone: softmax of the field, tanh for Ising; with `uniform` without data.
SplitGrid start_from(const Field& field, bool uniform) {
  SplitGrid q(field.width(), field.height(), field.field.planes());
  if (field.is_ising() && uniform) return q;
  const int planes = q.planes();
  std::vector<double> p(static_cast<size_t>(planes));
  for (int row = 0; row < q.height(); ++row) {
    for (int column = 0; column < q.width(); ++column) {
      if (field.is_ising()) {
        q.at(row, column) = std::tanh(field.field.at(row, column));
        continue;
      }
      double high = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int k = 0; k < planes; ++k)
        high = std::max(high, static_cast<double>(field.field.at(row, column, k)));
      for (int k = 0; k < planes; ++k) {
        double& x = p[static_cast<size_t>(k)];
        x = uniform ? 1 : std::exp(static_cast<double>(field.field.at(row, column, k)) - high);
        sum += x;
      }
      for (int k = 0; k < planes; ++k)
        q.at(row, column, k) = static_cast<float>(p[static_cast<size_t>(k)] / sum);
    }
  }
  return q;
}

/// The observation itself as means: its grey value on the scale on which the levels are -1 and +1.
SplitGrid start_at_observation(const Observed& observed, const Noise& noise, const Field& field) {
  if (!field.is_ising() || observed.channels != 1) return start_from(field, false);
  SplitGrid q(field.width(), field.height());
  for (int row = 0; row < q.height(); ++row) {
    const uint8_t* bytes = observed.row(row);
    for (int column = 0; column < q.width(); ++column) {
      const double low = noise.kind() == NoiseKind::kFlip ? 0 : noise.value(0, 0);
      const double high = noise.kind() == NoiseKind::kFlip ? 1 : noise.value(1, 0);
      const double half = std::max(0.5 * (high - low), 1e-9);
      q.at(row, column) =
          static_cast<float>(std::clamp((bytes[column] - low) / half - 1, -1.0, 1.0));
    }
  }
  return q;
}

/// Mean over (at most 2^16 of the) pixels of KL(softmax of the field | uniform).
double information_of(const Field& field) {
  const int64_t size = static_cast<int64_t>(field.width()) * field.height();
  const int64_t step = std::max<int64_t>(1, size >> 16);
  const int levels = field.is_ising() ? 2 : field.field.planes();
  double sum = 0;
  int64_t count = 0;
  std::vector<double> l(static_cast<size_t>(levels));
  for (int64_t i = 0; i < size; i += step, ++count) {
    const auto row = static_cast<int>(i / field.width()),
               column = static_cast<int>(i % field.width());
    for (int k = 0; k < levels; ++k) {
      l[static_cast<size_t>(k)] =
          field.is_ising() ? (k == 0 ? -1 : 1) * static_cast<double>(field.field.at(row, column))
                           : static_cast<double>(field.field.at(row, column, k));
    }
    const double high = *std::max_element(l.begin(), l.end());
    double z = 0, weighted = 0;
    for (const double x : l) {
      z += std::exp(x - high);
      weighted += std::exp(x - high) * (x - high);
    }
    sum += weighted / z - std::log(z) + std::log(levels);
  }
  return sum / static_cast<double>(count);
}

/// log Z of the field without data, where Onsager knows it: the free edges of a finite image are
/// taken into account by counting edges, two for each pixel of the infinite lattice.
double log_prior_constant(const Field& field) {
  if (!field.is_ising() || field.coupling.diagonal != 0) return kNan;
  const double pixels = static_cast<double>(field.width()) * field.height();
  const double f = onsager_log_partition(static_cast<double>(field.coupling.straight));
  return pixels * std::numbers::ln2 + 0.5 * field.num_edges() * (f - std::numbers::ln2);
}

/// Largest of q by pixel.
template <class F>
void for_each_largest(const SplitGrid& q, F&& visit) {
  for (int row = 0; row < q.height(); ++row) {
    for (int column = 0; column < q.width(); ++column) {
      if (q.planes() == 1) {
        const double m = q.at(row, column);
        visit(m > 0 ? 1 : 0, 0.5 + 0.5 * std::abs(m));
        continue;
      }
      int best = 0;
      for (int k = 1; k < q.planes(); ++k) {
        if (q.at(row, column, k) > q.at(row, column, best)) best = k;
      }
      visit(best, static_cast<double>(q.at(row, column, best)));
    }
  }
}

class Denoiser {
 public:
  Denoiser(const Pixels& noisy, const DenoiseOptions& options, numeric::ThreadPool& pool,
           const Context& context, const DenoiseObserver& observe)
      : noisy_(noisy), options_(options), pool_(pool), context_(context), observe_(observe) {
    set_up_noise();
    set_up_field();
  }

  DenoiseResult run();

 private:
  void set_up_noise();
  void set_up_grey_noise(NoiseKind kind);
  void set_up_colour_noise(NoiseKind kind);
  void set_up_field();
  void set_coupling(double j);
  bool learns() const { return !options_.noise || learns_values_ || options_.learn_coupling; }
  double maximise(const SplitGrid& q);
  void look_from_elsewhere();
  void read_out(const Sweeper& sweeper);
  void judge();
  std::vector<uint8_t> palette() const;
  void show(const Sweeper& sweeper, int sweep) const {
    if (observe_) observe_({sweep, elbo(field_, sweeper.q(), pool_), sweeper.q(), palette()});
  }
  double now() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  }

  const Pixels& noisy_;
  const DenoiseOptions& options_;
  numeric::ThreadPool& pool_;
  const Context& context_;
  const DenoiseObserver& observe_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

  Observed observed_{};
  Noise noise_ = Noise::flip(2, 0.5);
  bool learns_values_ = false;
  Field field_;
  DenoiseResult result_;
};

void Denoiser::set_up_grey_noise(NoiseKind kind) {
  const int levels = options_.levels;
  std::vector<double> counts(256, 0.0);
  for (size_t i = 0; i < noisy_.size(); ++i) ++counts[noisy_.data[i]];
  double low = options_.low, high = options_.high;
  if (!options_.noise && kind == NoiseKind::kFlip) {
    // The levels are the values that occur; a picture of one value is nearer to black or to white.
    int first = 0, last = 255;
    while (counts[static_cast<size_t>(first)] == 0) ++first;
    while (counts[static_cast<size_t>(last)] == 0) --last;
    if (first < last) {
      low = first;
      high = last;
    }
  }
  std::vector<double> even(static_cast<size_t>(levels));
  for (int k = 0; k < levels; ++k)
    even[static_cast<size_t>(k)] = low + (high - low) * k / (levels - 1);
  if (kind == NoiseKind::kFlip) {
    noise_ = Noise::flip(levels, options_.noise ? options_.noise_value : 0.1);
    for (uint8_t& byte : observed_.bytes) byte = nearest_colour(&byte, even, 1);
    result_.level_values = even;
  } else if (options_.noise) {
    noise_ = Noise::gaussian(even, 1, options_.noise_value * 0.5 * (high - low));
  } else {
    const std::vector<double> values = split_levels(counts, levels);
    double square = 0;
    for (int byte = 0; byte < 256; ++byte) {
      double best = std::numeric_limits<double>::infinity();
      for (const double v : values) best = std::min(best, (byte - v) * (byte - v));
      square += counts[static_cast<size_t>(byte)] * best;
    }
    noise_ = Noise::gaussian(values, 1,
                             std::max(1.0, std::sqrt(square / static_cast<double>(noisy_.size()))));
    learns_values_ = true;
  }
}

void Denoiser::set_up_colour_noise(NoiseKind kind) {
  const int levels = options_.levels;
  const std::vector<double> palette = kind == NoiseKind::kFlip
                                          ? most_frequent_colours(noisy_, levels)
                                          : cluster_colours(noisy_, levels);
  if (kind == NoiseKind::kFlip) {
    noise_ = Noise::flip(levels, options_.noise ? options_.noise_value : 0.1);
    std::vector<uint8_t> labels(noisy_.size());
    for (size_t i = 0; i < labels.size(); ++i)
      labels[i] = nearest_colour(noisy_.data + 3 * i, palette, 3);
    observed_ = {noisy_.width, noisy_.height, 1, std::move(labels)};
    result_.level_values = palette;
    return;
  }
  double square = 0;
  for (size_t i = 0; i < noisy_.size(); ++i) {
    const uint8_t* pixel = noisy_.data + 3 * i;
    const size_t k = nearest_colour(pixel, palette, 3);
    for (size_t c = 0; c < 3; ++c)
      square += (pixel[c] - palette[3 * k + c]) * (pixel[c] - palette[3 * k + c]);
  }
  const double sigma = options_.noise
                           ? options_.noise_value * 127.5
                           : std::sqrt(square / (3 * static_cast<double>(noisy_.size())));
  noise_ = Noise::gaussian(palette, 3, std::max(1.0, sigma));
  learns_values_ = true;
}

void Denoiser::set_up_noise() {
  const size_t bytes = noisy_.size() * static_cast<size_t>(noisy_.channels);
  observed_ = {noisy_.width, noisy_.height, noisy_.channels,
               std::vector<uint8_t>(noisy_.data, noisy_.data + bytes)};
  NoiseKind kind = options_.noise.value_or(NoiseKind::kGaussian);
  if (!options_.noise && has_few_colours(noisy_, options_.levels)) kind = NoiseKind::kFlip;
  noisy_.channels == 1 ? set_up_grey_noise(kind) : set_up_colour_noise(kind);
}

void Denoiser::set_coupling(double j) {
  result_.coupling = j;
  field_.coupling = {static_cast<float>(j),
                     result_.neighbours == 8 ? static_cast<float>(j / std::numbers::sqrt2) : 0.0F};
}

void Denoiser::set_up_field() {
  const int planes = options_.levels == 2 ? 1 : options_.levels;
  result_.neighbours = options_.neighbours != 0 ? options_.neighbours
                       : options_.levels == 2   ? 4
                                                : 8;
  // Field, q, its copies or messages.
  const int copies = options_.sweeps.method == Method::kTree ? 2 + result_.neighbours : 3;
  const double needed = copies * SplitGrid::bytes(noisy_.width, noisy_.height, planes);
  const double memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (memory > 0 && needed > 0.8 * memory) {
    throw Error(
        Error::Kind::kInput,
        fmt::format("{} by {} pixels with {} levels need {:.1f} GB of memory, and this "
                    "machine has {:.1f} GB; take fewer --levels or a part of the image.",
                    noisy_.width, noisy_.height, options_.levels, needed / 1e9, memory / 1e9));
  }
  set_coupling(options_.coupling);
  field_.field = SplitGrid(noisy_.width, noisy_.height, planes);
  fill_field(observed_, noise_, pool_, field_);
}

/// The M step; how far parameters moved, in parts of what matters to them.
double Denoiser::maximise(const SplitGrid& q) {
  double moved = 0;
  if (!options_.noise || learns_values_) {
    const ByteCounts counts = count_bytes(observed_, q, noise_.levels(), pool_);
    const double sigma = noise_.sigma();
    moved = noise_.maximise(counts, learns_values_);
    if (noise_.kind() == NoiseKind::kGaussian) {
      // A known sigma stays; only the levels' values were asked for.
      if (options_.noise) noise_ = Noise::gaussian(noise_.values(), noise_.channels(), sigma);
      moved /= noise_.sigma();
    }
    fill_field(observed_, noise_, pool_, field_);
  }
  if (options_.learn_coupling) {
    const double j = coupling_of_correlation(edge_correlation(field_, q));
    moved = std::max(moved, std::abs(j - result_.coupling));
    set_coupling(j);
  }
  return moved;
}

DenoiseResult Denoiser::run() {
  Sweeper sweeper(field_, start_at_observation(observed_, noise_, field_), options_.sweeps, pool_);
  // Parameters count as settled when an M step moves them by less than this share.
  constexpr double kSettled = 1e-3;
  show(sweeper, 0);
  double moved = learns() ? 1 : 0;
  while (result_.sweeps < options_.max_sweeps && !result_.converged) {
    if (context_.cancelled()) {
      result_.cancelled = true;
      break;
    }
    const int block = std::min(kBlock, options_.max_sweeps - result_.sweeps);
    if (observe_) {
      for (int i = 0; i < block; ++i) {
        result_.change = static_cast<double>(sweeper.run(1));
        show(sweeper, result_.sweeps + i + 1);
      }
    } else {
      result_.change = static_cast<double>(sweeper.run(block));
    }
    result_.sweeps += block;
    const bool still = result_.change <= options_.tolerance;
    if (learns()) moved = maximise(sweeper.q());
    result_.converged = still && moved < kSettled;
    Progress progress;
    progress.stage = "denoising";
    progress.fraction = static_cast<double>(result_.sweeps) / options_.max_sweeps;
    progress.elapsed_seconds = now();
    if (context_.on_progress) {
      progress.elbo = elbo(field_, sweeper.q(), pool_);
      context_.progress(progress);
    }
  }
  read_out(sweeper);
  if (options_.sweeps.method == Method::kMeanField && !result_.cancelled) look_from_elsewhere();
  judge();
  return std::move(result_);
}

std::vector<uint8_t> Denoiser::palette() const {
  std::vector<double> colours =
      noise_.kind() == NoiseKind::kGaussian ? noise_.values() : result_.level_values;
  if (options_.levels == 2 && noisy_.channels == 1) colours = {0, 255};
  std::vector<uint8_t> bytes;
  for (const double v : colours)
    bytes.push_back(static_cast<uint8_t>(std::lround(std::clamp(v, 0.0, 255.0))));
  return bytes;
}

/// A second run from q that knows nothing, with the parameters as they are: where mean field has
/// several solutions, it may end in another.
void Denoiser::look_from_elsewhere() {
  Sweeper other(field_, start_from(field_, true), options_.sweeps, pool_);
  for (int sweep = 0; sweep < options_.max_sweeps; sweep += kBlock) {
    if (context_.cancelled()) return;
    if (static_cast<double>(other.run(kBlock)) <= options_.tolerance) break;
  }
  result_.other_start_differs = error_rate(labels_of(other.q()), result_.labels);
  result_.other_start_elbo = elbo(field_, other.q(), pool_);
}

void Denoiser::read_out(const Sweeper& sweeper) {
  const SplitGrid& q = sweeper.q();
  result_.noise_kind = noise_.kind();
  result_.channels = noisy_.channels;
  if (noise_.kind() == NoiseKind::kGaussian) {
    result_.level_values = noise_.values();
    result_.sigma = noise_.sigma();
    const double contrast =
        noisy_.channels == 1 ? result_.level_values.back() - result_.level_values.front() : 255;
    result_.noise_value = noise_.sigma() / (0.5 * std::max(contrast, 1e-9));
  } else {
    result_.noise_value = noise_.flip_probability();
  }
  result_.palette = palette();
  result_.labels = labels_of(q);
  result_.labels_alone = labels_of(start_from(field_, false));
  result_.mean = mean_colour(q, result_.palette, result_.channels, pool_);
  double wrong = 0, undecided = 0;
  for_each_largest(q, [&](int, double p) {
    wrong += 1 - p;
    undecided += p < 0.75 ? 1 : 0;
  });
  const auto pixels = static_cast<double>(noisy_.size());
  result_.expected_error = wrong / pixels;
  result_.undecided = undecided / pixels;
  result_.elbo = elbo(field_, q, pool_);
  result_.log_evidence =
      options_.sweeps.method == Method::kTree ? sweeper.log_evidence_estimate() : kNan;
  result_.prior_constant = log_prior_constant(field_);
  result_.information = information_of(field_);
  result_.other_start_differs = kNan;
  result_.other_start_elbo = kNan;
}

void Denoiser::judge() {
  using Verdict = DenoiseResult::Verdict;
  const auto reason = [&](Verdict verdict, std::string text) {
    result_.verdict = std::max(result_.verdict, verdict);
    result_.reasons.push_back(std::move(text));
  };
  const auto percent = [](double share) { return fmt::format("{:.3g} %", 100 * share); };
  const Method method = options_.sweeps.method;
  if (result_.cancelled) {
    reason(Verdict::kBad, fmt::format("It was stopped after {} sweeps.", result_.sweeps));
  } else if (!result_.converged) {
    const char* hint = method == Method::kMeanField &&
                               options_.sweeps.schedule == Schedule::kSimultaneous &&
                               options_.sweeps.damping < 0.3
                           ? "all at once, pixels swing: --damping 0.5 or --schedule checkerboard"
                       : method == Method::kTree ? "--damping 0.5, or more --sweeps"
                                                 : "more --sweeps, or a larger --tolerance";
    reason(Verdict::kBad,
           fmt::format("It did not converge: sweep {} still changed a {} by {:.2g} ({}).",
                       result_.sweeps, method == Method::kTree ? "message" : "mean", result_.change,
                       hint));
  }
  const double degree = result_.neighbours == 8 ? 4 + 4 / std::numbers::sqrt2 : 4;
  // With diagonals the critical coupling is not known in closed form; strength per pixel is what
  // counts.
  const double critical = critical_coupling(options_.levels) * 4 / degree;
  const double ordering = mean_field_critical_coupling(options_.levels, degree);
  const char* about = result_.neighbours == 8 ? "about " : "";
  constexpr double kLittle = 0.02, kWeak = 0.1;
  if (result_.information < kLittle) {
    reason(Verdict::kBad,
           fmt::format(
               "The image says little: a pixel's value carries {:.2g} nats about its level; what "
               "is shown is mostly the prior's.",
               result_.information));
  }
  if (result_.coupling > critical) {
    reason(result_.information < kWeak ? Verdict::kUsable : Verdict::kGood,
           fmt::format(
               "The coupling {:.3g} is above the critical one, {}{:.3g}: without data the field "
               "orders by itself, so large weakly observed areas may come out in one colour.",
               result_.coupling, about, critical));
  } else if (method == Method::kMeanField && result_.coupling > ordering &&
             result_.information < kWeak) {
    reason(Verdict::kUsable,
           fmt::format(
               "The coupling {:.3g} lies between mean field's critical one, {:.3g}, and the exact "
               "one, {}{:.3g}: mean field orders where the field does not, and is overconfident; "
               "--method tree is not.",
               result_.coupling, ordering, about, critical));
  }
  if (!options_.noise) {
    // An independent check is not to be had from one image: with a coupling too small, flips that
    // no neighbour speaks against count as signal.
    reason(Verdict::kUsable,
           fmt::format("The noise was learned, and depends on the coupling ({:.3g}): a wrong "
                       "coupling is made up for by wrong noise. Give --noise where it is known.",
                       result_.coupling));
  }
  // A share of pixels on edges differs by rounding alone.
  if (result_.other_start_differs > 0.01) {
    reason(
        result_.other_start_differs > 0.1 ? Verdict::kBad : Verdict::kUsable,
        fmt::format("Mean field has several solutions: from a start that knows nothing {} of the "
                    "pixels end in another level (ELBO {:.1f} there, {:.1f} here).",
                    percent(result_.other_start_differs), result_.other_start_elbo, result_.elbo));
  }
  if (result_.expected_error > 0.2) {
    reason(Verdict::kBad,
           fmt::format("The posterior is so uncertain that the picture says little: it "
                       "expects {} of its own pixels to be wrong.",
                       percent(result_.expected_error)));
  } else if (result_.expected_error > 0.1) {
    reason(Verdict::kUsable, fmt::format("The posterior expects {} of the pixels to be wrong.",
                                         percent(result_.expected_error)));
  }
  if (noise_.kind() == NoiseKind::kGaussian && noisy_.channels == 1 && options_.levels == 2 &&
      !options_.noise) {
    const double apart = noise_.value(1, 0) - noise_.value(0, 0);
    if (apart < 0.5 * noise_.sigma()) {
      reason(Verdict::kBad,
             fmt::format(
                 "The two levels that were learned are {:.3g} grey values apart, less than the "
                 "noise ({:.3g}): the image may have one level only.",
                 apart, noise_.sigma()));
    }
  }
}

void check_range(bool fine, const char* name, double value, const char* rule) {
  if (!fine) {
    throw Error(Error::Kind::kUsage, fmt::format("`{}` is {}; {}.", name, value, rule));
  }
}

}  // namespace

void DenoiseOptions::validate() const {
  check_range(levels >= 2 && levels <= kMaxLevels, "levels", levels,
              "a picture has 2 to 256 levels");
  if (noise == NoiseKind::kGaussian) {
    check_range(
        noise_value > 0 && noise_value <= 1000, "gaussian noise", noise_value,
        "its deviation is positive (and at most 1000), in units in which the levels are -1 and +1");
  } else if (noise == NoiseKind::kFlip) {
    const double most = (levels - 1.0) / levels;
    check_range(
        noise_value > 0 && noise_value < most, "flip noise", noise_value,
        levels == 2
            ? "its probability is between 0 and 1/2: at 1/2 a pixel says nothing"
            : "its probability is positive and less than (levels - 1) / levels, at which a pixel "
              "says nothing");
  }
  check_range(low >= 0 && high <= 255 && low < high, "range", low,
              "its ends are grey values, 0 <= LOW < HIGH <= 255");
  check_range(
      coupling >= 0 && coupling <= 20, "coupling", coupling,
      "it is between 0 (pixels are independent) and 20; below 0 neighbours would have to differ");
  check_range(neighbours == 0 || neighbours == 4 || neighbours == 8, "neighbours", neighbours,
              "a pixel has 4 or 8");
  if (learn_coupling && (levels != 2 || neighbours == 8)) {
    throw Error(
        Error::Kind::kUsage,
        "The coupling can be learned for two levels and 4 neighbours only, where the field's "
        "normalising constant is known; give a number.");
  }
  check_range(sweeps.damping >= 0 && sweeps.damping < 1, "damping", sweeps.damping,
              "the share of the old value is at least 0 and less than 1");
  check_range(sweeps.tree_weight > 0 && sweeps.tree_weight <= 1, "tree weight", sweeps.tree_weight,
              "it is positive and at most 1");
  check_range(max_sweeps >= 1, "sweeps", max_sweeps, "at least 1 is made");
  check_range(tolerance >= 0 && tolerance < 2, "tolerance", tolerance,
              "it is at least 0 and less than 2, the largest change that a mean can make");
}

DenoiseResult denoise(const Pixels& noisy, const DenoiseOptions& options, numeric::ThreadPool& pool,
                      const Context& context, const DenoiseObserver& observe) {
  options.validate();
  VINCI_CHECK(noisy.width >= 1 && noisy.height >= 1 &&
              (noisy.channels == 1 || noisy.channels == 3));
  return Denoiser(noisy, options, pool, context, observe).run();
}

std::vector<uint8_t> labels_of(const SplitGrid& q) {
  std::vector<uint8_t> labels;
  labels.reserve(static_cast<size_t>(q.width()) * static_cast<size_t>(q.height()));
  for_each_largest(q, [&](int level, double) { labels.push_back(static_cast<uint8_t>(level)); });
  return labels;
}

}  // namespace vinci::lattice
