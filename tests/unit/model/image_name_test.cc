#include "common/model/image_name.h"

#include <string>

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("versions of one image are of the same repository, and nothing else is") {
  const auto [image, other, is_same] = GENERATE(table<std::string, std::string, bool>({
      {"promheal:local", "promheal:local", true},
      {"promheal:1", "promheal:2", true},
      {"promheal", "promheal:2", true},
      {"registry:5000/ops/promheal:1@sha256:ab", "registry:5000/ops/promheal", true},
      {"promheal:1", "evil/promheal:1", false},
      {"registry:5000/promheal", "registry:5001/promheal", false},
      {"promheal", "promheal-evil", false},
      {"sha256:ab", "sha256:ab", true},
      {"sha256:ab", "sha256:cd", false},
      {"promheal:local", "sha256:ab", false},
      {"", "", false},
      {"", ":1", false},
  }));
  CAPTURE(image, other);
  CHECK(is_same_repository(image, other) == is_same);
  CHECK(is_same_repository(other, image) == is_same);
}

}  // namespace
}  // namespace heal
