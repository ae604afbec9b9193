#include "common/base/digest.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "common/base/ids.h"

namespace heal {
namespace {

TEST_CASE("SHA-256 of the FIPS 180-4 example") {
  REQUIRE(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("ids sort by time and differ by entropy") {
  const WallTime early{std::chrono::seconds(1'000'000)};
  const auto a = make_ulid(early, 1, 2);
  REQUIRE(a.size() == 26);
  REQUIRE(a < make_ulid(early + std::chrono::milliseconds(1), 0, 0));
  REQUIRE(a != make_ulid(early, 1, 3));
  REQUIRE(make_ulid(WallTime{std::chrono::milliseconds(1469918176385)}, 0, 0).substr(0, 10) == "01ARYZ6S41");
}

TEST_CASE("a sequence's ids grow within one millisecond, past the end of a half, and when the clock is set back") {
  const WallTime now{std::chrono::seconds(1'000'000)};
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  UlidSequence ids;
  std::vector<std::string> made{ids.next(now, kAll, kAll)};
  made.push_back(ids.next(now + std::chrono::microseconds(999), 0, 0));
  made.push_back(ids.next(now - std::chrono::hours(1), 0, 0));
  REQUIRE(made.back().substr(0, 10) == made.front().substr(0, 10));
  made.push_back(ids.next(now + std::chrono::milliseconds(1), 5, 7));
  REQUIRE(made.back() == make_ulid(now + std::chrono::milliseconds(1), 5, 7));
  REQUIRE(std::adjacent_find(made.begin(), made.end(), std::greater_equal<>()) == made.end());
}

}  // namespace
}  // namespace heal
