#pragma once

#include <utility>

#include <tl/expected.hpp>

#include "common/base/error.h"

namespace heal {

/// A T, or the Error that says why there is none. Dropping one is a compiler warning (tl::expected alone has none).
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result() = default;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  /// The same result; an error gets `format(args…)` as outer context.
  template <typename... Args>
  Result with_context(fmt::format_string<Args...> format, Args&&... args) && {
    if (!this->has_value()) {
      return std::move(this->error()).with_context(format, std::forward<Args>(args)...);
    }
    return std::move(*this);
  }
};

/// Success without a value, or an Error.
using Status = Result<void>;

}  // namespace heal

#define HEAL_CONCAT_INNER(a, b) a##b
#define HEAL_CONCAT(a, b) HEAL_CONCAT_INNER(a, b)

/// `HEAL_TRY(auto x, f());` binds the value of a Result or returns its Error from the enclosing function.
#define HEAL_TRY(declaration, expression) HEAL_TRY_IMPL(HEAL_CONCAT(heal_try_, __LINE__), declaration, expression)
#define HEAL_TRY_IMPL(temp, declaration, expression)     \
  auto temp = (expression);                              \
  if (!temp.has_value()) return std::move(temp).error(); \
  declaration = std::move(*temp)

/// `HEAL_TRY_STATUS(f());` returns the Error of a Status from the enclosing function.
#define HEAL_TRY_STATUS(expression)                                              \
  do {                                                                           \
    auto heal_try_status = (expression);                                         \
    if (!heal_try_status.has_value()) return std::move(heal_try_status).error(); \
  } while (false)
