// Denoising of an image: from bytes to the levels behind them, with what is to be said about how
// far the result can be trusted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lattice/noise.h"
#include "lattice/sweeps.h"
#include "vinci/context.h"

namespace vinci::lattice {

/// Bytes of an image, rows from the top; 1 or 3 channels. Not owned.
struct Pixels {
  int width = 0, height = 0, channels = 1;
  const uint8_t* data = nullptr;

  size_t size() const { return static_cast<size_t>(width) * static_cast<size_t>(height); }
};

struct DenoiseOptions {
  /// Of the true picture: 2 is an Ising field, more a Potts field.
  int levels = 2;
  std::optional<NoiseKind>
      noise;  ///< none: unknown, its kind told from the bytes, the rest learned
  /// Gaussian: the deviation in units of half the distance from the lowest level to the highest (as
  /// if they were -1 and +1); flip: the probability. Unused where the noise is unknown.
  double noise_value = 0;
  /// Grey values of the lowest and the highest level of a grey image with known Gaussian noise.
  double low = 0, high = 255;
  double coupling = 0.7;  ///< J >= 0 on horizontal and vertical edges, each counted once
  /// Learn J: only Ising with four neighbours, whose normalising constant is known (onsager.h).
  bool learn_coupling = false;
  int neighbours = 0;  ///< 4 or 8 (diagonal edges have J / sqrt 2); 0: 4 for two levels, else 8
  SweepOptions sweeps;
  int max_sweeps = 1000;
  /// Largest change of a mean, probability or message in a sweep at which it has converged.
  double tolerance = 1e-3;

  /// Throws Error(kUsage), naming the field.
  void validate() const;
};

struct DenoiseResult {
  std::vector<uint8_t> labels;        ///< most probable level of each pixel
  std::vector<uint8_t> labels_alone;  ///< most probable level given the pixel's own byte only
  /// The levels' colours: [levels][channels]. Two grey levels are black and white whatever values
  /// the noisy image gave them.
  std::vector<uint8_t> palette;
  int channels = 1;
  std::vector<uint8_t> mean;  ///< E_q[colour], bytes as the palette's

  NoiseKind noise_kind = NoiseKind::kGaussian;
  double noise_value = 0;            ///< as in the options
  double sigma = 0;                  ///< Gaussian: in grey values
  std::vector<double> level_values;  ///< Gaussian: in the noisy image, [levels][channels]
  double coupling = 0;
  int neighbours = 4;

  int sweeps = 0;
  bool converged = false;
  bool cancelled = false;
  double change = 0;  ///< of the last sweep
  double elbo = 0;  ///< of q (kTree: of the product of its marginals), without the prior's constant
  double log_evidence = 0;    ///< kTree: Bethe's estimate, or the upper bound; NaN else
  double prior_constant = 0;  ///< log Z of the field without data; NaN where it is not known
  double expected_error = 0;  ///< mean over pixels of 1 - q(label)
  double undecided = 0;       ///< share of pixels with q(label) < 3/4
  double information = 0;     ///< nats that a pixel's byte alone says about its level, on average
  /// Mean field: share of labels that a second run, from uniform q, has different; NaN: not tried.
  double other_start_differs = 0;
  double other_start_elbo = 0;

  enum class Verdict : uint8_t { kGood, kUsable, kBad };
  Verdict verdict = Verdict::kGood;
  std::vector<std::string> reasons;  ///< sentences; of a bad or usable verdict, and notes
};

/// What a run shares on its way.
struct DenoiseStep {
  int sweep = 0;  ///< 0: the start
  double elbo = 0;
  const SplitGrid& q;
  const std::vector<uint8_t>& palette;  ///< as the result's, with what has been learned so far
};
using DenoiseObserver = std::function<void(const DenoiseStep&)>;

/// Noise that is unknown and a coupling that is to be learned change every few sweeps to what
/// maximises the ELBO (variational EM); the ELBO still does not fall. The result does not depend on
/// the pool's threads. `observe` sees the start and every sweep, at the price of a bound each.
DenoiseResult denoise(const Pixels& noisy, const DenoiseOptions& options, numeric::ThreadPool& pool,
                      const Context& context = {}, const DenoiseObserver& observe = {});

/// Labels of a clean picture: for two grey levels what is above its mean, else the nearest colour
/// of the palette.
std::vector<uint8_t> labels_of(const Pixels& clean, const std::vector<uint8_t>& palette);

/// The most probable levels of q.
std::vector<uint8_t> labels_of(const SplitGrid& q);

/// The labels in their colours.
std::vector<uint8_t> colour_of(const std::vector<uint8_t>& labels,
                               const std::vector<uint8_t>& palette, int channels);

/// E_q[colour] of each pixel, rounded.
std::vector<uint8_t> mean_colour(const SplitGrid& q, const std::vector<uint8_t>& palette,
                                 int channels, numeric::ThreadPool& pool);

/// Share of labels that differ.
double error_rate(const std::vector<uint8_t>& labels, const std::vector<uint8_t>& truth);

/// 10 log10(255^2 / mean squared difference) in dB; infinite where all bytes agree.
double psnr(const std::vector<uint8_t>& bytes, const std::vector<uint8_t>& truth);

/// A noisy picture, reproducibly: the clean one is reduced to `levels` levels (two: above and below
/// its mean grey; 0: left as it is), which lie evenly between `low` and `high`, then each pixel is
/// flipped to another level with probability `value`, or gets normal noise of deviation
/// value x (high - low) / 2 in each channel, rounded and clipped. The row of a pixel has random
/// numbers of its own.
std::vector<uint8_t> add_noise(const Pixels& clean, NoiseKind kind, double value, int levels,
                               double low, double high, uint64_t seed);

}  // namespace vinci::lattice
