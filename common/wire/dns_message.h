#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace heal {

/// What a DNS query asks. `name` is written as in a zone file (`\.` and `\DDD` are escapes) and taken as fully
/// qualified.
struct DnsQuestion {
  std::string name;
  std::uint16_t type = 255;
  std::uint16_t dns_class = 1;
  enum class Recursion { kDesired, kNotDesired };
  Recursion recursion = Recursion::kDesired;
};

/// The bytes of a query with one question and no EDNS. kInvalid when the name cannot be a domain name.
Result<std::string> dns_query(std::uint16_t id, const DnsQuestion& question);

/// The number of the type `type` when `name` can be asked for as `type`; kInvalid when it is no domain name, or there
/// is no such type.
Result<std::uint16_t> check_dns_question(const std::string& name, std::string_view type);

/// One resource record of an answer.
struct DnsRecord {
  std::uint16_t type = 0;
  std::string text;  ///< as in a zone file, tabs between its columns: what the regular expressions are held against
  std::optional<std::uint32_t> soa_serial;

  /// The last column of `text`, for types that have a form of their own: `10.1.2.3`.
  std::string_view data() const;
  bool operator==(const DnsRecord&) const = default;
};

struct DnsAnswer {
  std::uint16_t id = 0;
  enum class Kind { kResponse, kQuery };
  Kind kind = Kind::kResponse;
  enum class Completeness { kWhole, kTruncated };
  Completeness completeness = Completeness::kWhole;  ///< the TC bit
  int rcode = 0;                                     ///< with the upper bits of an OPT record
  std::vector<std::string> questions;                ///< "example.org.\tIN\tMX"
  std::vector<DnsRecord> answer, authority, additional;

  bool operator==(const DnsAnswer&) const = default;
};

/// The transaction id of a message; nullopt when it is shorter than a header.
std::optional<std::uint16_t> dns_message_id(std::string_view bytes);

/// Reads a whole message. Any bytes may come: names that point in circles, counts and lengths that lie, records cut
/// short are kInvalid with the reason. As with blackbox_exporter a header alone is an answer, a section may end before
/// its count where the message ends, and what follows the last record is not looked at.
Result<DnsAnswer> parse_dns_answer(std::string_view bytes);

}  // namespace heal
