#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/model/probe_result.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/http_client.h"
#include "common/port/store_files.h"
#include "common/wire/json_fwd.h"
#include "healctl/console.h"
#include "healctl/direct/ports.h"
#include "healctl/exit_code.h"
#include "healctl/output/table.h"
#include "healctl/service/client.h"
#include "healctl/settings.h"

namespace heal::probe {
struct ProbeRequest;
}  // namespace heal::probe

namespace heal::ctl {

/// A container engine that somebody may go on owning.
using EngineHandle = std::unique_ptr<ContainerEngine, std::function<void(ContainerEngine*)>>;

/// Everything of the world that healctl touches. All must outlive the Program.
struct Ports {
  Clock& clock;
  HttpClient& http;
  /// The container engine behind the unix socket `path`; nothing is sent yet.
  std::function<EngineHandle(const std::string& path)> open_engine;
  /// Runs one probe and waits for its end; a stop ends it with reason `cancelled`.
  std::function<ProbeResult(const probe::ProbeRequest& request, Duration timeout, std::stop_token stop)> probe;
  /// What a store's file holds, read whole; absent where stores cannot be read.
  std::function<Result<StoreReport>(const std::string& file)> inspect_store{};
  /// Puts a backup in the place of the store in a folder that no service holds.
  std::function<Result<RestoreReport>(const std::string& file, const std::string& folder)> restore_store{};
  /// The newest incidents that a store's file holds, as read_stories() gives them; absent likewise.
  std::function<Result<std::vector<StoredStory>>(const std::string& file, WallTime since, std::size_t limit)>
      read_stories{};
  /// For --direct.
  DirectPorts direct{};
};

/// Whether the request that failed only looked or may have changed something.
enum class Purpose { kLook, kChange };

/// What a command works with while it runs. Not thread-safe.
class Context {
 public:
  Context(const Ports& ports, Console& console, const Environment& environment, Settings settings,
          std::stop_token stop);

  const Ports& ports() const { return ports_; }
  Clock& clock() const { return ports_.clock; }
  const Settings& settings() const { return settings_; }
  const Environment& environment() const { return environment_; }
  std::stop_token stop() const { return stop_; }
  ServiceClient& service() { return service_; }
  /// From now on service() is the keeper of this faults folder.
  void use_keeper(const std::string& folder);
  bool is_direct() const { return !settings_.keeper_folder.empty(); }

  std::ostream& out() { return console_.out; }
  Colour colour() const { return out_colour_; }
  std::size_t width() const { return console_.out_width; }
  bool wants_table() const { return settings_.output == OutputFormat::kTable; }
  /// `document` as JSON or YAML, whichever is asked for; with a table asked for, as JSON.
  void print_document(const Json& document);
  void print(const Table& table);
  void print(std::string_view text);

  /// One line for people on stderr, made safe for a terminal.
  void say(std::string_view text);
  /// On a terminal: a line on stderr that the next one replaces; nowhere else.
  void show_progress(std::string_view text);
  void clear_progress();
  /// "healctl: error: …" (and a hint) on stderr.
  void complain(std::string_view message, std::string_view hint = {});
  /// Complains of a request to the service that failed; gives the exit code that says so.
  Exit fail(const Error& error, Purpose purpose = Purpose::kLook);

 private:
  std::string hint_for(const Error& error) const;
  std::string_view may_be_done_hint() const;

  const Ports& ports_;
  Console& console_;
  const Environment& environment_;
  Settings settings_;
  std::stop_token stop_;
  Colour out_colour_, err_colour_;
  bool has_progress_ = false;
  ServiceClient service_;
};

/// kOn for a terminal of `width` columns unless NO_COLOR is set or TERM is "dumb". Source: no-color.org.
Colour colour_for(std::size_t width, const Environment& environment);

/// How long ago something was, in whole seconds, two units at most: `5s`, `2m05s`, `26h10m`, `3d04h`.
std::string age_text(Duration age);
/// `2m05s ago`, `in 5s`.
std::string relative_time(WallTime time, WallTime now);
/// `2030-01-02T03:04:05Z`.
std::string short_utc(WallTime time);

}  // namespace heal::ctl
