#pragma once

#include "common/port/http_client.h"
#include "common/system/transfer.h"

namespace heal {

/// HTTP/1.1 over the network, a new connection for each request. Messages name the URL without user and query.
class CurlHttpClient : public HttpClient {
 public:
  Result<HttpClientResponse> send(const HttpClientRequest& request, Deadline deadline, std::stop_token stop) override;
  Result<HttpClientResponse> stream(const HttpClientRequest& request, const ChunkSink& on_chunk, Deadline deadline,
                                    std::stop_token stop) override;

 private:
  Transfers transfers_;
};

}  // namespace heal
