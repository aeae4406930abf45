// What vinci throws at its public edge: misuse of the API and input/output failures.
#pragma once

#include <stdexcept>
#include <string>

namespace vinci {

/// A call that cannot be carried out: `what()` is a complete sentence for a person.
class Error : public std::runtime_error {
 public:
  enum class Kind { kUsage, kInput, kIo, kCancelled };
  Error(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

}  // namespace vinci
