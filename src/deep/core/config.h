// The settings of a run: declared in tables beside what they set, given on the command line or in a
// JSON file, kept in the model file.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vinci::deep {

using SettingValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;

/// One row of a table of settings. The type of the default is the type of the setting.
struct Setting {
  std::string name;  ///< as on the command line, such as `learning-rate`
  SettingValue value;
  std::string help;
  double minimum = -std::numeric_limits<double>::infinity();  ///< of a number or of each in a list
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  ///< of a text
};

class Config {
 public:
  /// Adds rows; names are unique, over all tables.
  void declare(std::span<const Setting> settings);
  bool has(std::string_view name) const;

  /// `text` as on the command line: `true`, `200,200`, `1e-3`, `elbo`. Throws Error(kUsage) that
  /// names the setting, what was found and the rule; unknown names get a suggestion.
  void set(std::string_view name, const std::string& text);
  /// All members of a JSON object; `source` is for messages. Throws Error(kInput) as `set` does.
  void read_json(std::string_view text, const std::string& source);
  /// A JSON object of all settings, in the order of their declaration.
  std::string json() const;

  // The value of a declared setting of that type.
  bool flag(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<int64_t>& integers(std::string_view name) const;

  const std::vector<Setting>& settings() const { return settings_; }

 private:
  Setting& find(std::string_view name);
  const Setting& find(std::string_view name) const;
  void check(const Setting& setting, const SettingValue& value) const;

  std::vector<Setting> settings_;
};

/// A value as `Config::set` reads it.
std::string setting_text(const SettingValue& value);

}  // namespace vinci::deep
