#include "syntax/doc.h"

#include <utility>

#include "base/check.h"

namespace vinci::syntax {

void Doc::text(std::string text) { commands_.push_back({Kind::kText, 0, std::move(text)}); }

void Doc::begin_nest(int columns) { commands_.push_back({Kind::kBeginNest, columns, {}}); }

// Does the group whose content begins at `begin` fit flat into `columns`, with what follows it up
// to a break?
bool Doc::fits(size_t begin, int columns) const {
  int depth = 1;  // of groups that are flat; 0: behind the group
  for (size_t i = begin; i < commands_.size(); ++i) {
    const Command& command = commands_[i];
    switch (command.kind) {
      case Kind::kText:
        columns -= static_cast<int>(command.text.size());
        break;
      case Kind::kLine:
        if (depth <= 0) return true;
        --columns;
        break;
      case Kind::kHardLine:
        return depth <= 0;
      case Kind::kBreakParent:
        if (depth > 0) return false;
        return true;
      case Kind::kBeginGroup:
        if (depth > 0) ++depth;
        break;
      case Kind::kEndGroup:
        if (depth > 0) --depth;
        break;
      case Kind::kBeginNest:
      case Kind::kEndNest:
        break;
    }
    if (columns < 0) return false;
  }
  return true;
}

void Doc::layout(std::string& out, int column, int indent, int width) const {
  std::vector<bool> flat{false};
  std::vector<int> indents{indent};
  const auto new_line = [&] {
    out += '\n';
    out.append(static_cast<size_t>(indents.back()), ' ');
    column = indents.back();
  };
  for (size_t i = 0; i < commands_.size(); ++i) {
    const Command& command = commands_[i];
    switch (command.kind) {
      case Kind::kText:
        out += command.text;
        column += static_cast<int>(command.text.size());
        break;
      case Kind::kLine:
        if (flat.back()) {
          out += ' ';
          ++column;
        } else {
          new_line();
        }
        break;
      case Kind::kHardLine:
        new_line();
        break;
      case Kind::kBreakParent:
        break;
      case Kind::kBeginGroup:
        flat.push_back(flat.back() || fits(i + 1, width - column));
        break;
      case Kind::kEndGroup:
        flat.pop_back();
        break;
      case Kind::kBeginNest:
        indents.push_back(indents.back() + command.value);
        break;
      case Kind::kEndNest:
        indents.pop_back();
        break;
    }
  }
  VINCI_DCHECK(flat.size() == 1 && indents.size() == 1);
}

}  // namespace vinci::syntax
