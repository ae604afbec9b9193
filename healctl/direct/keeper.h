#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/fault/lease_keeper.h"
#include "common/httpd/server.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"
#include "healctl/direct/settings.h"

namespace heal::ctl {

/// What faults are brought about with.
struct KeeperWorld {
  std::shared_ptr<ContainerEngine> engine;
  std::shared_ptr<HostProcesses> processes;
  std::shared_ptr<AlertmanagerApi> alertmanager;  ///< null: there is none
  /// Whether the engine has an image of this name: kNotFound. Absent: nobody asks.
  std::function<Status(const std::string& image, Deadline deadline)> check_image{};
};

/// What a keeper is made of. All must outlive it.
struct KeeperTools {
  Store& store;
  Clock& clock;
  Random& random;
  std::function<KeeperWorld(const KeeperSettings&)> world;
  std::string own_container;             ///< the container we run in; "": none
  std::function<bool()> is_ledger_lost;  ///< see fault::LeaseOptions
  std::int64_t pid = 0;
  Duration idle = 5s;  ///< it ends when it had nothing to hold and to answer for so long
};

/// Holds the faults of `--direct`: the leases of one folder, whose store it alone writes, behind the faults API of
/// heal-webhook on a unix socket, and `GET /api/v1/keeper`, which says who it is. Where a fault is held already, or was
/// left by a keeper that was killed, its own settings count and not those asked for.
class FaultKeeper {
 public:
  /// Takes over what the store and the engine's holders tell of. Errors: the store's, the settings', the socket's.
  static Result<std::unique_ptr<FaultKeeper>> open(KeeperTools tools, const KeeperSettings& wanted,
                                                   const std::string& socket, Logger logger);
  ~FaultKeeper();
  FaultKeeper(const FaultKeeper&) = delete;
  FaultKeeper& operator=(const FaultKeeper&) = delete;

  const KeeperSettings& settings() const { return settings_; }
  /// Holds, answers and undoes until there is nothing left to do. At `stop` it undoes all, for 30 s at most; false when
  /// something is left then.
  bool run(const std::stop_token& stop);

 private:
  FaultKeeper(KeeperTools tools, KeeperSettings settings, Logger logger);

  Status take_over();
  Status serve(const std::string& socket);
  void add_routes();
  httpd::HttpResponse inject(const std::string& body);
  /// Success unless what `body` asks for needs a holder and the engine has no image for it.
  Status check_holder(const std::string& body);
  /// `handler`, unless the keeper is ending; while it runs the keeper does not end.
  httpd::Handler while_open(httpd::Handler handler);
  bool holds_nothing();
  /// True, and nothing is answered any more, when nobody has asked for a while and nothing is held.
  bool close_if_idle() HEAL_EXCLUDES(mutex_);

  const KeeperTools tools_;
  const KeeperSettings settings_;
  const KeeperWorld world_;
  const Logger logger_;
  Metrics metrics_;
  std::unique_ptr<fault::LeaseKeeper> leases_;
  std::unique_ptr<httpd::HttpServer> server_;

  Mutex mutex_;
  std::size_t asked_now_ HEAL_GUARDED_BY(mutex_) = 0;
  SteadyTime last_busy_ HEAL_GUARDED_BY(mutex_);  ///< with a question, or a change of a lease
  bool is_closed_ HEAL_GUARDED_BY(mutex_) = false;
};

}  // namespace heal::ctl
