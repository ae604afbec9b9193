#pragma once

#include <functional>

#include "common/base/snapshot.h"
#include "common/model/event.h"
#include "common/port/store.h"
#include "common/remedy/intake.h"
#include "common/remedy/world.h"
#include "common/telemetry/logger.h"

namespace heal::remedy {

/// What a source works with. All references must outlive it.
struct SourceTools {
  Tools tools;
  Store& store;
  const Snapshot<World>& world;
  Logger logger;
  /// Coordinator::ingest().
  std::function<void(EventBatch, std::function<void(Result<IngestReply>)>)> ingest;
};

/// Gives events to the pipeline and waits until they are durable or refused.
Result<IngestReply> ingest_and_wait(const SourceTools& tools, EventBatch batch);

}  // namespace heal::remedy
