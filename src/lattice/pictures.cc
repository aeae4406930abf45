// Clean and noisy pictures: labels, errors, noise to order.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "lattice/denoise.h"
#include "lattice/palette.h"
#include "numeric/random/random_stream.h"

namespace vinci::lattice {

namespace {

double grey_of(const uint8_t* pixel, int channels) {
  return channels == 1 ? pixel[0] : 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

/// 1 where a pixel is brighter than the mean of all.
std::vector<uint8_t> above_mean(const Pixels& image) {
  double sum = 0;
  for (size_t i = 0; i < image.size(); ++i)
    sum += grey_of(image.data + i * static_cast<size_t>(image.channels), image.channels);
  const double mean = sum / static_cast<double>(image.size());
  std::vector<uint8_t> labels(image.size());
  for (size_t i = 0; i < image.size(); ++i) {
    const double grey =
        grey_of(image.data + i * static_cast<size_t>(image.channels), image.channels);
    // A picture of one colour is black or white, whichever is nearer.
    labels[i] = grey > mean || (grey == mean && mean > 127.5) ? 1 : 0;
  }
  return labels;
}

}  // namespace

std::vector<uint8_t> labels_of(const Pixels& clean, const std::vector<uint8_t>& palette) {
  const auto channels = static_cast<size_t>(clean.channels);
  VINCI_CHECK(palette.size() % channels == 0);
  if (clean.channels == 1 && palette.size() == 2) return above_mean(clean);
  const std::vector<double> colours(palette.begin(), palette.end());
  std::vector<uint8_t> labels(clean.size());
  for (size_t i = 0; i < labels.size(); ++i)
    labels[i] = nearest_colour(clean.data + i * channels, colours, clean.channels);
  return labels;
}

std::vector<uint8_t> colour_of(const std::vector<uint8_t>& labels,
                               const std::vector<uint8_t>& palette, int channels) {
  const auto step = static_cast<size_t>(channels);
  std::vector<uint8_t> out;
  out.reserve(labels.size() * step);
  for (const size_t label : labels) {
    for (size_t c = 0; c < step; ++c) out.push_back(palette[label * step + c]);
  }
  return out;
}

std::vector<uint8_t> mean_colour(const SplitGrid& q, const std::vector<uint8_t>& palette,
                                 int channels, numeric::ThreadPool& pool) {
  const auto step = static_cast<size_t>(channels);
  const size_t levels = palette.size() / step;
  const size_t row_bytes = static_cast<size_t>(q.width()) * step;
  std::vector<uint8_t> bytes(row_bytes * static_cast<size_t>(q.height()));
  pool.parallel_for(q.height(), [&](std::ptrdiff_t r) {
    const auto row = static_cast<int>(r);
    uint8_t* out = bytes.data() + static_cast<size_t>(row) * row_bytes;
    for (int column = 0; column < q.width(); ++column) {
      for (size_t c = 0; c < step; ++c) {
        double sum = 0;
        for (size_t k = 0; k < levels; ++k) {
          const double p =
              q.planes() == 1 ? 0.5 + (k == 0 ? -0.5 : 0.5) * static_cast<double>(q.at(row, column))
                              : static_cast<double>(q.at(row, column, static_cast<int>(k)));
          sum += p * palette[k * step + c];
        }
        *out++ = static_cast<uint8_t>(std::lround(std::clamp(sum, 0.0, 255.0)));
      }
    }
  });
  return bytes;
}

double error_rate(const std::vector<uint8_t>& labels, const std::vector<uint8_t>& truth) {
  VINCI_CHECK(labels.size() == truth.size());
  size_t wrong = 0;
  for (size_t i = 0; i < labels.size(); ++i) wrong += labels[i] != truth[i] ? 1 : 0;
  return static_cast<double>(wrong) / static_cast<double>(labels.size());
}

double psnr(const std::vector<uint8_t>& bytes, const std::vector<uint8_t>& truth) {
  VINCI_CHECK(bytes.size() == truth.size());
  double square = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const double off = static_cast<double>(bytes[i]) - truth[i];
    square += off * off;
  }
  if (square == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(bytes.size()) / square);
}

std::vector<uint8_t> add_noise(const Pixels& clean, NoiseKind kind, double value, int levels,
                               double low, double high, uint64_t seed) {
  VINCI_CHECK(kind == NoiseKind::kGaussian || levels >= 2);
  VINCI_CHECK(clean.channels == 1 || levels == 0);
  const auto channels = static_cast<size_t>(clean.channels);
  std::vector<double> even;
  for (int k = 0; k < levels; ++k) even.push_back(low + (high - low) * k / (levels - 1));
  std::vector<double> full;
  for (int k = 0; k < levels; ++k) full.push_back(255.0 * k / (levels - 1));
  std::vector<uint8_t> labels;
  if (levels == 2) labels = above_mean(clean);
  if (levels > 2) {
    for (size_t i = 0; i < clean.size(); ++i)
      labels.push_back(nearest_colour(clean.data + i, full, 1));
  }
  std::vector<uint8_t> out(clean.size() * channels);
  const double sigma = value * 0.5 * (high - low);
  const auto row_bytes = static_cast<size_t>(clean.width) * channels;
  for (int row = 0; row < clean.height; ++row) {
    numeric::RandomStream random(seed, 1, static_cast<uint32_t>(row));
    for (size_t j = 0; j < row_bytes; ++j) {
      const size_t i = static_cast<size_t>(row) * row_bytes + j;
      double v = 0;
      if (kind == NoiseKind::kFlip) {
        size_t label = labels[i];
        if (random.uniform() < value) {
          // Any of the others.
          const auto other = static_cast<size_t>(random.integer(levels - 1));
          label = other < label ? other : other + 1;
        }
        v = even[label];
      } else {
        const double mean =
            levels == 0 ? low + (high - low) * clean.data[i] / 255.0 : even[labels[i]];
        v = mean + sigma * random.normal();
      }
      out[i] = static_cast<uint8_t>(std::lround(std::clamp(v, 0.0, 255.0)));
    }
  }
  return out;
}

}  // namespace vinci::lattice
