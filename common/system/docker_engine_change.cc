#include <algorithm>
#include <utility>

#include "common/base/url.h"
#include "common/system/docker_engine.h"
#include "common/wire/docker.h"

namespace heal {
namespace {

/// Takes the frames of two streams apart: {1 stdout | 2 stderr, 0, 0, 0, size of 4 bytes big-endian} and payload.
class StreamSplitter {
 public:
  StreamSplitter(ExecOutcome& outcome, std::size_t most_bytes) : outcome_(outcome), most_bytes_(most_bytes) {}

  void feed(std::string_view chunk) {
    while (!chunk.empty()) {
      const bool is_header = payload_left_ == 0;
      const std::size_t wanted = is_header ? kHeader - header_.size() : payload_left_;
      const auto piece = chunk.substr(0, wanted);
      chunk.remove_prefix(piece.size());
      if (is_header) {
        header_ += piece;
        if (header_.size() == kHeader) begin_payload();
      } else {
        keep(piece);
        payload_left_ -= piece.size();
      }
    }
  }

 private:
  static constexpr std::size_t kHeader = 8;

  void begin_payload() {
    is_stderr_ = header_[0] == 2;
    for (std::size_t i = 4; i < kHeader; ++i)
      payload_left_ = payload_left_ << 8U | static_cast<unsigned char>(header_[i]);
    header_.clear();
  }
  void keep(std::string_view bytes) {
    std::string& text = is_stderr_ ? outcome_.errors : outcome_.output;
    text += bytes.substr(0, most_bytes_ - std::min(most_bytes_, text.size()));
  }

  ExecOutcome& outcome_;
  const std::size_t most_bytes_;
  std::string header_;
  std::size_t payload_left_ = 0;
  bool is_stderr_ = false;
};

}  // namespace

Status DockerEngine::update(const std::string& container, const ContainerLimits& limits, Deadline deadline,
                            std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  const auto path = container_path(container, "/update");
  HEAL_TRY_STATUS(call({"POST", path, write_docker_update(limits), {}}, deadline, std::move(stop)));
  return {};
}

Result<ExecOutcome> DockerEngine::exec(const std::string& container, const ExecSpec& spec, Deadline deadline,
                                       std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  if (spec.argv.empty()) return make_error(ErrorCode::kInvalid, "there is no program to run");
  HEAL_TRY(const auto made,
           call({"POST", container_path(container, "/exec"), write_docker_exec(spec), {}}, deadline, stop));
  HEAL_TRY(const std::string id, parse_docker_created(made.body));
  ExecOutcome outcome;
  StreamSplitter splitter(outcome, spec.max_output_bytes);
  const auto on_chunk = [&](std::string_view chunk) {
    splitter.feed(chunk);
    return StreamNext::kContinue;
  };
  const std::string path = "/exec/" + percent_encode(id);
  const std::string body = R"({"Detach":false,"Tty":false})";
  auto ran = call({"POST", path + "/start", body, on_chunk}, deadline, stop);
  // Some engines answer so when there is no such program, others tell it by the exit code.
  const bool is_unknown_program = !ran && ran.error().code() == ErrorCode::kInvalid;
  if (!ran && !is_unknown_program) return std::move(ran).error();
  const auto looked = call({"GET", path + "/json", "", {}}, deadline, std::move(stop));
  auto ended = looked ? parse_docker_exec_end(looked->body) : Result<std::optional<std::int64_t>>(looked.error());
  if (is_unknown_program && !(ended && *ended)) return std::move(ran).error();
  // It ran: whatever keeps us from hearing how it ended (it may have ended the container, too), that is not a no.
  if (!ended)
    return make_error(ErrorCode::kUnavailable, "the program ran, how it ended is not known: {}", ended.error().str());
  const auto exit_code = *ended;
  if (!exit_code) return make_error(ErrorCode::kUnavailable, "the program still runs although its output has ended");
  outcome.exit_code = *exit_code;
  if (is_unknown_program && outcome.errors.empty()) outcome.errors = ran.error().message();
  return outcome;
}

Result<std::string> DockerEngine::clone(const std::string& container, const std::string& name, Deadline deadline,
                                        std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(container, "container"));
  HEAL_TRY_STATUS(check_docker_name(name, "container"));
  HEAL_TRY(const auto inspected, call({"GET", container_path(container, "/json"), "", {}}, deadline, stop));
  HEAL_TRY(const DockerClone copy, write_docker_clone(inspected.body));
  const std::string path = "/containers/create?name=" + percent_encode(name);
  HEAL_TRY(std::string id, create(path, copy.body, deadline, stop));
  for (const auto& [network, endpoint] : copy.more_networks) {
    auto connected = connect_network(id, network, endpoint, deadline, stop);
    if (connected) continue;
    // Nobody knows it yet, so nobody else would take it away.
    (void)remove(id, clean_up_end(), {});
    return std::move(connected).error().with_context("network {}", network);
  }
  return id;
}

Status DockerEngine::rename(const std::string& container, const std::string& name, Deadline deadline,
                            std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(name, "container"));
  HEAL_TRY_STATUS(act(container, "rename?name=" + percent_encode(name), deadline, std::move(stop)));
  return {};
}

}  // namespace heal
