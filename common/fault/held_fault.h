#pragma once

#include <utility>

#include "common/fault/fault.h"

namespace heal::fault {

/// A fault that a holder brings about and takes away again: at the end of its time, when it is told to stop, and when
/// the container's main process ends. Whoever wants it undone only has to stop the holder; what a holder that was
/// killed may have left is taken away by another one.
class HeldFault : public Fault {
 public:
  HeldFault(std::string_view kind, std::string_view summary, std::vector<ParamSpec> params)
      : kind_(kind), summary_(summary), params_(std::move(params)) {}

  std::string_view kind() const override { return kind_; }
  std::string_view summary() const override { return summary_; }
  const std::vector<ParamSpec>& params() const override { return params_; }
  Status check(const ContainerInfo& before) const override;
  Status resolve(const ContainerInfo& before, Recipe& recipe, const Site& site) const override;
  Status inject(const ContainerInfo& before, const Recipe& recipe, const Site& site) const override;
  Status undo(const Recipe& recipe, const Site& site) const override;
  Status verify_undone(const Recipe& recipe, const Site& site) const override;
  bool needs_mark() const override { return false; }

 protected:
  /// The kind that a holder that touches nothing is asked about before the lease is written. The mark, unless a kind
  /// says otherwise: whether holders can be run here at all; what is not there yet (an image) is then no fault that
  /// cannot be undone.
  virtual std::string_view probed_as() const;

 private:
  const std::string_view kind_, summary_;
  const std::vector<ParamSpec> params_;
};

/// Marks the fault of `recipe`, which the engine keeps up, with a holder that does nothing: its label tells of the
/// lease when the ledger is lost. Nothing is done where no holder can be run.
Status set_mark(const Recipe& recipe, const Site& site);
/// Takes the holder of a lease away, whatever it does; success when there is none.
Status remove_holder(const std::string& lease, const Site& site);

}  // namespace heal::fault
