#pragma once

#include <string>
#include <string_view>
#include <thread>

#include "common/remedy/source/source_tools.h"

namespace heal::remedy {

/// Ends what Grafana, Azure Monitor and EventBridge told of when no word comes that it is over: after
/// `sources.….expire`, and only where nothing is being done about it (its incident is over or held), so that a heal is
/// never taken for done, nor a person's incident for closed, by time alone. A thread of its own.
class ExpirySource {
 public:
  ExpirySource(SourceTools tools, const playbook::SourcesConfig& config);
  ~ExpirySource();
  ExpirySource(const ExpirySource&) = delete;
  ExpirySource& operator=(const ExpirySource&) = delete;

 private:
  void run(std::stop_token stop);
  Status expire(std::string_view source, Duration after);
  bool is_idle(const std::string& incident_id) const;

  const SourceTools tools_;
  const playbook::SourcesConfig config_;
  std::jthread thread_;
};

}  // namespace heal::remedy
