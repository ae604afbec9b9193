#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace heal {

using Sha256 = std::array<std::uint8_t, 32>;

/// SHA-256 of `bytes` (FIPS 180-4).
Sha256 sha256(std::string_view bytes);
/// The same as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
/// Lower-case hex of any bytes.
std::string to_hex(std::string_view bytes);

}  // namespace heal
