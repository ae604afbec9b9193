#include "tests/support/fake_docker.h"

#include <stop_token>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/docker.h"
#include "common/wire/json.h"

namespace heal::test {
namespace {

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kUnauthorized:
      return 401;
    case ErrorCode::kRefused:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

void answer_error(const Error& error, TinyConnection& connection) {
  if (error.code() == ErrorCode::kTimeout) return connection.wait_closed();
  if (error.code() == ErrorCode::kCancelled) return;
  std::string message = error.message();
  if (message == "the container is not running") {  // stats of a stopped container: the real one answers so
    connection.answer(200, R"({"read":"0001-01-01T00:00:00Z","cpu_stats":{},"memory_stats":{}})");
    return;
  }
  int status = status_of(error.code());
  constexpr std::string_view kPrefix = "the engine answers ";
  if (message.starts_with(kPrefix)) {
    status = static_cast<int>(parse_int(message.substr(kPrefix.size(), 3)).value_or(status));
    message.erase(0, kPrefix.size() + 5);
  }
  connection.answer(status, dump(Json{{"message", message}}));
}

/// One request being served: stops the engine's waiting when its client leaves.
class Served {
 public:
  Served(SimContainerEngine& engine, FakeExecs& execs, const TinyRequest& request, TinyConnection& connection)
      : engine_(engine), execs_(execs), request_(request), connection_(connection), watcher_([this] {
          connection_.wait_closed();
          gone_.request_stop();
        }) {}
  ~Served() { connection_.close(); }  // before the watcher is joined
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  void run() {
    std::string path = request_.path();
    if (path == "/_ping") {
      connection_.send("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK");
      return;
    }
    if (path.starts_with("/v1.")) path.erase(0, path.find('/', 1));
    const auto parts = split(std::string_view(path).substr(1), '/');
    if (path == "/version") return version();
    if (path == "/events") return events();
    if (path == "/containers/json") return give(engine_.list(kNever, stop()), write_docker_list);
    if (path == "/containers/create") return create();
    if (parts.size() >= 2 && parts[0] == "containers") {
      return container(std::string(parts[1]), parts.size() > 2 ? std::string(parts[2]) : "");
    }
    if (parts.size() == 3 && parts[0] == "exec") return exec(std::string(parts[1]), parts[2] == "start");
    if (parts.size() == 3 && parts[0] == "networks") return network(std::string(parts[1]), std::string(parts[2]));
    connection_.answer(404, R"({"message":"page not found"})");
  }

 private:
  static constexpr SteadyTime kNever = SteadyTime::max();

  std::stop_token stop() { return gone_.get_token(); }

  template <typename T, typename Write>
  void give(const Result<T>& result, Write write) {
    if (!result) return answer_error(result.error(), connection_);
    connection_.answer(200, write(*result));
  }
  void give(const Status& status) {
    if (!status) return answer_error(status.error(), connection_);
    connection_.answer(204, "");
  }
  void give(const Result<EngineChange>& change) {
    if (!change) return answer_error(change.error(), connection_);
    connection_.answer(*change == EngineChange::kAlready ? 304 : 204, "");
  }

  void version() {
    give(engine_.version(kNever, stop()), [](const ContainerEngine::Version& version) {
      return dump(Json{{"Version", version.engine}, {"ApiVersion", version.api}, {"MinAPIVersion", "1.12"}});
    });
  }

  void container(const std::string& name, const std::string& action) {
    const Duration grace = std::chrono::seconds(parse_int(request_.param("t")).value_or(10));
    if (request_.method == "DELETE") return give(engine_.remove(name, kNever, stop()));
    if (action == "json") return give(engine_.inspect(name, kNever, stop()), write_docker_inspect);
    if (action == "stats") return give(engine_.stats(name, kNever, stop()), write_docker_stats);
    if (action == "start") return give(engine_.start(name, kNever, stop()));
    if (action == "stop") return give(engine_.stop(name, grace, kNever, stop()));
    if (action == "restart") return give(engine_.restart(name, grace, kNever, stop()));
    if (action == "kill") return give(engine_.kill(name, request_.param("signal"), kNever, stop()));
    if (action == "pause") return give(engine_.pause(name, kNever, stop()));
    if (action == "unpause") return give(engine_.unpause(name, kNever, stop()));
    if (action == "logs") return logs(name);
    if (action == "rename") return give(engine_.rename(name, request_.param("name"), kNever, stop()));
    if (action == "update") return update(name);
    if (action == "exec") return prepare_exec(name);
    if (action == "wait") {
      return give(engine_.wait(name, kNever, stop()), [](std::int64_t code) {
        return dump(Json{{"StatusCode", code}});
      });
    }
    connection_.answer(404, R"({"message":"page not found"})");
  }

  void update(const std::string& name) {
    const auto limits = parse_docker_update(request_.body);
    if (!limits) return answer_error(limits.error(), connection_);
    const Status status = engine_.update(name, *limits, kNever, stop());
    if (!status) return answer_error(status.error(), connection_);
    connection_.answer(200, R"({"Warnings":null})");
  }

  /// The real one says here already that the container does not run.
  void prepare_exec(const std::string& name) {
    auto spec = parse_docker_exec(request_.body);
    if (!spec) return answer_error(spec.error(), connection_);
    const auto info = engine_.inspect(name, kNever, stop());
    if (!info) return answer_error(info.error(), connection_);
    if (!info->running()) {
      connection_.answer(409, dump(Json{{"message", "Container " + info->id + " is not running"}}));
      return;
    }
    std::string id;
    {
      MutexLock lock(execs_.mutex);
      id = fmt::format("exec{}", execs_.by_id.size() + 1);
      execs_.by_id[id] = {name, std::move(*spec), std::nullopt};
    }
    connection_.answer(201, dump(Json{{"Id", id}}));
  }

  void exec(const std::string& id, bool is_start) {
    FakeExecs::Exec exec;
    {
      MutexLock lock(execs_.mutex);
      exec = execs_.by_id.at(id);
    }
    if (!is_start) {
      Json ended{{"Running", !exec.exit_code.has_value()}, {"ExitCode", nullptr}};
      if (exec.exit_code) ended["ExitCode"] = *exec.exit_code;
      connection_.answer(200, dump(ended));
      return;
    }
    const auto outcome = engine_.exec(exec.container, exec.spec, kNever, stop());
    if (!outcome) return answer_error(outcome.error(), connection_);
    {
      MutexLock lock(execs_.mutex);
      execs_.by_id.at(id).exit_code = outcome->exit_code;
    }
    connection_.answer(200, frame(1, outcome->output) + frame(2, outcome->errors), "application/octet-stream");
  }

  static std::string frame(char stream, const std::string& text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    std::string out{stream, 0, 0, 0};
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>(size >> static_cast<unsigned>(shift) & 0xFFU);
    return text.empty() ? "" : out + text;
  }

  void logs(const std::string& name) {
    const auto lines = static_cast<int>(parse_int(request_.param("tail")).value_or(100));
    std::string text;
    if (request_.param("timestamps") == "1") {
      const auto time = engine_.last_log_time(name, kNever, stop());
      if (!time) return answer_error(time.error(), connection_);
      if (*time) text = format_rfc3339_nano(**time) + " line\n";
    } else {
      const auto tail = engine_.logs_tail(name, lines, std::size_t{1} << 20, kNever, stop());
      if (!tail) return answer_error(tail.error(), connection_);
      text = *tail;
    }
    connection_.answer(200, frame(1, text), "application/octet-stream");
  }

  void network(const std::string& name, const std::string& action) {
    const auto body = parse_json(request_.body).value_or(Json::object());
    const auto container_name = get_string(body, "Container").value_or("");
    const Json* endpoint = find_member(body, "EndpointConfig");
    const auto status =
        action == "connect"
            ? engine_.connect_network(container_name, name, endpoint == nullptr ? "" : dump(*endpoint), kNever, stop())
            : engine_.disconnect_network(container_name, name, kNever, stop());
    if (!status) return answer_error(status.error(), connection_);
    connection_.answer(200, "");
  }

  void create() {
    auto spec = parse_docker_create(request_.body);
    if (!spec) return answer_error(spec.error(), connection_);
    spec->name = request_.param("name");
    const auto id = engine_.create_from(*spec);
    if (!id) return answer_error(id.error(), connection_);
    connection_.answer(201, dump(Json{{"Id", *id}}));
  }

  void events() {
    std::optional<WallTime> since;
    if (const auto text = request_.param("since"); !text.empty()) {
      const auto dot = text.find('.');
      since = WallTime(std::chrono::seconds(parse_int(text.substr(0, dot)).value_or(0)) +
                       Duration(dot == std::string::npos ? 0 : nanoseconds_of(text.substr(dot + 1))));
    }
    connection_.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
    const auto on_event = [this](const ContainerEvent& event) { connection_.send(write_docker_event(event) + "\n"); };
    (void)engine_.events(since, on_event, stop());  // however it ended, the connection ends with it
  }

  static std::int64_t nanoseconds_of(std::string digits) {
    digits.resize(9, '0');
    while (digits.size() > 1 && digits.front() == '0')
      digits.erase(0, 1);
    return parse_int(digits).value_or(0);
  }

  SimContainerEngine& engine_;
  FakeExecs& execs_;
  const TinyRequest& request_;
  TinyConnection& connection_;
  std::stop_source gone_;
  std::jthread watcher_;
};

}  // namespace

FakeDocker::FakeDocker(SimContainerEngine& engine, const std::string& socket_path)
    : engine_(engine), server_(socket_path, [this](const TinyRequest& request, TinyConnection& connection) {
        serve(request, connection);
      }) {}

void FakeDocker::serve(const TinyRequest& request, TinyConnection& connection) {
  Served(engine_, execs_, request, connection).run();
}

}  // namespace heal::test
