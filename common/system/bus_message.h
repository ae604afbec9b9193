#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"

namespace heal {

/// A call of a D-Bus method whose arguments are all strings. Source: D-Bus Specification 0.41.
struct BusCall {
  std::uint32_t serial = 1;
  std::string destination, path, interface, member;
  std::vector<std::string> arguments;

  bool operator==(const BusCall&) const = default;
};

/// What is used of the values that a message can hold.
using BusValue = std::variant<std::monostate, std::string, std::uint64_t>;

/// A message that came in.
struct BusMessage {
  enum class Kind { kCall = 1, kReply = 2, kError = 3, kSignal = 4 };
  Kind kind = Kind::kSignal;
  std::uint32_t reply_to = 0;  ///< serial of the call; 0: it answers none
  std::string error_name;
  /// The first value, taken out of a variant; nothing for one of another type than string, object path, unsigned number
  /// or boolean.
  BusValue value;

  bool operator==(const BusMessage&) const = default;
};

/// The call as bytes. It starts no service that does not run.
std::string write_bus_call(const BusCall& call);

/// How long the message that begins with `bytes` is; nullopt: more bytes are needed to tell (16). kProtocol for what is
/// no message; kTooLarge beyond 1 MiB.
Result<std::optional<std::size_t>> bus_message_size(std::string_view bytes);
/// `bytes` is one whole message. kProtocol for what is none.
Result<BusMessage> parse_bus_message(std::string_view bytes);

/// The object path of a unit: `/org/freedesktop/systemd1/unit/nginx_2eservice`. Source: bus_label_escape of systemd.
std::string unit_path(std::string_view unit);

}  // namespace heal
