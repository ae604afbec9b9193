#pragma once

#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/port/http_client.h"

namespace heal {

/// One call of Docker's Engine API as it is.
struct EngineCall {
  std::string method = "GET";
  std::string path = {};  ///< with the version prefix, if any, and the query: `/v1.41/containers/json?all=1`
  std::string body = {};  ///< JSON; "" sends none
  std::size_t max_response_bytes = 16 << 20;
};

/// An engine's API without any meaning: for those who pass calls on. Thread-safe.
class EngineConnection {
 public:
  virtual ~EngineConnection() = default;
  /// The engine's answer, whatever its status. With `on_chunk` the body of a 2xx answer goes there as it arrives. Each
  /// call has a connection of its own. Errors as HttpClient's.
  virtual Result<HttpClientResponse> call(const EngineCall& call, const ChunkSink& on_chunk, Deadline deadline,
                                          std::stop_token stop) = 0;
};

}  // namespace heal
