#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace heal::probe {

// The little of gRPC that a health check needs. Source: grpc/doc/PROTOCOL-HTTP2.md, health.proto, statuscodes.md.

/// What a service says of itself.
enum class ServingStatus { kUnknown, kServing, kNotServing, kServiceUnknown };
std::string_view to_string(ServingStatus status);

/// The body of a call of grpc.health.v1.Health/Check for `service`, "" for the server as a whole.
std::string grpc_health_request(std::string_view service);
/// Reads the answer's body. Any bytes may come; kInvalid says what is wrong.
Result<ServingStatus> parse_grpc_health_response(std::string_view body);

// The codes that are not taken from a server's answer.
inline constexpr int kGrpcOk = 0, kGrpcUnknown = 2, kGrpcDeadlineExceeded = 4, kGrpcInternal = 13,
                     kGrpcUnavailable = 14;

/// The number in a `grpc-status` header; nullopt when it is none.
std::optional<int> parse_grpc_status(std::string_view text);
/// "NOT_FOUND", or the number.
std::string grpc_status_name(int code);
/// What an answer without a `grpc-status` counts as.
int grpc_status_of_http(int http_status);

}  // namespace heal::probe
