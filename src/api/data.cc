#include "vinci/data.h"

#include <fmt/format.h>

#include "api/impl.h"
#include "data/json.h"
#include "vinci/error.h"

namespace vinci {

namespace {

using Entry = Data::Impl::Entry;

/// Integers of data files have this magnitude at most, and so those given here.
constexpr int64_t kMaxInt = 2147483647;

std::vector<double> checked(const std::string& name, std::vector<double> values,
                            const Data::Shape& shape) {
  // The product is compared by division: a hostile shape must not overflow it.
  size_t rest = values.size();
  bool fits = true;
  for (const int64_t size : shape) {
    if (size < 0) fits = false;
    if (size == 0) {
      fits = fits && values.empty();
      rest = 1;
      break;
    }
    if (!fits || rest % static_cast<size_t>(size) != 0) {
      fits = false;
      break;
    }
    rest /= static_cast<size_t>(size);
  }
  if (!fits || rest != 1) {
    throw Error(Error::Kind::kUsage,
                fmt::format("The shape of `{}`, [{}], does not hold {} values.", name,
                            fmt::join(shape, ", "), values.size()));
  }
  return values;
}

}  // namespace

Data::Impl& Data::edit() {
  if (!impl_) {
    impl_ = std::make_shared<Impl>();
  } else if (impl_.use_count() > 1) {
    impl_ = std::make_shared<Impl>(*impl_);
  }
  return *impl_;
}

Data& Data::set_real(std::string name, double value) {
  edit().entries.push_back(
      {Entry::Kind::kValue, std::move(name), data::make_value({}, {value}, false), {}});
  return *this;
}

Data& Data::set_int(std::string name, int64_t value) {
  if (value > kMaxInt || value < -kMaxInt) {
    throw Error(Error::Kind::kUsage,
                fmt::format("The integer `{}` does not lie within +-{}.", name, kMaxInt));
  }
  edit().entries.push_back({Entry::Kind::kValue,
                            std::move(name),
                            data::make_value({}, {static_cast<double>(value)}, true),
                            {}});
  return *this;
}

Data& Data::set(std::string name, std::span<const double> values) {
  return set(std::move(name), values, {static_cast<int64_t>(values.size())});
}

Data& Data::set(std::string name, std::span<const int> values) {
  return set(std::move(name), values, {static_cast<int64_t>(values.size())});
}

Data& Data::set(std::string name, std::span<const double> values, Shape shape) {
  auto copy = checked(name, {values.begin(), values.end()}, shape);
  edit().entries.push_back({Entry::Kind::kValue,
                            std::move(name),
                            data::make_value(std::move(shape), std::move(copy), false),
                            {}});
  return *this;
}

Data& Data::set(std::string name, std::span<const int> values, Shape shape) {
  auto copy = checked(name, {values.begin(), values.end()}, shape);
  edit().entries.push_back({Entry::Kind::kValue,
                            std::move(name),
                            data::make_value(std::move(shape), std::move(copy), true),
                            {}});
  return *this;
}

Data& Data::add_json(std::string_view text, std::string_view name) {
  if (text.size() > source::kMaxDataBytes) {
    throw Error(Error::Kind::kUsage, fmt::format("The JSON text {} is larger than {} bytes.", name,
                                                 source::kMaxDataBytes));
  }
  edit().entries.push_back(
      {Entry::Kind::kJson, std::string(name), {}, std::make_shared<const std::string>(text)});
  return *this;
}

Data& Data::add_file(std::string_view source) {
  edit().entries.push_back({Entry::Kind::kFile, std::string(source), {}, {}});
  return *this;
}

data::DataTable api::read_entries(const Data& data, source::SourceMap& sources,
                                  source::DiagnosticSink& sink) {
  data::DataTable table;
  if (data.impl() == nullptr) return table;
  for (const Entry& entry : data.impl()->entries) {
    switch (entry.kind) {
      case Entry::Kind::kValue:
        table.set(entry.name, entry.value);
        break;
      case Entry::Kind::kJson: {
        const source::FileId file = sources.add(entry.name, *entry.text);
        for (const auto& [name, value] : data::read_json(file, sources, sink)) {
          table.set(name, value);
        }
        break;
      }
      case Entry::Kind::kFile:
        read_data({entry.name}, table, sources, sink);
        break;
    }
  }
  return table;
}

}  // namespace vinci
