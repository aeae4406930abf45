#include "lattice/palette.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace vinci::lattice {

namespace {

uint32_t packed(const Pixels& image, size_t i) {
  if (image.channels == 1) return image.data[i];
  const uint8_t* p = image.data + 3 * i;
  return static_cast<uint32_t>(p[0]) << 16 | static_cast<uint32_t>(p[1]) << 8 | p[2];
}

double brightness(const double* c) { return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]; }

void sort_by_brightness(std::vector<double>& palette) {
  const size_t count = palette.size() / 3;
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return brightness(&palette[3 * a]) < brightness(&palette[3 * b]);
  });
  std::vector<double> sorted;
  for (const size_t k : order) sorted.insert(sorted.end(), &palette[3 * k], &palette[3 * k] + 3);
  palette = std::move(sorted);
}

}  // namespace

bool has_few_colours(const Pixels& image, int most) {
  std::vector<uint32_t> seen;
  for (size_t i = 0; i < image.size(); ++i) {
    const uint32_t colour = packed(image, i);
    if (std::find(seen.begin(), seen.end(), colour) != seen.end()) continue;
    if (static_cast<int>(seen.size()) == most) return false;
    seen.push_back(colour);
  }
  return true;
}

std::vector<double> most_frequent_colours(const Pixels& image, int count) {
  std::map<uint32_t, int64_t> counts;
  for (size_t i = 0; i < image.size(); ++i) ++counts[packed(image, i)];
  std::vector<std::pair<int64_t, uint32_t>> order;
  for (const auto& [colour, times] : counts) order.emplace_back(-times, colour);
  std::sort(order.begin(), order.end());
  std::vector<double> palette;
  for (int k = 0; k < count; ++k) {
    const uint32_t colour = order[std::min(static_cast<size_t>(k), order.size() - 1)].second;
    for (const int shift : {16, 8, 0})
      palette.push_back(static_cast<double>(colour >> shift & 255));
  }
  sort_by_brightness(palette);
  return palette;
}

uint8_t nearest_colour(const uint8_t* pixel, const std::vector<double>& palette, int channels) {
  const auto step = static_cast<size_t>(channels);
  size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (size_t k = 0; k * step < palette.size(); ++k) {
    double square = 0;
    for (size_t c = 0; c < step; ++c) {
      const double off = pixel[c] - palette[k * step + c];
      square += off * off;
    }
    if (square < least) {
      least = square;
      best = k;
    }
  }
  return static_cast<uint8_t>(best);
}

std::vector<double> cluster_colours(const Pixels& image, int count) {
  const size_t step = std::max<size_t>(1, image.size() >> 14);
  std::vector<const uint8_t*> sample;
  for (size_t i = 0; i < image.size(); i += step) sample.push_back(image.data + 3 * i);
  // The first centre is the mean, each further one a pixel half way (by rank) between the middle
  // and the farthest from those before: the farthest itself is the noise's.
  std::vector<double> palette(3, 0.0);
  for (const uint8_t* p : sample) {
    for (size_t c = 0; c < 3; ++c) palette[c] += p[c] / static_cast<double>(sample.size());
  }
  const auto distance = [&](const uint8_t* p) {
    const size_t k = nearest_colour(p, palette, 3);
    double square = 0;
    for (size_t c = 0; c < 3; ++c)
      square += (p[c] - palette[3 * k + c]) * (p[c] - palette[3 * k + c]);
    return square;
  };
  while (static_cast<int>(palette.size() / 3) < count) {
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < sample.size(); ++i) order.emplace_back(distance(sample[i]), i);
    const size_t rank = order.size() - 1 - order.size() / 20;
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(rank), order.end());
    const uint8_t* p = sample[order[rank].second];
    for (size_t c = 0; c < 3; ++c) palette.push_back(p[c]);
  }
  for (int iteration = 0; iteration < 30; ++iteration) {
    std::vector<double> sum(palette.size(), 0.0), weight(palette.size() / 3, 0.0);
    for (const uint8_t* p : sample) {
      const size_t k = nearest_colour(p, palette, 3);
      weight[k] += 1;
      for (size_t c = 0; c < 3; ++c) sum[3 * k + c] += p[c];
    }
    for (size_t k = 0; k < weight.size(); ++k) {
      if (weight[k] == 0) continue;
      for (size_t c = 0; c < 3; ++c) palette[3 * k + c] = sum[3 * k + c] / weight[k];
    }
  }
  sort_by_brightness(palette);
  return palette;
}

}  // namespace vinci::lattice
