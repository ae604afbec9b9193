#include "common/base/result.h"

#include <cerrno>

#include <catch2/catch.hpp>

namespace heal {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return make_error(ErrorCode::kInvalid, "{} is odd", n);
  return n / 2;
}

Result<int> quarter(int n) {
  HEAL_TRY(const int h, half(n).with_context("first half"));
  HEAL_TRY(const int q, half(h).with_context("second half of {}", n));
  return q;
}

TEST_CASE("a Result carries a value or an Error with its context, outermost first") {
  REQUIRE(quarter(8).value() == 2);
  REQUIRE(quarter(6).error().str() == "second half of 6: 3 is odd");
  REQUIRE(quarter(5).error().str() == "first half: 5 is odd");
}

TEST_CASE("an Error knows its place") {
  const auto error = make_error(ErrorCode::kInvalid, "no").at({"heal.yml", 3, 7}).with_context("routes");
  REQUIRE(error.str() == "heal.yml:3:7: routes: no");
}

TEST_CASE("system errors get the code that fits") {
  REQUIRE(errno_error(ENOENT, "open x").str() == "open x: no such file or directory");
  REQUIRE(errno_error(ENOENT, "x").code() == ErrorCode::kNotFound);
  REQUIRE(errno_error(ENOSPC, "x").code() == ErrorCode::kStorage);
  REQUIRE(errno_error(ECONNREFUSED, "x").code() == ErrorCode::kUnreachable);
}

}  // namespace
}  // namespace heal
