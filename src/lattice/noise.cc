#include "lattice/noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/check.h"

namespace vinci::lattice {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMinSigma = 0.25;
constexpr double kMinFlip = 1e-6;

/// log of the upper tail of N(0, 1).
double log_upper_tail(double a) {
  if (a == kInf) return -kInf;
  if (a < 30) return std::log(0.5 * std::erfc(a / std::numbers::sqrt2));
  // a >= 30: 1 - 1/a^2 + 3/a^4 is exact to 2e-8.
  const double s = 1 / (a * a);
  return -0.5 * a * a - std::log(a) - 0.5 * std::log(2 * std::numbers::pi) +
         std::log1p(-s + 3 * s * s);
}

/// log P(byte | mean, sigma) after rounding and clipping.
double log_byte(int byte, double mean, double sigma) {
  const double a = byte == 0 ? -kInf : (byte - 0.5 - mean) / sigma;
  const double b = byte == 255 ? kInf : (byte + 0.5 - mean) / sigma;
  return log_normal_interval(a, b);
}

/// A maximum of f near `start` within [low, high], by golden section on an interval of half width
/// `reach` around it; never worse than start.
template <class F>
double maximise_near(F&& f, double start, double reach, double low, double high) {
  double a = std::max(low, start - reach), b = std::min(high, start + reach);
  constexpr double kGolden = 0.6180339887498949;
  double x = b - kGolden * (b - a), y = a + kGolden * (b - a);
  double fx = f(x), fy = f(y);
  for (int i = 0; i < 40; ++i) {
    if (fx > fy) {
      b = y;
      y = x;
      fy = fx;
      x = b - kGolden * (b - a);
      fx = f(x);
    } else {
      a = x;
      x = y;
      fx = fy;
      y = a + kGolden * (b - a);
      fy = f(y);
    }
  }
  const double best = fx > fy ? x : y;
  return std::max(fx, fy) > f(start) ? best : start;
}

}  // namespace

double log_normal_interval(double a, double b) {
  VINCI_DCHECK(a < b);
  // In the upper tail differences of Phi cancel, in the lower one they do not.
  if (a + b > 0) {
    const double low = -b, high = -a;
    a = low;
    b = high;
  }
  const double log_b = log_upper_tail(-b);
  if (a == -kInf) return log_b;
  // log(Phi(b) - Phi(a)) = log Phi(b) + log(1 - Phi(a)/Phi(b)).
  return log_b + std::log(-std::expm1(log_upper_tail(-a) - log_b));
}

void ByteCounts::add(const ByteCounts& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

Noise Noise::gaussian(std::vector<double> values, int channels, double sigma) {
  VINCI_CHECK(sigma > 0 && channels >= 1 && values.size() % static_cast<size_t>(channels) == 0);
  Noise noise;
  noise.kind_ = NoiseKind::kGaussian;
  noise.channels_ = channels;
  noise.levels_ = static_cast<int>(values.size()) / channels;
  noise.values_ = std::move(values);
  noise.parameter_ = std::max(sigma, kMinSigma);
  noise.tabulate();
  return noise;
}

Noise Noise::flip(int levels, double p) {
  VINCI_CHECK(levels >= 2 && p > 0 && p < 1);
  Noise noise;
  noise.kind_ = NoiseKind::kFlip;
  noise.levels_ = levels;
  noise.parameter_ = std::clamp(p, kMinFlip, 1 - kMinFlip);
  noise.tabulate();
  return noise;
}

void Noise::tabulate() {
  table_.resize(static_cast<size_t>(channels_ * levels_) * 256);
  double* out = table_.data();
  for (int channel = 0; channel < channels_; ++channel) {
    for (int level = 0; level < levels_; ++level) {
      for (int byte = 0; byte < 256; ++byte) {
        *out++ = kind_ == NoiseKind::kGaussian ? log_byte(byte, value(level, channel), parameter_)
                 : byte == level               ? std::log1p(-parameter_)
                                               : std::log(parameter_ / (levels_ - 1));
      }
    }
  }
}

double Noise::expected_log_likelihood(const ByteCounts& counts) const {
  double sum = 0;
  for (int channel = 0; channel < channels_; ++channel) {
    for (int level = 0; level < levels_; ++level) {
      for (int byte = 0; byte < 256; ++byte) {
        const double count = counts.at(channel, level, byte);
        if (count > 0) sum += count * log_likelihood(level, channel, byte);
      }
    }
  }
  return sum;
}

double Noise::maximise(const ByteCounts& counts, bool with_values) {
  const double before = parameter_;
  if (kind_ == NoiseKind::kFlip) {
    double wrong = 0, all = 0;
    for (int level = 0; level < levels_; ++level) {
      for (int byte = 0; byte < 256; ++byte) {
        all += counts.at(0, level, byte);
        if (byte != level) wrong += counts.at(0, level, byte);
      }
    }
    if (all > 0) parameter_ = std::clamp(wrong / all, kMinFlip, 1 - kMinFlip);
    tabulate();
    return std::abs(parameter_ - before);
  }
  double moved = 0;
  const auto of_level = [&](int level, int channel, double mean, double sigma) {
    double sum = 0;
    for (int byte = 0; byte < 256; ++byte) {
      const double count = counts.at(channel, level, byte);
      if (count > 0) sum += count * log_byte(byte, mean, sigma);
    }
    return sum;
  };
  if (with_values) {
    for (int level = 0; level < levels_; ++level) {
      for (int channel = 0; channel < channels_; ++channel) {
        double& mean = values_[static_cast<size_t>(level * channels_ + channel)];
        const double old = mean;
        mean = maximise_near([&](double m) { return of_level(level, channel, m, parameter_); },
                             mean, 32, -128, 383);
        moved = std::max(moved, std::abs(mean - old));
      }
    }
  }
  const double log_sigma = maximise_near(
      [&](double log_s) {
        double sum = 0;
        for (int channel = 0; channel < channels_; ++channel) {
          for (int level = 0; level < levels_; ++level)
            sum += of_level(level, channel, value(level, channel), std::exp(log_s));
        }
        return sum;
      },
      std::log(parameter_), 0.7, std::log(kMinSigma), std::log(2000.0));
  parameter_ = std::exp(log_sigma);
  tabulate();
  return std::max(moved, std::abs(parameter_ - before));
}

std::vector<double> split_levels(std::span<const double> counts, int levels) {
  VINCI_CHECK(counts.size() == 256 && levels >= 1 && levels <= 256);
  // Sums of 1, v, v^2 over the bytes below each byte.
  std::vector<double> n(257, 0.0), sum(257, 0.0), square(257, 0.0);
  for (size_t v = 0; v < 256; ++v) {
    const auto byte = static_cast<double>(v);
    n[v + 1] = n[v] + counts[v];
    sum[v + 1] = sum[v] + counts[v] * byte;
    square[v + 1] = square[v] + counts[v] * byte * byte;
  }
  const auto cost = [&](size_t from, size_t end) {
    const double weight = n[end] - n[from];
    if (weight <= 0) return 0.0;
    const double first = sum[end] - sum[from];
    return square[end] - square[from] - first * first / weight;
  };
  // least[k][end]: the cost of the bytes below `end` in k + 1 classes; the last begins at
  // start[k][end].
  const auto classes = static_cast<size_t>(levels);
  std::vector<std::vector<double>> least(classes, std::vector<double>(257, 0.0));
  std::vector<std::vector<size_t>> start(classes, std::vector<size_t>(257, 0));
  for (size_t end = 0; end <= 256; ++end) least[0][end] = cost(0, end);
  for (size_t k = 1; k < classes; ++k) {
    for (size_t end = 0; end <= 256; ++end) {
      double best = std::numeric_limits<double>::infinity();
      for (size_t from = 0; from <= end; ++from) {
        const double total = least[k - 1][from] + cost(from, end);
        if (total >= best) continue;
        best = total;
        start[k][end] = from;
      }
      least[k][end] = best;
    }
  }
  std::vector<double> values(classes);
  size_t end = 256;
  double above = 255;
  for (size_t k = classes; k-- > 0;) {
    const size_t from = start[k][end];
    const double weight = n[end] - n[from];
    // A class without pixels takes the value of the one above it.
    values[k] = weight > 0 ? (sum[end] - sum[from]) / weight : above;
    above = values[k];
    end = from;
  }
  return values;
}

}  // namespace vinci::lattice
