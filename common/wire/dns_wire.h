#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heal {

/// Reads the fields of a DNS message, from `offset` up to `end`; a name may point back to anywhere before `end`. A read
/// beyond the end, or a field that cannot be, spoils the reader: from then on everything is zero or empty. Value type;
/// the bytes must outlive it.
class DnsReader {
 public:
  DnsReader(std::string_view message, std::size_t offset, std::size_t end)
      : message_(message.substr(0, end)), offset_(offset) {}

  bool is_good() const { return good_; }
  bool is_at_end() const { return offset_ >= message_.size(); }
  std::size_t offset() const { return offset_; }

  /// A number of `bytes` (at most 8) bytes.
  std::uint64_t number(std::size_t bytes);
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  /// The next `count` bytes.
  std::string_view bytes(std::size_t count);
  /// All that is left.
  std::string_view rest() { return bytes(message_.size() - offset_); }
  /// A domain name as text with its final dot; special characters are escaped.
  std::string name();
  /// A string with its length before it, raw.
  std::string_view counted() { return bytes(u8()); }
  void spoil() { good_ = false, offset_ = message_.size(); }

 private:
  std::string_view message_;
  std::size_t offset_;
  bool good_ = true;
};

/// `bytes` as `\DDD`, `\"`, `\\` or themselves, without quotes around them.
std::string dns_string_text(std::string_view bytes);

/// The byte at `i` of zone-file text, escapes resolved; `i` moves behind it. nullopt, `i` as it was: an escape without
/// end.
std::optional<char> dns_unescaped(std::string_view text, std::size_t& i);

/// The text of a record's data, read to its end. Spoils the reader when the data cannot be of this type.
std::string dns_rdata_text(std::uint16_t type, DnsReader& reader);

/// Whether dns_rdata_text knows the type; the text of all others is the general one of RFC 3597.
bool is_known_dns_type(std::uint16_t type);

}  // namespace heal
