#include "deep/core/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "source/suggest.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void refuse(const Setting& setting, const std::string& found,
                         const std::string& rule) {
  throw Error(Error::Kind::kUsage, fmt::format("`{}` is {}; it is {}.", setting.name, found, rule));
}

std::string range_text(const Setting& setting) {
  const bool low = std::isfinite(setting.minimum);
  const bool high = std::isfinite(setting.maximum);
  if (low && high) return fmt::format(" from {} to {}", setting.minimum, setting.maximum);
  if (low) return fmt::format(" of at least {}", setting.minimum);
  if (high) return fmt::format(" of at most {}", setting.maximum);
  return "";
}

std::string type_text(const Setting& setting) {
  if (std::holds_alternative<bool>(setting.value)) return "true or false";
  if (std::holds_alternative<int64_t>(setting.value)) return "a whole number" + range_text(setting);
  if (std::holds_alternative<double>(setting.value)) return "a number" + range_text(setting);
  if (std::holds_alternative<std::vector<int64_t>>(setting.value))
    return "a list of whole numbers" + range_text(setting) + ", such as 200,200";
  if (setting.choices.empty()) return "a text";
  return fmt::format("one of {}", fmt::join(setting.choices, ", "));
}

template <typename T>
bool parse(std::string_view text, T& value) {
  const auto got = std::from_chars(text.data(), text.data() + text.size(), value);
  return got.ec == std::errc() && got.ptr == text.data() + text.size();
}

}  // namespace

void Config::declare(std::span<const Setting> settings) {
  for (const Setting& setting : settings) {
    VINCI_CHECK(!has(setting.name));
    settings_.push_back(setting);
  }
}

bool Config::has(std::string_view name) const {
  for (const Setting& setting : settings_)
    if (setting.name == name) return true;
  return false;
}

const Setting& Config::find(std::string_view name) const {
  for (const Setting& setting : settings_)
    if (setting.name == name) return setting;
  std::vector<std::string> names;
  for (const Setting& setting : settings_) names.push_back(setting.name);
  const std::string near = source::did_you_mean(std::string(name), names);
  throw Error(Error::Kind::kUsage,
              fmt::format("There is no setting `{}`{}", name,
                          near.empty() ? "." : "; did you mean `" + near + "`?"));
}

Setting& Config::find(std::string_view name) {
  return const_cast<Setting&>(std::as_const(*this).find(name));
}

void Config::check(const Setting& setting, const SettingValue& value) const {
  const auto in_range = [&](double number) {
    return number >= setting.minimum && number <= setting.maximum;  // false for NaN
  };
  bool good = true;
  if (const auto* integer = std::get_if<int64_t>(&value))
    good = in_range(static_cast<double>(*integer));
  if (const auto* number = std::get_if<double>(&value)) good = in_range(*number);
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value))
    for (const int64_t number : *list) good = good && in_range(static_cast<double>(number));
  if (const auto* text = std::get_if<std::string>(&value); text && !setting.choices.empty())
    good =
        std::find(setting.choices.begin(), setting.choices.end(), *text) != setting.choices.end();
  if (!good) refuse(setting, "`" + setting_text(value) + "`", type_text(setting));
}

void Config::set(std::string_view name, const std::string& text) {
  Setting& setting = find(name);
  SettingValue value = setting.value;
  bool good = true;
  if (auto* flag = std::get_if<bool>(&value)) {
    good = text == "true" || text == "false";
    *flag = text == "true";
  } else if (auto* integer = std::get_if<int64_t>(&value)) {
    good = parse(text, *integer);
  } else if (auto* number = std::get_if<double>(&value)) {
    good = parse(text, *number);
  } else if (auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    list->clear();
    for (size_t start = 0; good && !text.empty() && start <= text.size();) {
      const size_t comma = std::min(text.find(',', start), text.size());
      int64_t element = 0;
      good = parse(std::string_view(text).substr(start, comma - start), element);
      list->push_back(element);
      start = comma + 1;
    }
  } else {
    value = text;
  }
  if (!good) refuse(setting, "`" + text + "`", type_text(setting));
  check(setting, value);
  setting.value = value;
}

void Config::read_json(std::string_view text, const std::string& source) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw Error(Error::Kind::kInput,
                fmt::format("{} is not well-formed JSON: {}", source, error.what()));
  }
  if (!json.is_object())
    throw Error(Error::Kind::kInput,
                fmt::format("{} does not hold a JSON object of settings.", source));
  for (const auto& [name, member] : json.items()) {
    try {
      Setting& setting = find(name);
      SettingValue value = setting.value;
      const std::string found = "`" + member.dump() + "`";
      bool good = true;
      if (auto* flag = std::get_if<bool>(&value)) {
        good = member.is_boolean();
        if (good) *flag = member.get<bool>();
      } else if (auto* integer = std::get_if<int64_t>(&value)) {
        good = member.is_number_integer();
        if (good) *integer = member.get<int64_t>();
      } else if (auto* number = std::get_if<double>(&value)) {
        good = member.is_number();
        if (good) *number = member.get<double>();
      } else if (auto* list = std::get_if<std::vector<int64_t>>(&value)) {
        good = member.is_array();
        list->clear();
        if (good)
          for (const Json& element : member) {
            good = good && element.is_number_integer();
            if (good) list->push_back(element.get<int64_t>());
          }
      } else {
        good = member.is_string();
        if (good) value = member.get<std::string>();
      }
      if (!good) refuse(setting, found, type_text(setting));
      check(setting, value);
      setting.value = value;
    } catch (const Error& error) {
      throw Error(Error::Kind::kInput, fmt::format("{}: {}", source, error.what()));
    }
  }
}

std::string Config::json() const {
  Json json = Json::object();
  for (const Setting& setting : settings_)
    std::visit([&](const auto& value) { json[setting.name] = value; }, setting.value);
  return json.dump();
}

bool Config::flag(std::string_view name) const { return std::get<bool>(find(name).value); }
int64_t Config::integer(std::string_view name) const { return std::get<int64_t>(find(name).value); }
double Config::number(std::string_view name) const { return std::get<double>(find(name).value); }
const std::string& Config::text(std::string_view name) const {
  return std::get<std::string>(find(name).value);
}
const std::vector<int64_t>& Config::integers(std::string_view name) const {
  return std::get<std::vector<int64_t>>(find(name).value);
}

std::string setting_text(const SettingValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value))
    return fmt::format("{}", fmt::join(*list, ","));
  return std::get<std::string>(value);
}

}  // namespace vinci::deep
