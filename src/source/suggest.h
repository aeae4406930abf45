// "did you mean": the name that a user most likely meant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vinci::source {

/// Optimal string alignment distance: the least number of insertions, deletions, substitutions and
/// swaps of neighbours that turn `a` into `b`, no stretch being edited twice; `limit` + 1 if it is
/// more than `limit`. O(|a| |b|). Bytes, not code points.
size_t edit_distance(std::string_view a, std::string_view b, size_t limit);

/// Keeps the nearest of the names it is shown.
class NearestName {
 public:
  /// Names farther than a third of the name's length (at least 1, at most 3) are not suggested.
  explicit NearestName(std::string_view name);
  void consider(std::string_view candidate);
  /// Empty if no candidate came near. Among equally near ones the first.
  const std::string& best() const { return best_; }

 private:
  std::string_view name_;
  size_t limit_;
  std::string best_;
};

/// The nearest of `candidates` (any range of strings), empty if none is near. A difference in
/// letter case only, or a missing suffix such as `_lpdf`, is for the caller to consider.
template <class Range>
std::string did_you_mean(std::string_view name, const Range& candidates) {
  NearestName nearest(name);
  for (const auto& candidate : candidates) nearest.consider(candidate);
  return nearest.best();
}

}  // namespace vinci::source
