// The order in which the rows of a field are updated: several sweeps over a tile of rows while it
// is in cache, tiles in parallel.
#pragma once

#include <algorithm>
#include <cstdint>

#include "numeric/parallel/thread_pool.h"

namespace vinci::lattice {

/// Half sweeps 0, 1, ..., half_steps - 1 over rows 0, ..., height - 1: calls update(row, step) once
/// for each pair, such that every call finds rows row - 1, row, row + 1 as they are after step - 1,
/// where a step may change a pixel only if no neighbour of it changes in the same step.
///
/// That is a checkerboard (or any two-colouring of the rows) in place. Its dependencies reach one
/// row a step, so a tile of rows first takes all steps on a trapezoid that loses a row on each
/// inner side a step; what is missing between two tiles are triangles, which follow. All trapezoids
/// are independent, then all triangles: the result does not depend on threads or on `tile_rows`,
/// bit for bit. That a row may be a step ahead of its neighbour is harmless: what the neighbour
/// reads of it has the other colour.
///
/// tile_rows >= 2 half_steps, or the grid is one tile.
template <class Update>
void run_half_steps(int height, int half_steps, int tile_rows, numeric::ThreadPool& pool,
                    Update&& update) {
  const int tiles = std::max(1, height / std::max(tile_rows, 2 * half_steps));
  const auto begin = [&](std::ptrdiff_t tile) {
    return static_cast<int>(static_cast<int64_t>(height) * tile / tiles);
  };
  pool.parallel_for(tiles, [&](std::ptrdiff_t tile) {
    const int low = begin(tile), high = begin(tile + 1);
    for (int step = 0; step < half_steps; ++step) {
      const int first = tile == 0 ? 0 : low + step;
      const int end = tile == tiles - 1 ? height : high - step;
      for (int row = first; row < end; ++row) update(row, step);
    }
  });
  pool.parallel_for(tiles - 1, [&](std::ptrdiff_t tile) {
    const int edge = begin(tile + 1);
    for (int step = 1; step < half_steps; ++step) {
      for (int row = edge - step; row < edge + step; ++row) update(row, step);
    }
  });
}

/// Rows of a tile so that it stays in a second-level cache.
inline int tile_rows_for(double bytes_per_row) {
  constexpr double kTileBytes = 320 << 10;
  return std::clamp(static_cast<int>(kTileBytes / bytes_per_row), 4, 512);
}

}  // namespace vinci::lattice
