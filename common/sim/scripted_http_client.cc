#include "common/sim/scripted_http_client.h"

#include <string_view>

#include "common/sim/wait_in.h"

namespace heal {
namespace {

bool is_http_url(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.substr(0, scheme.size()) == scheme && url.size() > scheme.size()) return true;
  }
  return false;
}

/// How much of `url` the pattern fixes; nullopt when it does not fit.
std::optional<std::size_t> match_length(std::string_view pattern, std::string_view url) {
  if (pattern.empty() || pattern.back() != '*') return pattern == url ? std::optional(url.size() + 1) : std::nullopt;
  pattern.remove_suffix(1);
  return url.substr(0, pattern.size()) == pattern ? std::optional(pattern.size()) : std::nullopt;
}

}  // namespace

void ScriptedHttpClient::on(const std::string& method, const std::string& url, HttpAnswer answer) {
  MutexLock lock(mutex_);
  rules_[{method, url}].answers.push_back(std::move(answer));
}

void ScriptedHttpClient::on(const std::string& method, const std::string& url, Handler handler) {
  MutexLock lock(mutex_);
  rules_[{method, url}] = Rule{{}, std::move(handler)};
}

std::vector<HttpClientRequest> ScriptedHttpClient::requests() {
  MutexLock lock(mutex_);
  return requests_;
}

ScriptedHttpClient::Rule* ScriptedHttpClient::find_rule(const HttpClientRequest& request) {
  Rule* best = nullptr;
  std::size_t best_length = 0;
  for (auto& [key, rule] : rules_) {
    const auto length = match_length(key.second, request.url);
    if (!length || (key.first != "*" && key.first != request.method)) continue;
    if (best == nullptr || *length > best_length) {
      best = &rule;
      best_length = *length;
    }
  }
  return best;
}

HttpAnswer ScriptedHttpClient::take_answer(const HttpClientRequest& request) {
  Handler handler;
  {
    MutexLock lock(mutex_);
    requests_.push_back(request);
    Rule* rule = find_rule(request);
    if (rule == nullptr) {
      return HttpAnswer::failing(make_error(
          ErrorCode::kUnreachable, "{} {}: connection refused (no answer is scripted)", request.method, request.url));
    }
    if (!rule->handler) {
      HttpAnswer answer = rule->answers.front();
      if (rule->answers.size() > 1) rule->answers.pop_front();
      return answer;
    }
    handler = rule->handler;
  }
  return handler(request);
}

Result<HttpClientResponse> ScriptedHttpClient::send(const HttpClientRequest& request, Deadline deadline,
                                                    std::stop_token stop) {
  if (!is_http_url(request.url)) return make_error(ErrorCode::kInvalid, "\"{}\" is not an HTTP URL", request.url);
  HttpAnswer answer = take_answer(request);
  const auto what = request.method + " " + request.url;
  HEAL_TRY_STATUS(wait_in(clock_, answer.delay, deadline, std::move(stop), what));
  if (answer.response && answer.response->body.size() > request.max_response_bytes) {
    if (request.too_long == HttpClientRequest::TooLong::kCut) {
      answer.response->body.resize(request.max_response_bytes);
      return std::move(answer.response);
    }
    return make_error(ErrorCode::kTooLarge, "{}: the answer is larger than {} bytes", what, request.max_response_bytes);
  }
  return std::move(answer.response);
}

Result<HttpClientResponse> ScriptedHttpClient::stream(const HttpClientRequest& request, const ChunkSink& on_chunk,
                                                      Deadline deadline, std::stop_token stop) {
  if (!is_http_url(request.url)) return make_error(ErrorCode::kInvalid, "\"{}\" is not an HTTP URL", request.url);
  HttpAnswer answer = take_answer(request);
  const auto what = request.method + " " + request.url;
  HEAL_TRY_STATUS(wait_in(clock_, answer.delay, deadline, stop, what));
  if (!answer.response || !answer.response->ok()) return std::move(answer.response);
  if (answer.chunks.empty() && !answer.response->body.empty()) answer.chunks.push_back(answer.response->body);
  answer.response->body.clear();
  for (const std::string& chunk : answer.chunks) {
    HEAL_TRY_STATUS(wait_in(clock_, answer.chunk_delay, deadline, stop, what));
    if (on_chunk(chunk) == StreamNext::kEnd) break;
  }
  return std::move(answer.response);
}

}  // namespace heal
