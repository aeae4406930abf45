#include "source/suggest.h"

#include <algorithm>
#include <vector>

namespace vinci::source {

size_t edit_distance(std::string_view a, std::string_view b, size_t limit) {
  const size_t gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (gap > limit) return limit + 1;
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    size_t least = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitute});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
      least = std::min(least, row[j]);
    }
    // A later row can fall below this one's least only through a swap, which starts from the row
    // before.
    if (least > limit + 1) return limit + 1;
    std::swap(before, last);
    std::swap(last, row);
  }
  return std::min(last[b.size()], limit + 1);
}

NearestName::NearestName(std::string_view name)
    : name_(name), limit_(std::clamp<size_t>(name.size() / 3, 1, 3)) {
  // One-letter names are near to everything, very long ones are not typing errors.
  if (name.size() < 2 || name.size() > 100) name_ = {};
}

void NearestName::consider(std::string_view candidate) {
  if (name_.empty() || candidate == name_) return;
  const size_t limit = best_.empty() ? limit_ : limit_ - 1;
  const size_t distance = edit_distance(name_, candidate, limit);
  if (distance > limit) return;
  best_ = candidate;
  limit_ = distance;
}

}  // namespace vinci::source
