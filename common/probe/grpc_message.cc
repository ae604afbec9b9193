#include "common/probe/grpc_message.h"

#include <array>
#include <cstdint>

#include "common/base/text.h"

namespace heal::probe {
namespace {

constexpr std::size_t kPrefixBytes = 5;
constexpr std::uint64_t kServiceField = 1, kStatusField = 1;
constexpr unsigned kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U)
    out += static_cast<char>((value & 0x7fU) | 0x80U);
  out += static_cast<char>(value);
}

/// Takes a varint from the front; nullopt when it does not end or is over 64 bits.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// Takes the value of a field that nobody asked for; false when it cannot be.
bool skip_field(unsigned wire_type, std::string_view& bytes) {
  std::uint64_t length = 0;
  if (wire_type == kVarint) return take_varint(bytes).has_value();
  if (wire_type == kFixed64) length = 8;
  if (wire_type == kFixed32) length = 4;
  if (wire_type == kBytes) {
    const std::optional<std::uint64_t> given = take_varint(bytes);
    if (!given) return false;
    length = *given;
  } else if (length == 0) {
    return false;
  }
  if (length > bytes.size()) return false;
  bytes.remove_prefix(static_cast<std::size_t>(length));
  return true;
}

Error invalid(std::string_view why) {
  return make_error(ErrorCode::kInvalid, "the health answer cannot be read: {}", why);
}

constexpr std::array<std::string_view, 17> kStatusNames{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

std::string_view to_string(ServingStatus status) {
  switch (status) {
    case ServingStatus::kUnknown:
      return "UNKNOWN";
    case ServingStatus::kServing:
      return "SERVING";
    case ServingStatus::kNotServing:
      return "NOT_SERVING";
    case ServingStatus::kServiceUnknown:
      return "SERVICE_UNKNOWN";
  }
  return "UNKNOWN";
}

std::string grpc_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    put_varint(message, kServiceField << 3U | kBytes);
    put_varint(message, service.size());
    message += service;
  }
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(message.size() >> static_cast<unsigned>(shift) & 0xffU);
  return out + message;
}

Result<ServingStatus> parse_grpc_health_response(std::string_view body) {
  if (body.size() < kPrefixBytes) return invalid("it is cut short");
  if (body.front() != '\0') return invalid("it is compressed, which was not asked for");
  std::uint64_t length = 0;
  for (const char c : body.substr(1, 4))
    length = length << 8U | static_cast<unsigned char>(c);
  body.remove_prefix(kPrefixBytes);
  if (length != body.size()) return invalid("its length is another than it says");
  std::uint64_t status = 0;
  while (!body.empty()) {
    const std::optional<std::uint64_t> tag = take_varint(body);
    if (!tag) return invalid("a field has no number");
    const auto wire_type = static_cast<unsigned>(*tag & 7U);
    if (*tag >> 3U == kStatusField && wire_type == kVarint) {
      const std::optional<std::uint64_t> value = take_varint(body);
      if (!value) return invalid("its status is no number");
      status = *value;
    } else if (!skip_field(wire_type, body)) {
      return invalid("a field is cut short");
    }
  }
  if (status > static_cast<std::uint64_t>(ServingStatus::kServiceUnknown)) return invalid("its status is not known");
  return static_cast<ServingStatus>(status);
}

std::optional<int> parse_grpc_status(std::string_view text) {
  const std::optional<std::int64_t> number = parse_int(text);
  if (!number || *number < 0 || *number > 999) return std::nullopt;
  return static_cast<int>(*number);
}

std::string grpc_status_name(int code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kStatusNames.size() ? std::string(kStatusNames[index]) : fmt::format("{}", code);
}

int grpc_status_of_http(int http_status) {
  switch (http_status) {
    case 200:
    case 400:
      return kGrpcInternal;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return kGrpcUnavailable;
    default:
      return kGrpcUnknown;
  }
}

}  // namespace heal::probe
