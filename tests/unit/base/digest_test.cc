#include "common/base/digest.h"

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

}  // namespace
}  // namespace heal
