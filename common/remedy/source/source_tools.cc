#include "common/remedy/source/source_tools.h"

#include <future>
#include <memory>
#include <utility>

namespace heal::remedy {

Result<IngestReply> ingest_and_wait(const SourceTools& tools, EventBatch batch) {
  auto promise = std::make_shared<std::promise<Result<IngestReply>>>();
  auto future = promise->get_future();
  tools.ingest(std::move(batch), [promise](Result<IngestReply> reply) { promise->set_value(std::move(reply)); });
  return future.get();
}

}  // namespace heal::remedy
