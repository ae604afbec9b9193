#include "common/system/system_random.h"

#include <array>
#include <sys/random.h>

#include "common/base/check.h"

namespace heal {
namespace {

std::mt19937_64 seeded_engine() {
  std::array<std::uint32_t, 16> seed{};
  constexpr auto kSize = sizeof(seed);  // up to 256 bytes, getrandom gives all or, before the pool is ready, waits
  ssize_t got = 0;
  do {
    got = getrandom(seed.data(), kSize, 0);
  } while (got < 0);
  HEAL_CHECK(static_cast<std::size_t>(got) == kSize, "the kernel gives whole seeds");
  std::seed_seq sequence(seed.begin(), seed.end());
  return std::mt19937_64(sequence);
}

}  // namespace

SystemRandom::SystemRandom() : engine_(seeded_engine()) {}

std::uint64_t SystemRandom::next() {
  MutexLock lock(mutex_);
  return engine_();
}

}  // namespace heal
