#include "common/base/small_file.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("a small file is read whole, and what cannot be read is empty") {
  CHECK(read_small_file("/proc/self/comm") == "unit_base\n");
  CHECK(read_small_file("/no/such/file").empty());
  CHECK(read_small_file("/")
            .empty());  // can be opened, and fails when it is read, as does /proc/PID/stat of what has ended
}

}  // namespace
}  // namespace heal
