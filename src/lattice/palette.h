// Colours of an image: few that stand for all, and the nearest of them.
#pragma once

#include <cstdint>
#include <vector>

#include "lattice/denoise.h"

namespace vinci::lattice {

/// Whether at most `most` different colours occur.
bool has_few_colours(const Pixels& image, int most);

/// The `count` most frequent colours, [count][3], ordered by brightness; fewer different ones are
/// repeated.
std::vector<double> most_frequent_colours(const Pixels& image, int count);

/// `count` colours by Lloyd's algorithm on at most 2^14 pixels, from the farthest-first choice:
/// the same image gives the same colours. Ordered by brightness.
std::vector<double> cluster_colours(const Pixels& image, int count);

/// Index of the nearest row of `palette`, [][channels].
uint8_t nearest_colour(const uint8_t* pixel, const std::vector<double>& palette, int channels);

}  // namespace vinci::lattice
