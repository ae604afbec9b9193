#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/port/http_client.h"

namespace heal {

/// One HTTP transfer, as the adapters of this folder need it.
struct TransferRequest {
  HttpClientRequest http;
  std::string cert_file, key_file;  ///< PEM, shown to a TLS server that asks; "" for none
  std::string name;                 ///< what messages call it; never a secret
  /// Sees the body of a 2xx answer piece by piece instead of having it collected, on the calling thread.
  ChunkSink on_chunk;
  enum class Until { kAnswered, kConnected } until = Until::kAnswered;  ///< kConnected: only connect, then close
  /// With kConnected: talks on the open, non-blocking socket before it is closed; its Error becomes run()'s.
  std::function<Status(int socket)> on_connected;
};

/// Runs transfers, each on a connection of its own: a kept one that breaks makes the library send the request again,
/// and a restart must not happen twice. Errors as HttpClient's. Thread-safe.
class Transfers {
 public:
  Transfers();
  ~Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  Result<HttpClientResponse> run(const TransferRequest& request, Deadline deadline, std::stop_token stop);

 private:
  struct Handle;  // one multi handle: it keeps the parsed CA bundle, which costs 36 ms to load

  std::unique_ptr<Handle> take_handle();
  void give_back(std::unique_ptr<Handle> handle);

  Mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
