#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/fault/params.h"
#include "common/port/alertmanager_api.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/fault_holder.h"
#include "common/port/host_processes.h"

namespace heal::fault {

/// The program that holders run, see HolderOrder.
struct HolderProgram {
  std::string image;  ///< "": there is none, and no fault that needs a holder
  std::vector<std::string> entrypoint = kHolderProgram;
};

/// Where a fault works, and how long its calls may take.
struct Site {
  ContainerEngine& engine;
  HostProcesses& processes;
  Clock& clock;
  const HolderProgram& holder;
  AlertmanagerApi* alertmanager;  ///< null: none is configured
  Deadline deadline;
  std::stop_token stop;
  std::string label = {};  ///< the lease as JSON, for its holder
  Duration left = 20s;     ///< until the fault is to be undone again: breaking must be done well before
};

/// What a container was before it was touched, and what is done to it: all that undoing needs. Kept in the lease as
/// JSON.
struct Recipe {
  std::string container;                        ///< id: a container that was made anew is not under the fault
  std::optional<WallTime> started_at;           ///< of the run that was broken: a later run is not under the fault
  std::map<std::string, std::string> networks;  ///< as ContainerInfo has them
  std::string lease;                            ///< the lease's id
  std::string name;                             ///< of the container
  std::int64_t pid = 0;                         ///< of its main process
  Params params;                                ///< complete, see read_params(); with what resolve() found out

  static Recipe of(const ContainerInfo& info);
  std::string to_text() const;
  static Result<Recipe> parse(const std::string& text);

  bool operator==(const Recipe&) const = default;
};

/// A way to break a container, with the way back. No state of its own; thread-safe.
class Fault {
 public:
  virtual ~Fault() = default;
  virtual std::string_view kind() const = 0;
  /// What it does, for a help text: half a sentence.
  virtual std::string_view summary() const = 0;
  virtual const std::vector<ParamSpec>& params() const;
  /// Parameters that do not go together; `params` is complete.
  virtual Status check_params(const Params& params) const;

  /// kConflict, with the reason, when this container cannot be broken this way now, kRefused when it never can.
  virtual Status check(const ContainerInfo& before) const = 0;
  /// Whether it breaks the network that the container is in, and so all that share it.
  virtual bool breaks_network() const { return false; }
  /// Finds out, touching nothing, what else must be known (kept in `recipe.params`), and whether it can be done here:
  /// kRefused or kNotFound with the reason when not. Comes before the lease is written.
  virtual Status resolve(const ContainerInfo& before, Recipe& recipe, const Site& site) const;
  /// Breaks it. After an Error the fault may be there, wholly or in part.
  virtual Status inject(const ContainerInfo& before, const Recipe& recipe, const Site& site) const = 0;
  /// Takes the fault away. Nothing is done when it is gone already, whoever ended it: a container that runs again is
  /// not touched, and one that somebody else stopped after it had run again stays stopped. May be repeated.
  virtual Status undo(const Recipe& recipe, const Site& site) const = 0;
  /// Success when nothing of the fault is left; kConflict, saying what is, when something is.
  virtual Status verify_undone(const Recipe& recipe, const Site& site) const = 0;
  /// Whether nothing but the ledger knows of it: then a holder that does nothing is its mark, see set_mark().
  virtual bool needs_mark() const { return true; }
};

/// The fault of this kind; nullptr when there is none.
const Fault* find_fault(std::string_view kind);
/// stop, kill, crash, pause, partition, dependency …
const std::vector<std::string>& fault_kinds();

}  // namespace heal::fault
