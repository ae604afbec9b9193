#include "common/system/docker_engine.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/base/unreached.h"
#include "common/base/url.h"
#include "common/system/late_stop.h"
#include "common/system/system_clock.h"
#include "common/wire/docker.h"

namespace heal {
namespace {

constexpr int kOldestMinor = 41;  // one-shot stats
constexpr int kNewestMinor = 47;
constexpr std::size_t kMaxEventLine = 1 << 20;
/// For what has to be taken away, or waited for, although nobody waits for us any more.
constexpr Duration kCleanUpTime = 10s;

/// The engine takes whole seconds; less grace than asked for would be a surprise, more is not.
std::int64_t grace_seconds(Duration grace) {
  return std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(grace).count());
}

/// Cuts a stream into lines.
class LineCutter {
 public:
  template <typename OnLine>
  void feed(std::string_view chunk, OnLine on_line) {
    for (std::size_t end = chunk.find('\n'); end != std::string_view::npos; end = chunk.find('\n')) {
      rest_ += chunk.substr(0, end);
      on_line(std::exchange(rest_, ""));
      chunk.remove_prefix(end + 1);
    }
    rest_ += chunk;
    if (rest_.size() > kMaxEventLine) rest_.clear();
  }

 private:
  std::string rest_;
};

/// Keeps the end of a log that may be longer than what is wanted of it.
class LogTail {
 public:
  enum class Framing { kFrames, kRaw };
  LogTail(Framing framing, std::size_t max_bytes) : framing_(framing), max_bytes_(max_bytes) {}

  void feed(std::string_view chunk) {
    if (framing_ == Framing::kRaw) return keep(chunk);
    while (!chunk.empty()) {
      if (payload_left_ == 0) {
        const auto used = std::min(kHeader - header_.size(), chunk.size());
        header_ += chunk.substr(0, used);
        chunk.remove_prefix(used);
        if (header_.size() == kHeader) begin_payload();
        continue;
      }
      const auto used = std::min(payload_left_, chunk.size());
      keep(chunk.substr(0, used));
      payload_left_ -= used;
      chunk.remove_prefix(used);
    }
  }

  std::string take() && {
    if (kept_.size() > max_bytes_) kept_.erase(0, kept_.size() - max_bytes_);
    return std::move(kept_);
  }

 private:
  static constexpr std::size_t kHeader = 8;

  void begin_payload() {
    for (std::size_t i = 4; i < kHeader; ++i)
      payload_left_ = payload_left_ << 8U | static_cast<unsigned char>(header_[i]);
    header_.clear();
  }
  void keep(std::string_view bytes) {
    kept_ += bytes;
    if (kept_.size() > 2 * max_bytes_ + 65536) kept_.erase(0, kept_.size() - max_bytes_);
  }

  const Framing framing_;
  const std::size_t max_bytes_;
  std::string header_, kept_;
  std::size_t payload_left_ = 0;
};

bool speaks_of_version(const HttpClientResponse& response) {
  return response.status == 400 && response.body.find("client version") != std::string::npos;
}

}  // namespace

std::string DockerEngine::container_path(const std::string& container, std::string_view rest) {
  return fmt::format("/containers/{}{}", percent_encode(container), rest);
}

Deadline DockerEngine::clean_up_end() {
  return steady_time() + kCleanUpTime;
}

Result<HttpClientResponse> DockerEngine::transfer(const Request& request, const std::string& prefix, Deadline deadline,
                                                  std::stop_token stop) {
  const EngineCall call{request.method, prefix + request.path, request.body, request.max_response_bytes};
  return connection_.call(call, request.on_chunk, deadline, std::move(stop));
}

Result<int> DockerEngine::api_minor(Deadline deadline, std::stop_token stop) {
  if (const int known = minor_; known != 0) return known;
  HEAL_TRY(const auto answer, transfer({"GET", "/_ping", "", {}, 4096}, "", deadline, std::move(stop)));
  if (!answer.ok()) return docker_error(answer.status, answer.body);
  const auto is_version = [](const auto& header) { return to_lower(header.first) == "api-version"; };
  const auto header = std::find_if(answer.headers.begin(), answer.headers.end(), is_version);
  const auto newest = header == answer.headers.end() ? std::nullopt : docker_api_minor(header->second);
  if (!newest) return make_error(ErrorCode::kProtocol, "the engine does not say which API version it speaks");
  if (*newest < kOldestMinor) {
    return make_error(ErrorCode::kProtocol, "the engine speaks API 1.{}, at least 1.{} is needed", *newest,
                      kOldestMinor);
  }
  const int minor = std::min(*newest, kNewestMinor);
  minor_ = minor;
  return minor;
}

Result<HttpClientResponse> DockerEngine::call_once(const Request& request, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const int minor, api_minor(deadline, stop));
  auto answer = transfer(request, fmt::format("/v1.{}", minor), deadline, std::move(stop));
  if (!answer && is_unreached(answer.error())) minor_ = 0;  // another daemon may come up there
  return answer;
}

Result<HttpClientResponse> DockerEngine::call(const Request& request, Deadline deadline, std::stop_token stop) {
  auto answer = call_once(request, deadline, stop);
  if (answer && speaks_of_version(*answer)) {  // refused before anything was done, so asking again is safe
    minor_ = 0;
    answer = call_once(request, deadline, std::move(stop));
  }
  if (!answer) return answer;
  if (!answer->ok() && answer->status != 304) return docker_error(answer->status, answer->body);
  return answer;
}

Result<ContainerEngine::Version> DockerEngine::version(Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto answer, call({"GET", "/version", "", {}}, deadline, std::move(stop)));
  HEAL_TRY(auto version, parse_docker_version(answer.body));
  return Version{std::move(version.engine), fmt::format("1.{}", minor_.load())};
}

Result<std::vector<ContainerInfo>> DockerEngine::list(Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto answer, call({"GET", "/containers/json?all=1", "", {}}, deadline, std::move(stop)));
  return parse_docker_list(answer.body);
}

Result<ContainerInfo> DockerEngine::inspect(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  HEAL_TRY(const auto answer, call({"GET", container_path(container, "/json"), "", {}}, deadline, std::move(stop)));
  return parse_docker_inspect(answer.body);
}

Result<ContainerStats> DockerEngine::stats(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  const auto path = container_path(container, "/stats?stream=false&one-shot=true");
  HEAL_TRY(const auto answer, call({"GET", path, "", {}}, deadline, std::move(stop)));
  return parse_docker_stats(answer.body);
}

Result<std::optional<WallTime>> DockerEngine::last_log_time(const std::string& container, Deadline deadline,
                                                            std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  const auto path = container_path(container, "/logs?stdout=1&stderr=1&tail=1&timestamps=1");
  const auto answer = call({"GET", path, "", {}}, deadline, std::move(stop));
  if (!answer) {
    if (answer.error().message().find("does not support reading") != std::string::npos)
      return std::optional<WallTime>();
    return answer.error();
  }
  // Of a terminal the log has no frames and begins with a year; a frame begins with the number of its stream. Asking
  // for the container first, to know, would be a second request for each container and look.
  const bool is_raw = !answer->body.empty() && answer->body.front() >= '0';
  return last_docker_log_time(is_raw ? answer->body : demux_docker_log(answer->body));
}

Result<std::string> DockerEngine::logs_tail(const std::string& container, int lines, std::size_t max_bytes,
                                            Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  HEAL_TRY(const auto described, call({"GET", container_path(container, "/json"), "", {}}, deadline, stop));
  HEAL_TRY(const bool has_tty, parse_docker_has_tty(described.body));
  LogTail tail(has_tty ? LogTail::Framing::kRaw : LogTail::Framing::kFrames, max_bytes);
  const auto on_chunk = [&](std::string_view chunk) {
    tail.feed(chunk);
    return StreamNext::kContinue;
  };
  const auto path = container_path(container, fmt::format("/logs?stdout=1&stderr=1&tail={}", std::max(lines, 0)));
  HEAL_TRY_STATUS(call({"GET", path, "", on_chunk}, deadline, std::move(stop)));
  return std::move(tail).take();
}

Result<EngineChange> DockerEngine::act(const std::string& container, const std::string& action, Deadline deadline,
                                       std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  const auto path = container_path(container, "/" + action);
  HEAL_TRY(const auto answer, call({"POST", path, "", {}}, deadline, std::move(stop)));
  return answer.status == 304 ? EngineChange::kAlready : EngineChange::kDone;
}

Result<EngineChange> DockerEngine::start(const std::string& container, Deadline deadline, std::stop_token stop) {
  return act(container, "start", deadline, std::move(stop));
}

Result<EngineChange> DockerEngine::stop(const std::string& container, Duration grace, Deadline deadline,
                                        std::stop_token stop) {
  return act(container, fmt::format("stop?t={}", grace_seconds(grace)), deadline, std::move(stop));
}

Status DockerEngine::restart(const std::string& container, Duration grace, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(act(container, fmt::format("restart?t={}", grace_seconds(grace)), deadline, std::move(stop)));
  return {};
}

Status DockerEngine::kill(const std::string& container, const std::string& signal, Deadline deadline,
                          std::stop_token stop) {
  HEAL_TRY_STATUS(act(container, "kill?signal=" + percent_encode(signal), deadline, std::move(stop)));
  return {};
}

Status DockerEngine::pause(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(act(container, "pause", deadline, std::move(stop)));
  return {};
}

Status DockerEngine::unpause(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(act(container, "unpause", deadline, std::move(stop)));
  return {};
}

Status DockerEngine::post_network(const std::string& network, const std::string& action, std::string body,
                                  Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(network, "network"));
  const auto path = fmt::format("/networks/{}/{}", percent_encode(network), action);
  HEAL_TRY_STATUS(call({"POST", path, std::move(body), {}}, deadline, std::move(stop)));
  return {};
}

Status DockerEngine::disconnect_network(const std::string& container, const std::string& network, Deadline deadline,
                                        std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  return post_network(network, "disconnect", write_docker_disconnect(container), deadline, std::move(stop));
}

Status DockerEngine::connect_network(const std::string& container, const std::string& network,
                                     const std::string& endpoint, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  HEAL_TRY(auto body, write_docker_connect(container, endpoint));
  return post_network(network, "connect", std::move(body), deadline, std::move(stop));
}

Result<std::string> DockerEngine::create(const std::string& path, std::string body, Deadline deadline,
                                         const std::stop_token& stop) {
  if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "stopped before a container was made");
  // Once it was asked for it is waited for, but not for ever: one whose id nobody has heard would stay behind.
  const LateStop late(stop, kCleanUpTime);
  HEAL_TRY(const auto answer, call({"POST", path, std::move(body), {}}, deadline, late.token()));
  return parse_docker_created(answer.body);
}

Result<std::string> DockerEngine::run(const ContainerSpec& spec, Deadline deadline, std::stop_token stop) {
  std::string path = "/containers/create";
  if (!spec.name.empty()) {
    HEAL_TRY_STATUS(check_docker_name(spec.name, "container"));
    path += "?name=" + percent_encode(spec.name);
  }
  HEAL_TRY(const std::string id, create(path, write_docker_create(spec), deadline, stop));
  auto started = start(id, deadline, std::move(stop));
  if (started) return id;
  // Nobody knows it yet, so nobody else would take it away. Its own time: the caller's may be over.
  const auto removed = remove(id, clean_up_end(), {});
  if (!removed && removed.error().code() != ErrorCode::kNotFound) {
    return std::move(started.error()).with_context("the container {} is left behind", id);
  }
  return std::move(started.error());
}

Result<std::int64_t> DockerEngine::wait(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  const auto path = container_path(container, "/wait?condition=not-running");
  HEAL_TRY(const auto answer, call({"POST", path, "", {}}, deadline, std::move(stop)));
  return parse_docker_wait(answer.body);
}

Status DockerEngine::remove(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  HEAL_TRY_STATUS(call({"DELETE", container_path(container, "?force=1"), "", {}}, deadline, std::move(stop)));
  return {};
}

Status DockerEngine::events(std::optional<WallTime> since, const std::function<void(const ContainerEvent&)>& on_event,
                            std::stop_token stop) {
  std::string path = "/events?filters=" + percent_encode(R"({"type":["container"]})");
  if (since) {
    const auto nanoseconds = since->time_since_epoch().count();
    path += fmt::format("&since={}.{:09}", nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000);
  }
  LineCutter cutter;
  const auto on_line = [&](const std::string& line) {
    const auto event = parse_docker_event(line);
    // What cannot be read is left out: asking again from there would only bring it again.
    if (event && *event && !stop.stop_requested()) on_event(**event);
  };
  const auto on_chunk = [&](std::string_view chunk) {
    cutter.feed(chunk, on_line);
    return stop.stop_requested() ? StreamNext::kEnd : StreamNext::kContinue;
  };
  const auto answer = call({"GET", path, "", on_chunk}, SteadyTime::max(), stop);
  if (stop.stop_requested()) return {};
  if (!answer) return answer.error();
  return make_error(ErrorCode::kUnavailable, "the engine closed the stream of events");
}

}  // namespace heal
