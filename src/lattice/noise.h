// What a pixel's byte says about its level: likelihoods of bytes as tables, and their parameters
// from weighted counts (the M step of variational EM).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vinci::lattice {

enum class NoiseKind : uint8_t { kGaussian, kFlip };

/// Counts of bytes by level: at(channel, level, byte) = sum over pixels of q_i(level) where the
/// pixel's channel is this byte.
class ByteCounts {
 public:
  ByteCounts(int channels, int levels)
      : levels_(levels),
        counts_(static_cast<size_t>(channels) * static_cast<size_t>(levels) * 256) {}
  double& at(int channel, int level, int byte) { return counts_[index(channel, level, byte)]; }
  double at(int channel, int level, int byte) const { return counts_[index(channel, level, byte)]; }
  void add(const ByteCounts& other);

 private:
  size_t index(int channel, int level, int byte) const {
    return (static_cast<size_t>(channel) * static_cast<size_t>(levels_) +
            static_cast<size_t>(level)) *
               256 +
           static_cast<size_t>(byte);
  }
  int levels_;
  std::vector<double> counts_;
};

/// log P(byte | level) for every byte, level and channel; channels are independent given the level.
///
/// Gaussian: a byte is what rounding to whole numbers and clipping to [0, 255] make of a normal
/// variable with mean value(level, channel) and deviation sigma, and its probability is exactly
/// that: Phi((v + 1/2 - m) / sigma) - Phi((v - 1/2 - m) / sigma), the tails included at 0 and 255.
/// So heavily clipped pictures are used for what they are, and a likelihood is a probability.
///
/// Flip: bytes are levels themselves (0, ..., K - 1; one channel), kept with probability 1 - p and
/// else any of the others.
class Noise {
 public:
  /// values: [levels][channels] in grey values; sigma > 0 in grey values.
  static Noise gaussian(std::vector<double> values, int channels, double sigma);
  /// 0 < p < 1.
  static Noise flip(int levels, double p);

  NoiseKind kind() const { return kind_; }
  int levels() const { return levels_; }
  int channels() const { return channels_; }
  double value(int level, int channel) const {
    return values_[static_cast<size_t>(level * channels_ + channel)];
  }
  const std::vector<double>& values() const { return values_; }
  double sigma() const { return parameter_; }
  double flip_probability() const { return parameter_; }

  double log_likelihood(int level, int channel, int byte) const {
    return table_[static_cast<size_t>((channel * levels_ + level) * 256 + byte)];
  }

  /// Sets sigma (and with `with_values` the levels' values) or p to what maximises sum of counts x
  /// log likelihood, or to something nearer to it: the sum does not fall. sigma stays at least 1/4,
  /// p within [1e-6, 1 - 1e-6]. Returns the largest change of a value, of sigma (both in grey
  /// values) or of p.
  double maximise(const ByteCounts& counts, bool with_values);

  /// sum of counts x log likelihood.
  double expected_log_likelihood(const ByteCounts& counts) const;

 private:
  void tabulate();

  NoiseKind kind_ = NoiseKind::kGaussian;
  int levels_ = 0, channels_ = 1;
  std::vector<double> values_;
  double parameter_ = 0;
  std::vector<double> table_;
};

/// log(Phi(b) - Phi(a)) for a < b, infinite ones included; accurate far out in both tails.
double log_normal_interval(double a, double b);

/// The K values nearest to the bytes of an image (counts of 256) in squares, each byte taking the
/// nearest: exactly, by dynamic programming over their ends. Ascending; O(256^2 K).
std::vector<double> split_levels(std::span<const double> counts, int levels);

}  // namespace vinci::lattice
