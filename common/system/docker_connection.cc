#include "common/system/docker_connection.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal {
namespace {

constexpr std::size_t kMaxSocketPath = 107;  // sockaddr_un

Status check_socket(const std::string& path) {
  if (!path.empty() && path.size() <= kMaxSocketPath) return {};
  return make_error(ErrorCode::kInvalid, "the engine's socket: expected a path of 1 to {} bytes, got \"{}\"",
                    kMaxSocketPath, printable(path, 200));
}

}  // namespace

Result<HttpClientResponse> DockerConnection::call(const EngineCall& call, const ChunkSink& on_chunk, Deadline deadline,
                                                  std::stop_token stop) {
  TransferRequest transfer;
  const bool is_tcp = !endpoint_.url.empty();
  if (is_tcp) {
    transfer.cert_file = endpoint_.cert_file;
    transfer.key_file = endpoint_.key_file;
    if (!endpoint_.ca_file.empty()) transfer.http.ca_file = endpoint_.ca_file;
  } else {
    HEAL_TRY_STATUS(check_socket(endpoint_.unix_socket));
    transfer.http.unix_socket = endpoint_.unix_socket;
  }
  transfer.http.method = call.method;
  transfer.http.url = (is_tcp ? endpoint_.url : "http://docker") + call.path;
  transfer.http.body = call.body;
  transfer.http.max_response_bytes = call.max_response_bytes;
  if (!call.body.empty()) transfer.http.headers.emplace_back("Content-Type", "application/json");
  std::string_view shown(call.path);
  if (shown.starts_with("/v1.")) shown.remove_prefix(std::min(shown.find('/', 1), shown.size()));
  transfer.name = fmt::format("engine {}: {} {}", is_tcp ? endpoint_.url : endpoint_.unix_socket, call.method,
                              shown.substr(0, shown.find('?')));
  transfer.on_chunk = on_chunk;
  return transfers_.run(transfer, deadline, std::move(stop));
}

}  // namespace heal
