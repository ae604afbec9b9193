#pragma once

#include <deque>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/http_client.h"

namespace heal {

/// What a scripted server says to one request, and how long it takes to.
struct HttpAnswer {
  Result<HttpClientResponse> response;
  Duration delay{};                 ///< before the answer, on the clock
  std::vector<std::string> chunks;  ///< of a streamed body; empty: the body in one piece
  Duration chunk_delay{};           ///< before each chunk

  static HttpAnswer of(int status, std::string body = "", Duration delay = {}) {
    return {HttpClientResponse{status, {}, std::move(body)}, delay, {}, {}};
  }
  static HttpAnswer failing(Error error, Duration delay = {}) { return {std::move(error), delay, {}, {}}; }
};

/// An HTTP client whose servers are scripts. A request without a script is kUnreachable. Thread-safe.
class ScriptedHttpClient : public HttpClient {
 public:
  using Handler = std::function<HttpAnswer(const HttpClientRequest&)>;

  explicit ScriptedHttpClient(Clock& clock) : clock_(clock) {}

  /// Answers `method` on exactly `url`, or on all that begin with it when `url` ends in `*` (the longest match wins;
  /// method `*` is any). Given again for the same two, answers are used up in order and the last one stays.
  void on(const std::string& method, const std::string& url, HttpAnswer answer);
  /// The same by a function, which is called without a lock held; replaces all earlier answers.
  void on(const std::string& method, const std::string& url, Handler handler);

  /// All requests so far, in order.
  std::vector<HttpClientRequest> requests();

  Result<HttpClientResponse> send(const HttpClientRequest& request, Deadline deadline, std::stop_token stop) override;
  Result<HttpClientResponse> stream(const HttpClientRequest& request, const ChunkSink& on_chunk, Deadline deadline,
                                    std::stop_token stop) override;

 private:
  struct Rule {
    std::deque<HttpAnswer> answers;
    Handler handler;
  };

  HttpAnswer take_answer(const HttpClientRequest& request);
  Rule* find_rule(const HttpClientRequest& request) HEAL_REQUIRES(mutex_);

  Clock& clock_;

  Mutex mutex_;
  std::map<std::pair<std::string, std::string>, Rule> rules_ HEAL_GUARDED_BY(mutex_);
  std::vector<HttpClientRequest> requests_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
