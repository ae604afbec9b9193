#include "healctl/direct/reach.h"

#include <utility>

#include <fmt/format.h>

#include "common/config/decode.h"
#include "common/wire/json.h"
#include "heal_version.h"
#include "healctl/direct/ports.h"

namespace heal::ctl {
namespace {

constexpr const char* kDefaultDockerHost = "unix:///var/run/docker.sock";
constexpr const char* kDefaultHelperImage = "promheal:local";
/// A keeper asks its engine, which may not answer, before it answers itself.
constexpr Duration kStartPatience = 45s;
constexpr Duration kFolderPatience = 60s;
constexpr Duration kAskKeeperAgain = 50ms;

std::string environment_value(const Context& context, const std::string& name) {
  const auto found = context.environment().find(name);
  return found == context.environment().end() ? "" : found->second;
}

Result<std::string> faults_folder(const Context& context, const DirectOptions& options) {
  std::string folder = options.state_dir;
  if (folder.empty()) {
    const auto state = environment_value(context, "XDG_STATE_HOME");
    const auto home = environment_value(context, "HOME");
    if (state.empty() && home.empty()) {
      return make_error(ErrorCode::kInvalid, "no folder for the faults: name one with --state-dir, or set HOME");
    }
    folder = (state.empty() ? home + "/.local/state" : state) + "/promheal/faults";
  }
  while (folder.size() > 1 && folder.ends_with('/'))
    folder.pop_back();
  // The keeper works elsewhere than we do.
  if (!folder.starts_with('/')) return make_error(ErrorCode::kInvalid, "the faults folder {} is no full path", folder);
  constexpr std::size_t kLongestSocket = 107;
  if (keeper_socket(folder).size() > kLongestSocket) {
    return make_error(ErrorCode::kInvalid, "the faults folder {} is too long a path for a socket: name a shorter one",
                      folder);
  }
  return folder;
}

/// What this command would work with.
Result<KeeperSettings> wanted_settings(const Context& context, const DirectOptions& options) {
  const auto first_of = [](const std::string& a, const std::string& b) { return a.empty() ? b : a; };
  KeeperSettings wanted;
  const auto from_environment = environment_value(context, "DOCKER_HOST");
  wanted.docker_host = first_of(options.docker_host, first_of(from_environment, kDefaultDockerHost));
  HEAL_TRY_STATUS(check_docker_host(wanted.docker_host)
                      .with_context("{}", options.docker_host.empty() ? "DOCKER_HOST" : "--docker-host"));
  if (!environment_value(context, "DOCKER_TLS_VERIFY").empty()) {
    wanted.docker_certs =
        first_of(environment_value(context, "DOCKER_CERT_PATH"), environment_value(context, "HOME") + "/.docker");
  }
  wanted.helper_image = first_of(options.helper_image, kDefaultHelperImage);
  wanted.alertmanager = first_of(options.alertmanager, context.settings().alertmanager);
  if (const auto problem = config::http_url_problem(wanted.alertmanager)) {
    return make_error(ErrorCode::kInvalid, "--alertmanager: {}", *problem);
  }
  return wanted;
}

/// kConflict when the keeper works with something else than this command would have it.
Status check_settings(const KeeperSettings& wanted, const KeeperSettings& kept, const DirectOptions& options,
                      Binds binds) {
  struct Pair {
    const char* name;
    const std::string &wanted, &kept;
    bool is_given;
  };
  const Pair pairs[] = {
      {"Docker host", wanted.docker_host, kept.docker_host, !options.docker_host.empty()},
      {"Docker certificates", wanted.docker_certs, kept.docker_certs, false},
      {"helper image", wanted.helper_image, kept.helper_image, !options.helper_image.empty()},
      {"Alertmanager", wanted.alertmanager, kept.alertmanager, !options.alertmanager.empty()},
  };
  for (const auto& [name, ours, theirs, is_given] : pairs) {
    if ((binds == Binds::kAll || is_given) && ours != theirs) {
      return make_error(ErrorCode::kConflict,
                        "the faults that are held there are of {} \"{}\", not \"{}\": end them first, or name another "
                        "--state-dir",
                        name, theirs, ours);
    }
  }
  return {};
}

/// Success when the keeper is of this version and works with what is wanted. Errors: ServiceClient's, kUnreachable when
/// none lives.
Status greet(Context& context, const KeeperSettings& wanted, const DirectOptions& options, Binds binds) {
  HEAL_TRY(const Json who, context.service().get("/keeper"));
  HEAL_TRY(const std::string version, get_string(who, "version"));
  if (version != kVersion) {
    return make_error(ErrorCode::kConflict,
                      "the keeper of the faults there is of version {}, and this is {}: use that version's healctl, or "
                      "wait until its faults are over",
                      version, kVersion);
  }
  HEAL_TRY(const Json* settings, get_object(who, "settings"));
  HEAL_TRY(const KeeperSettings kept, keeper_settings_from_json(*settings));
  return check_settings(wanted, kept, options, binds);
}

Status reach(Context& context, const DirectOptions& options, Binds binds) {
  HEAL_TRY(const std::string folder, faults_folder(context, options));
  HEAL_TRY(const KeeperSettings wanted, wanted_settings(context, options));
  const auto& ports = context.ports().direct;
  HEAL_TRY(const auto held, ports.hold_folder(folder, context.clock().deadline_in(kFolderPatience), context.stop()));
  context.use_keeper(folder);
  const Deadline deadline = context.clock().deadline_in(kStartPatience);
  for (;;) {
    Status greeted = greet(context, wanted, options, binds);
    const bool is_away = !greeted && (greeted.error().code() == ErrorCode::kUnreachable ||
                                      greeted.error().code() == ErrorCode::kUnavailable);
    if (!is_away) return greeted;
    Status started = ports.start_keeper(folder, wanted, deadline, context.stop());
    if (context.clock().steady_now() >= deadline) return started ? greeted : started;
    if (started) continue;
    // One that was begun anew after it was killed, or that is ending, has the ledger already, or still.
    const bool is_taken = started.error().code() == ErrorCode::kConflict;
    if (!is_taken) return started;
    if (context.clock().sleep_for(kAskKeeperAgain, context.stop()) == Clock::Wake::kStopped) {
      return make_error(ErrorCode::kCancelled, "stopped");
    }
  }
}

}  // namespace

std::vector<OptionSpec> with_direct(std::vector<OptionSpec> own, DirectOptions& options) {
  own.push_back({.names = "--direct",
                 .help = "without heal-webhook: a process of this machine holds the fault",
                 .set = into(options.direct)});
  own.push_back({.names = "--state-dir",
                 .value = "FOLDER",
                 .help = "with --direct: where the faults are kept (default ~/.local/state/promheal/faults)",
                 .completes = Completes::kFiles,
                 .set = into(options.state_dir)});
  own.push_back({.names = "--docker-host",
                 .value = "URL",
                 .help = "with --direct: the engine \"local\" (default DOCKER_HOST, or unix:///var/run/docker.sock)",
                 .set = into(options.docker_host)});
  own.push_back({.names = "--helper-image",
                 .value = "IMAGE",
                 .help = "with --direct: promheal's image, for faults that need a holder (default promheal:local)",
                 .set = into(options.helper_image)});
  own.push_back({.names = "--alertmanager",
                 .value = "URL",
                 .help = "with --direct: for the fault silence (default: of healctl's configuration)",
                 .set = into(options.alertmanager)});
  return own;
}

std::optional<Exit> reach_keeper(Context& context, const DirectOptions& options, Binds binds) {
  if (!options.direct) {
    const bool has_any = !options.state_dir.empty() || !options.docker_host.empty() || !options.helper_image.empty() ||
                         !options.alertmanager.empty();
    if (!has_any) return std::nullopt;
    context.complain("--state-dir, --docker-host, --helper-image and --alertmanager go with --direct");
    return Exit::kUsage;
  }
  if (const Status reached = reach(context, options, binds); !reached) return context.fail(reached.error());
  return std::nullopt;
}

}  // namespace heal::ctl
