// A value or the error that explains its absence. (C++20 has no std::expected.)
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/time.h"

namespace loopcast {

// What a program and a person need to know of a failure. `code` is stable, in snake_case, and the
// key of the translated sentence that users read; `message` is a complete English sentence.
// `retry_after`: when the same may succeed; zero if that is not known.
struct Error {
  std::string code;
  std::string message;
  Duration retry_after = {};
  bool operator==(const Error&) const = default;
};

template <typename T, typename E = Error>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Expected(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  // Undefined unless has_value().
  T& operator*() { return *std::get_if<0>(&state_); }
  const T& operator*() const { return *std::get_if<0>(&state_); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  // Undefined if has_value().
  E& error() { return *std::get_if<1>(&state_); }
  const E& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, E> state_;
};

// Success without a value: `return ok();`.
struct Ok {
  bool operator==(const Ok&) const = default;
};
using Status = Expected<Ok>;
inline Status ok() { return Ok{}; }

}  // namespace loopcast
