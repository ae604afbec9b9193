#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// One request of ours to somebody else. Redirects are not followed; no proxy from the environment.
struct HttpClientRequest {
  std::string method = "GET";
  std::string url;  ///< http:// or https://
  HttpHeaders headers;
  std::string body;
  std::optional<std::pair<std::string, std::string>> basic_auth;  ///< user, password; never logged
  std::optional<std::string> ca_file;                             ///< instead of the system's bundle
  bool insecure_skip_verify = false;
  std::string unix_socket{};  ///< connect there instead of to the URL's host; "": the network
  std::size_t max_response_bytes = 4 << 20;
  enum class TooLong {
    kFail,  ///< kTooLarge, although the other side may have done what was asked
    kCut,   ///< the body ends there
  } too_long = TooLong::kFail;
};

struct HttpClientResponse {
  int status = 0;
  HttpHeaders headers;  ///< names as sent
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
};

/// What the receiver of a streamed body wants next.
enum class StreamNext { kContinue, kEnd };
/// Gets the body of an answer piece by piece, cut anywhere, on the thread that called stream().
using ChunkSink = std::function<StreamNext(std::string_view chunk)>;

/// A blocking HTTP client. Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// The answer, whatever its status. Errors: kUnreachable (resolve, connect, TLS: nothing was
  /// sent), kUnavailable (broken off), kTimeout at `deadline`,
  /// kCancelled when `stop` is requested, kTooLarge, kProtocol, kInvalid for a URL that is none.
  virtual Result<HttpClientResponse> send(const HttpClientRequest& request, Deadline deadline,
                                          std::stop_token stop) = 0;

  /// For bodies without an end, as server-sent events: the body of a 2xx answer goes to `on_chunk` as it arrives and is
  /// limited by nothing but `deadline`; the body of any other answer is collected as in send(). Gives the answer (its
  /// body empty when it was streamed) once the server has ended it or `on_chunk` said kEnd. Errors as send(): kTimeout
  /// at `deadline`, kCancelled when `stop` is requested, kUnavailable when the connection breaks in the middle.
  virtual Result<HttpClientResponse> stream(const HttpClientRequest& request, const ChunkSink& on_chunk,
                                            Deadline deadline, std::stop_token stop) = 0;
};

}  // namespace heal
