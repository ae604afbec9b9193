#pragma once

#include <cstdint>
#include <cstdlib>

#include <fmt/core.h>

/// A property that holds for every input. A breach ends the process, which is how a fuzzer learns of it.
#define FUZZ_EXPECT(condition)                                                          \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      fmt::print(stderr, "{}:{}: does not hold: {}\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                     \
    }                                                                                   \
  } while (false)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
