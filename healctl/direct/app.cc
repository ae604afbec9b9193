#include "healctl/direct/app.h"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "common/base/text.h"
#include "common/system/curl_http_client.h"
#include "common/system/detached.h"
#include "common/system/docker_engine.h"
#include "common/system/host_processes.h"
#include "common/system/http_alertmanager_api.h"
#include "common/system/private_folder.h"
#include "common/system/sqlite_store.h"
#include "common/system/system_clock.h"
#include "common/system/system_random.h"
#include "common/wire/error_json.h"
#include "common/wire/json.h"
#include "healctl/direct/keeper.h"
#include "healctl/signal_watch.h"

namespace heal::ctl {
namespace {

/// Not a command for people: `healctl keep-faults FOLDER SETTINGS-AS-JSON`.
constexpr std::string_view kKeepFaults = "keep-faults";
constexpr std::string_view kReady = "ready";

DockerEndpoint docker_endpoint(const KeeperSettings& settings) {
  DockerEndpoint endpoint;
  constexpr std::string_view kUnixScheme = "unix://", kTcpScheme = "tcp://";
  if (settings.docker_host.starts_with(kUnixScheme)) {
    endpoint.unix_socket = settings.docker_host.substr(kUnixScheme.size());
    return endpoint;
  }
  const bool has_certs = !settings.docker_certs.empty();
  endpoint.url = (has_certs ? "https://" : "http://") + settings.docker_host.substr(kTcpScheme.size());
  if (!has_certs) return endpoint;
  endpoint.ca_file = settings.docker_certs + "/ca.pem";
  endpoint.cert_file = settings.docker_certs + "/cert.pem";
  endpoint.key_file = settings.docker_certs + "/key.pem";
  return endpoint;
}

Status check_image(EngineConnection& engine, const std::string& image, Deadline deadline) {
  const bool is_plain = std::all_of(image.begin(), image.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("._:/@-").find(c) != std::string::npos;
  });
  if (!is_plain) return make_error(ErrorCode::kInvalid, "\"{}\" is no image's name", printable(image, 200));
  EngineCall call;
  call.method = "GET";
  call.path = "/images/" + image + "/json";
  HEAL_TRY(const HttpClientResponse answer, engine.call(call, {}, deadline, {}));
  // Who filters an engine's API may not let this pass: then the holder shows it.
  if (answer.status != 404) return {};
  return make_error(ErrorCode::kNotFound, "the engine has no image {}", image);
}

/// Tells whether the ledger that was opened is still the one in its place.
std::function<bool()> ledger_loss(const std::string& ledger) {
  const std::string file = ledger + "/heal.db";
  struct stat opened {};
  const bool is_known = ::stat(file.c_str(), &opened) == 0;
  return [file, opened, is_known] {
    struct stat now {};
    return !is_known || ::stat(file.c_str(), &now) != 0 || now.st_ino != opened.st_ino || now.st_dev != opened.st_dev;
  };
}

/// The keeper's whole life, in a process of its own.
int keep_faults(const std::string& folder, const KeeperSettings& wanted, const Logger& logger, bool is_first) {
  const auto failed = [&](const Error& error) {
    logger.error("cannot keep faults", {{"err", error}});
    if (is_first) answer_starter(dump(error_json(error)));
    // Nobody else may be there to end what the one that was killed had begun; but who holds the ledger does.
    return is_first || error.code() == ErrorCode::kConflict ? 1 : kBeginAgain;
  };
  const SignalWatch signals({SIGTERM, SIGINT}, SignalWatch::Second::kIgnored);
  SystemClock clock;
  SystemRandom random;
  CurlHttpClient http;
  auto store = SqliteStore::open(keeper_ledger(folder));
  if (!store) return failed(store.error());
  const auto world = [&http](const KeeperSettings& settings) -> KeeperWorld {
    return {std::make_shared<DockerEngine>(docker_endpoint(settings)),
            std::make_shared<SystemHostProcesses>(ProcessHelper{settings.helper_image}),
            std::make_shared<HttpAlertmanagerApi>(http, ApiEndpoint{settings.alertmanager, {}, {}, false}),
            [connection = std::make_shared<DockerConnection>(docker_endpoint(settings))](
                const std::string& image, Deadline deadline) { return check_image(*connection, image, deadline); }};
  };
  KeeperTools tools{**store, clock, random, world, own_container_id(), ledger_loss(keeper_ledger(folder)), ::getpid()};
  const auto keeper = FaultKeeper::open(std::move(tools), wanted, keeper_socket(folder), logger);
  if (!keeper) return failed(keeper.error());
  logger.info("keeping faults", {{"folder", folder}, {"docker", (*keeper)->settings().docker_host}});
  if (is_first) answer_starter(std::string(kReady));
  return (*keeper)->run(signals.token()) ? 0 : 1;
}

/// What a keeper answered to who started it.
Status read_keeper_answer(const std::string& line, const std::string& folder) {
  if (line == kReady) return {};
  const auto json = parse_json(line);
  const Json* error = json ? find_member(*json, "error") : nullptr;
  if (error == nullptr) {
    return make_error(ErrorCode::kInternal, "the keeper ended before it had begun: its log is {}", keeper_log(folder));
  }
  const auto code = parse_error_code(get_string(*error, "code").value_or(""));
  return Error(code.value_or(ErrorCode::kInternal), get_string(*error, "message").value_or("no reason was given"));
}

}  // namespace

DirectPorts system_direct_ports(Clock& clock) {
  DirectPorts ports;
  ports.hold_folder = [&clock](const std::string& folder, Deadline deadline,
                               std::stop_token stop) -> Result<std::shared_ptr<void>> {
    HEAL_TRY(ScopedFd held, hold_private_folder(folder, clock, deadline, stop));
    return std::shared_ptr<void>(std::make_shared<ScopedFd>(std::move(held)));
  };
  ports.start_keeper = [](const std::string& folder, const KeeperSettings& settings, Deadline deadline,
                          std::stop_token stop) -> Status {
    HEAL_TRY(const std::string line, start_detached({std::string(kKeepFaults), folder, dump(to_json(settings))},
                                                    keeper_log(folder), deadline, stop)
                                         .with_context("keeper of faults"));
    return read_keeper_answer(line, folder);
  };
  return ports;
}

bool is_fault_keeper(int argc, char** argv) {
  return argc == 4 && kKeepFaults == argv[1];
}

int run_fault_keeper(const std::vector<std::string>& arguments) {
  const std::string& folder = arguments.at(0);
  const auto json = parse_json(arguments.at(1));
  const auto settings = json ? keeper_settings_from_json(*json) : Result<KeeperSettings>(json.error());
  const Logger logger = Logger().component("faults");
  if (!settings) {
    logger.error("cannot keep faults", {{"err", settings.error()}});
    return 2;
  }
  bool is_first = true;
  const auto died = [&](int signal, Duration pause) {
    is_first = false;
    logger.warn("the keeper has ended too soon and is begun anew", {{"signal", signal}, {"in", pause}});
  };
  return keep_running([&] { return keep_faults(folder, *settings, logger, is_first); }, died);
}

}  // namespace heal::ctl
