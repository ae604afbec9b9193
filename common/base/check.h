#pragma once

#include <cstdio>
#include <cstdlib>

/// Aborts with the place and the text when an impossible state is met. For invariants of ours only, never for input,
/// the network, the disk or another program's answer.
#define HEAL_CHECK(condition, text)                                                                    \
  do {                                                                                                 \
    if (!(condition)) {                                                                                \
      std::fprintf(stderr, "%s:%d: broken invariant: %s: %s\n", __FILE__, __LINE__, #condition, text); \
      std::abort();                                                                                    \
    }                                                                                                  \
  } while (false)
