#include <string>
#include <string_view>

#include "common/probe/grpc_message.h"
#include "tests/fuzz/property.h"

// An answer is read or refused, and a request, which is framed the same way, is an answer of unknown status.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto status = heal::probe::parse_grpc_health_response(input);
  FUZZ_EXPECT(status.has_value() || !status.error().message().empty());
  const auto echoed = heal::probe::parse_grpc_health_response(heal::probe::grpc_health_request(input));
  FUZZ_EXPECT(echoed.has_value() && *echoed == heal::probe::ServingStatus::kUnknown);
  return 0;
}
