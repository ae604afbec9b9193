#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/port/container_engine.h"
#include "common/port/host_processes.h"

namespace heal::fault {

/// Where a fault works, and how long its calls may take.
struct Site {
  ContainerEngine& engine;
  HostProcesses& processes;
  Deadline deadline;
  std::stop_token stop;
  Duration left = 20s;  ///< until the fault is to be undone again: breaking must be done well before
};

/// What a container was before it was touched: all that undoing needs. Kept in the lease as JSON.
struct Recipe {
  std::string container;                        ///< id: a container that was made anew is not under the fault
  std::optional<WallTime> started_at;           ///< of the run that was broken: a later run is not under the fault
  std::map<std::string, std::string> networks;  ///< as ContainerInfo has them

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

  /// kConflict, with the reason, when this container cannot be broken this way now.
  virtual Status check(const ContainerInfo& before) const = 0;
  /// Breaks it. After an Error the fault may be there, wholly or in part.
  virtual Status inject(const ContainerInfo& before, const Site& site) const = 0;
  /// Takes the fault away. Nothing is done when it is gone already, whoever ended it: a container that runs again is
  /// not touched, and one that somebody else stopped after it had run again stays stopped. May be repeated.
  virtual Status undo(const Recipe& recipe, const Site& site) const = 0;
  /// Success when nothing of the fault is left; kConflict, saying what is, when something is.
  virtual Status verify_undone(const Recipe& recipe, const Site& site) const = 0;
};

/// The fault of this kind; nullptr when there is none.
const Fault* find_fault(std::string_view kind);
/// stop, kill, crash, pause, partition.
const std::vector<std::string>& fault_kinds();

}  // namespace heal::fault
