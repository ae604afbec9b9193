#include "healctl/app.h"

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/probe/engine.h"
#include "common/system/curl_http_client.h"
#include "common/system/docker_engine.h"
#include "common/system/probe_io.h"
#include "common/system/store_files.h"
#include "common/system/system_clock.h"
#include "healctl/direct/app.h"
#include "healctl/program.h"
#include "healctl/signal_watch.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared by its user

namespace heal::ctl {
namespace {

/// The columns of the terminal behind `fd`; 0 when there is none. A terminal that does not say has 80.
std::size_t terminal_width(int fd) {
  if (isatty(fd) == 0) return 0;
  winsize size{};
  const bool is_known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? size.ws_col : 80;
}

/// Whether standard output is a pipe or socket that nobody reads any more.
bool is_reader_gone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

Environment read_environment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text(*entry);
    if (const auto equals = text.find('='); equals != std::string::npos) {
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return environment;
}

ProbeResult run_probe(Clock& clock, probe::ProbeRequest request, Duration timeout, std::stop_token stop) {
  constexpr Duration kMost = 1h;
  system::SystemProbeIo loop;
  probe::Engine engine({&loop}, clock);
  if (const auto& confirm = request.module->confirm)
    request.confirm_until = engine.now() + probe::confirm_time(*confirm, timeout, kMost);
  const std::stop_callback on_stop(std::move(stop), [&engine] { engine.stop(); });
  return probe::run_once(engine, std::move(request), timeout);
}

}  // namespace

int run_healctl(int argc, char** argv) {
  if (is_fault_keeper(argc, argv)) return run_fault_keeper({argv + 2, argv + argc});
  const SignalWatch signals({SIGINT, SIGTERM, SIGHUP}, SignalWatch::Second::kEnds);
  SystemClock clock;
  CurlHttpClient http;
  const auto open_engine = [](const std::string& path) {
    return EngineHandle(std::make_unique<DockerEngine>(DockerEndpoint{path}).release(),
                        std::default_delete<ContainerEngine>());
  };
  const auto probe = [&clock](const probe::ProbeRequest& request, Duration timeout, std::stop_token stop) {
    return run_probe(clock, request, timeout, std::move(stop));
  };
  Program program(
      Ports{clock, http, open_engine, probe, inspect_store,
            [&clock](const std::string& file, const std::string& folder) {
              return restore_store(file, folder, clock.now());
            },
            read_stories, system_direct_ports(clock)},
      Console{std::cout, std::cerr, terminal_width(STDOUT_FILENO), terminal_width(STDERR_FILENO), is_reader_gone},
      read_environment());
  return static_cast<int>(program.run({argv + (argc > 0 ? 1 : 0), argv + argc}, signals.token()));
}

}  // namespace heal::ctl
