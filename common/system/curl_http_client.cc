#include "common/system/curl_http_client.h"

#include <utility>

#include "common/base/url.h"

namespace heal {
namespace {

TransferRequest transfer_of(const HttpClientRequest& request) {
  TransferRequest transfer;
  transfer.http = request;
  transfer.name = request.method + " " + public_url(request.url);
  return transfer;
}

}  // namespace

Result<HttpClientResponse> CurlHttpClient::send(const HttpClientRequest& request, Deadline deadline,
                                                std::stop_token stop) {
  return transfers_.run(transfer_of(request), deadline, std::move(stop));
}

Result<HttpClientResponse> CurlHttpClient::stream(const HttpClientRequest& request, const ChunkSink& on_chunk,
                                                  Deadline deadline, std::stop_token stop) {
  TransferRequest transfer = transfer_of(request);
  transfer.on_chunk = on_chunk;
  return transfers_.run(transfer, deadline, std::move(stop));
}

}  // namespace heal
