#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "common/remedy/alarm.h"
#include "common/remedy/inbox.h"
#include "common/remedy/source/docker_tracker.h"
#include "common/remedy/source/source_tools.h"

namespace heal::remedy {

/// Watches the containers of one engine: follows its stream of events, and looks at every container of the inventory
/// after each (re)connection and every `reconcile`, because the engine keeps few events and a stream may hang. Two
/// threads of its own; an engine that does not answer keeps nobody else waiting.
class DockerSource {
 public:
  DockerSource(SourceTools tools, std::string engine, const playbook::DockerSourceConfig& config);
  ~DockerSource();
  DockerSource(const DockerSource&) = delete;
  DockerSource& operator=(const DockerSource&) = delete;

 private:
  struct Message {
    enum class Kind { kEvent, kConnected, kTick } kind = Kind::kTick;
    ContainerEvent event;
  };
  void follow(std::stop_token stop);
  void run(std::stop_token stop);
  void handle(const std::vector<Message>& batch, std::stop_token stop);
  Status reconcile(ContainerEngine& engine, std::stop_token stop);
  Status look_at_all(ContainerEngine& engine, std::stop_token stop);
  Status look(ContainerEngine& engine, const std::string& id, const ContainerHint& hint, std::stop_token stop);
  void tell();
  void remember_time();
  WallTime begin();

  const SourceTools tools_;
  const std::string engine_name_;
  const playbook::DockerSourceConfig config_;
  const std::string seen_key_;
  DockerTracker tracker_;
  std::map<std::string, ContainerHint> hints_;  // by id: still to be looked at
  std::set<std::string> unseen_;                // ids of those that the engine lists and does not show
  std::string looked_last_;                     // the next pass begins behind it
  SteadyTime reconcile_at_{};
  SteadyTime try_at_{};
  std::optional<WallTime> remembered_at_;
  bool was_reachable_ = true;

  Inbox<Message> inbox_;
  std::optional<Alarm> alarm_;
  std::jthread stream_;
  std::jthread loop_;
};

}  // namespace heal::remedy
