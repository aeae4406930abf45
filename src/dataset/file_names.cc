#include "dataset/file_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "dataset/format_fault.h"

namespace vinci::dataset {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool drop_ending(std::string& name, std::string_view ending) {
  if (name.size() <= ending.size() || !name.ends_with(ending)) return false;
  name.resize(name.size() - ending.size());
  return true;
}

/// Drops "-idx3-ubyte", ".idx3-ubyte" or ".idx".
bool drop_idx_ending(std::string& name) {
  if (drop_ending(name, ".idx")) return true;
  for (const std::string_view type : {"-ubyte", "-byte", "-short", "-int"}) {
    std::string head = name;
    if (!drop_ending(head, type) || head.size() < 6 || !is_digit(head.back())) continue;
    head.pop_back();
    if (!head.ends_with("-idx") && !head.ends_with(".idx")) continue;
    name = head.substr(0, head.size() - 4);
    return true;
  }
  return false;
}

std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == '.' || c == ' ') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool is_number(std::string_view word) { return std::all_of(word.begin(), word.end(), is_digit); }

}  // namespace

NamedSplit split_word(std::string_view word) {
  const std::string w = lower(word);
  const auto is_one = [&](std::initializer_list<std::string_view> of) {
    return std::find(of.begin(), of.end(), w) != of.end();
  };
  if (is_one({"train", "training", "background"})) return NamedSplit::kTrain;
  if (is_one({"t10k", "test", "testing", "evaluation", "eval"})) return NamedSplit::kTest;
  if (is_one({"valid", "val", "validation", "dev"})) return NamedSplit::kValidation;
  return NamedSplit::kNone;
}

bool is_picture_name(std::string_view name) {
  const std::string ending = lower(name.substr(name.size() - std::min<size_t>(name.size(), 4)));
  constexpr std::array<std::string_view, 4> kEndings = {".png", ".bmp", ".pgm", ".ppm"};
  return name.size() > 4 && std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

bool parse_file_name(std::string_view name, FileName& out) {
  std::string rest = lower(name);
  if (rest.starts_with(".")) return false;
  out = {};
  if (drop_ending(rest, ".npz")) {
    out.kind = FileKind::kNpz;
  } else if (drop_ending(rest, ".bin")) {
    out.kind = FileKind::kCifar;
  } else {
    drop_ending(rest, ".gz");
    if (drop_ending(rest, ".npy")) {
      out.kind = FileKind::kNpy;
    } else if (drop_ending(rest, ".csv")) {
      out.kind = FileKind::kCsv;
    } else if (drop_idx_ending(rest)) {
      out.kind = FileKind::kIdx;
    } else {
      return false;
    }
  }
  if (out.kind == FileKind::kCifar) {
    // data_batch_1.bin to data_batch_5.bin and test_batch.bin, nothing else.
    const std::vector<std::string> words = words_of(rest);
    if (words == std::vector<std::string>{"test", "batch"}) {
      out.split = NamedSplit::kTest;
      return true;
    }
    out.split = NamedSplit::kTrain;
    return words.size() == 3 && words[0] == "data" && words[1] == "batch" && is_number(words[2]);
  }
  for (const std::string& word : words_of(rest)) {
    const NamedSplit split = split_word(word);
    if (split != NamedSplit::kNone && out.split == NamedSplit::kNone) {
      out.split = split;
    } else if (word == "labels" || word == "label" || word == "y") {
      out.is_labels = true;
    } else if (word != "images" && word != "image" && word != "x") {
      out.set += (out.set.empty() ? "" : "_") + word;
    }
  }
  return true;
}

std::vector<FileGroup> group_files(const std::string& folder, const std::vector<std::string>& names,
                                   const std::string& beginning) {
  std::map<std::pair<std::string, FileKind>, FileGroup> groups;
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end(), natural_less);
  for (const std::string& name : sorted) {
    if (!name.starts_with(beginning)) continue;
    FileName parsed;
    std::string rest = name.substr(beginning.size());
    while (!rest.empty() && (rest[0] == '-' || rest[0] == '_' || rest[0] == '.')) rest.erase(0, 1);
    if (!parse_file_name(rest, parsed)) continue;
    const bool has_twin =
        name.ends_with(".gz") &&
        std::find(names.begin(), names.end(), name.substr(0, name.size() - 3)) != names.end();
    if (has_twin) continue;
    FileGroup& group = groups[{parsed.set, parsed.kind}];
    group.set = parsed.set;
    group.kind = parsed.kind;
    const std::string path = folder.empty() ? name : folder + "/" + name;
    if (parsed.is_labels) {
      group.labels.emplace(parsed.split, path);
    } else {
      group.images[parsed.split].push_back(path);
    }
  }
  std::vector<FileGroup> out;
  out.reserve(groups.size());
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

const FileGroup* choose_group(const std::vector<FileGroup>& groups, const std::string& path) {
  std::vector<const FileGroup*> with_images;
  std::vector<const FileGroup*> plain;
  for (const FileGroup& group : groups) {
    if (group.images.empty()) continue;
    with_images.push_back(&group);
    if (group.set.empty()) plain.push_back(&group);
  }
  if (with_images.empty()) return nullptr;
  if (with_images.size() == 1) return with_images[0];
  if (plain.size() == 1) return plain[0];
  std::string names;
  for (const FileGroup* group : with_images) {
    const std::string& first = group->images.begin()->second[0];
    names += fmt::format("{}`{}`", names.empty() ? "" : ", ", first.substr(first.rfind('/') + 1));
  }
  throw FormatFault(path, fmt::format("holds several sets of images: {}", names), {},
                    "name one of them, or give the beginning of the names of one set")
      .of(source::DiagnosticKind::kImageSetAmbiguous);
}

bool natural_less(std::string_view a, std::string_view b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const auto run = [](std::string_view text, size_t& at) {
        while (at < text.size() && text[at] == '0') ++at;
        const size_t begin = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return text.substr(begin, at - begin);
      };
      const std::string_view m = run(a, i);
      const std::string_view n = run(b, j);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
    } else {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i;
      ++j;
    }
  }
  if (i < a.size() || j < b.size()) return j < b.size();
  return a < b;  // such as "01" and "1"
}

}  // namespace vinci::dataset
