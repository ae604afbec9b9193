#include "common/remedy/source/delivery.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/digest.h"

namespace heal::remedy {

std::string told_key(std::string_view prefix, std::string_view id) {
  constexpr std::size_t kLongest = 400;
  const bool is_plain = std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  if (is_plain && id.size() <= kLongest) return fmt::format("{}{}", prefix, id);
  return fmt::format("{}sha256:{}", prefix, sha256_hex(id));
}

}  // namespace heal::remedy
