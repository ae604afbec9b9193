#pragma once

#include <memory>
#include <vector>

#include "common/base/result.h"
#include "common/remedy/source/absence_source.h"
#include "common/remedy/source/docker_source.h"
#include "common/remedy/source/expiry_source.h"
#include "common/remedy/source/schedule_source.h"

namespace heal::remedy {

/// All sources that run by themselves. One thread uses it.
class Sources {
 public:
  explicit Sources(SourceTools tools) : tools_(std::move(tools)) {}
  ~Sources() { stop(); }
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;

  /// Starts what the world's configuration names, in place of what ran before; after each reload. kUnavailable, and
  /// none runs, when the host has no thread for one of them.
  Status start();
  /// Before the coordinator stops: what is being told is waited for.
  void stop();

 private:
  void make();

  const SourceTools tools_;
  std::vector<std::unique_ptr<DockerSource>> docker_;
  std::unique_ptr<ScheduleSource> schedules_;
  std::unique_ptr<AbsenceSource> absence_;
  std::unique_ptr<ExpirySource> expiry_;
};

}  // namespace heal::remedy
