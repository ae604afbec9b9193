#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/model/probe_result.h"
#include "common/port/probe_io.h"
#include "common/probe/module.h"
#include "common/probe/run.h"

namespace heal::probe {

/// Resolves a target's host and picks the one address that is probed, with the three families that blackbox_exporter
/// shows of it. Loop thread only.
class AddressPick {
 public:
  using Done = std::function<void(std::optional<ProbeFailure>, IpAddress)>;

  AddressPick(ProbeIo& io, RunLog& log) : io_(io), log_(log) {}
  void start(const std::string& host, IpChoice choice, Done done);

  /// The callback does not run any more.
  void cancel() { lookup_.reset(); }

  /// Until the answer came, or until now.
  Duration lookup_time() const;
  void add_families(std::vector<SampleFamily>& families) const;

 private:
  void resolved(std::optional<ProbeFailure> failure, const std::vector<IpAddress>& found);

  ProbeIo& io_;
  RunLog& log_;
  std::string host_;
  IpChoice choice_;
  Done done_;
  std::optional<SteadyTime> begun_, ended_;
  std::optional<IpAddress> picked_;
  std::unique_ptr<PendingIo> lookup_;
};

/// FNV-1a 32 over the bytes of an address, as `probe_ip_addr_hash` has it.
std::uint32_t address_hash(const IpAddress& address);

}  // namespace heal::probe
