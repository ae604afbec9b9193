#include <utility>

#include <fmt/format.h>

#include "common/config/file.h"
#include "common/playbook/promql.h"
#include "common/rehearsal/balancer.h"
#include "common/rehearsal/stage.h"
#include "common/remedy/source/alertmanager_events.h"
#include "common/remedy/words.h"

// What the lines of a timeline do to the simulated world.

namespace heal::rehearsal {

Status Stage::perform_all(const Happening& what) {
  return std::visit([this](const auto& one) { return perform(one); }, what);
}

void Stage::tell(EventBatch batch) {
  coordinator_->ingest(std::move(batch), [this](const Result<remedy::IngestReply>& reply) {
    if (!reply.has_value()) remark("a notification was refused", reply.error());
  });
}

void Stage::hold(const Alert& alert) {
  const bool is_silenced = silenced_.contains(alert.labels);
  ActiveAlert active;
  active.alert = alert;
  active.state = is_silenced ? "suppressed" : "active";
  if (is_silenced) active.silenced_by = {"the test"};
  alertmanager_->hold(std::move(active));
}

Status Stage::perform(const AlertChange& change) {
  using What = AlertChange::What;
  auto found = firing_.find(change.labels);
  if (change.what == What::kSilenced) {
    silenced_.insert(change.labels);
    if (found != firing_.end()) hold(found->second);
    return {};
  }
  if (change.what == What::kFires && found == firing_.end()) {
    Alert alert;
    alert.labels = change.labels;
    alert.annotations = change.annotations;
    alert.starts_at = clock_.now();
    alert.fingerprint = fingerprint_of(alert.labels);
    found = firing_.emplace(change.labels, std::move(alert)).first;
  }
  if (found == firing_.end()) return make_error(ErrorCode::kInvalid, "no alert with exactly these labels fires");
  Alert alert = found->second;
  if (change.what == What::kForgotten) {
    alertmanager_->forget(change.labels);
    return {};
  }
  if (change.what == What::kResolves) {
    alertmanager_->forget(change.labels);
    alert.status = AlertStatus::kResolved;
    alert.ends_at = clock_.now();
    firing_.erase(found);
  } else {
    hold(alert);
  }
  // Alertmanager tells nobody of what is silenced.
  if (silenced_.contains(change.labels)) return {};
  AlertGroup group;
  group.receiver = "heal-webhook";
  group.external_url = "http://alertmanager.test";
  group.alerts.push_back(std::move(alert));
  tell(remedy::events_of(std::move(group)));
  return {};
}

Status Stage::perform(const PayloadArrives& payload) {
  HEAL_TRY(const std::string text, config::read_text_file(payload.file));
  auto parse = parse_alertmanager_v4(text);
  if (!parse.has_value()) return std::move(parse).error().with_context("{}", payload.file);
  for (const Alert& alert : parse->group.alerts) {
    if (alert.status == AlertStatus::kResolved) {
      alertmanager_->forget(alert.labels);
      firing_.erase(alert.labels);
      continue;
    }
    hold(alert);
    firing_.insert_or_assign(alert.labels, alert);
  }
  tell(remedy::delivery_of(std::move(*parse)).batch);
  return {};
}

namespace {

/// Steps find it by the environment's PATH.
constexpr std::string_view kAnsible = "ansible-playbook";

/// What the engine is asked for, or what happens to the container by itself.
Status change_container(SimContainerEngine& engine, const ContainerChange& change) {
  using Becomes = ContainerChange::Becomes;
  const Deadline soon = Deadline::max();
  switch (change.becomes) {
    case Becomes::kCrashed:
    case Becomes::kOutOfMemory:
      engine.crash(change.name, change.exit_code, change.becomes == Becomes::kOutOfMemory);
      return {};
    case Becomes::kHealthy:
      engine.set_health(change.name, "healthy");
      return {};
    case Becomes::kUnhealthy:
      engine.set_health(change.name, "unhealthy");
      return {};
    case Becomes::kStopped:
      HEAL_TRY_STATUS(engine.kill(change.name, "SIGKILL", soon, {}));
      return {};
    case Becomes::kRunning: {
      HEAL_TRY(const auto info, engine.inspect(change.name, soon, {}));
      if (info.status == "paused") return engine.unpause(change.name, soon, {});
      HEAL_TRY(const auto ignored, engine.start(change.name, soon, {}));
      (void)ignored;
      return {};
    }
    case Becomes::kPaused:
      return engine.pause(change.name, soon, {});
    case Becomes::kRemoved: {
      HEAL_TRY(const auto info, engine.inspect(change.name, soon, {}));
      if (info.running()) HEAL_TRY_STATUS(engine.kill(change.name, "SIGKILL", soon, {}));
      return engine.remove(change.name, soon, {});
    }
    case Becomes::kHanging:
    case Becomes::kBroken:
    case Becomes::kMended:
      break;
  }
  return {};
}

}  // namespace

Status Stage::perform(const ContainerChange& change) {
  using Becomes = ContainerChange::Becomes;
  HEAL_TRY(SimContainerEngine* const engine, engine_of(change.engine));
  const auto known = engine->inspect(change.name, Deadline::max(), {});
  if (!known.has_value() && known.error().code() == ErrorCode::kNotFound)
    return make_error(ErrorCode::kInvalid, "there is no container \"{}\" in the test's world", change.name);
  const std::string name = engine_or_default(change.engine);
  if (change.becomes == Becomes::kHanging || change.becomes == Becomes::kBroken)
    cast_.spoil(name, change.name, change.becomes);
  if (change.becomes == Becomes::kMended) cast_.mend(name, change.name);
  const std::size_t before = engine->calls().size();
  HEAL_TRY_STATUS(change_container(*engine, change));
  const auto calls = engine->calls();
  for (std::size_t i = before; i < calls.size(); ++i) {
    const auto& verb = calls[i].verb;
    if (verb == "kill" || verb == "start" || verb == "pause" || verb == "unpause" || verb == "remove")
      own_calls_.push_back(calls[i]);
  }
  return {};
}

Status Stage::perform(const HttpAnswers& answers) {
  http_.on("*", answers.url, [answers](const HttpClientRequest&) {
    if (answers.status > 0) return HttpAnswer::of(answers.status, answers.body);
    if (answers.status < 0) return HttpAnswer::of(200, "", 24h);
    return HttpAnswer::failing(make_error(ErrorCode::kUnreachable, "connect to {}: connection refused", answers.url));
  });
  return {};
}

Status Stage::perform(const TcpAnswers& answers) {
  dialer_.set(answers.address, answers.behaviour);
  return {};
}

Status Stage::perform(const DnsAnswers& answers) {
  dns_.set(answers.lookup, answers.reply);
  return {};
}

Status Stage::perform(const PromqlGives& gives) {
  prometheus_->on(gives.query, gives.samples);
  const auto reads = playbook::promql_reads(gives.query);
  if (!reads.has_value()) return {};
  // What verification asks of a query: when its samples were scraped. Here: now.
  for (const std::string& selector : reads->selectors) {
    const bool is_empty = gives.samples.empty();
    prometheus_->on(fmt::format("timestamp({})", selector), [this, is_empty]() -> Result<std::vector<PromSample>> {
      if (is_empty) return std::vector<PromSample>{};
      return std::vector<PromSample>{{{}, to_unix_seconds(clock_.now()), std::nullopt}};
    });
  }
  return {};
}

Status Stage::perform(const ProgramDoes& does) {
  SimContainerEngine* engine = nullptr;
  if (!does.restarts.empty()) {
    HEAL_TRY(engine, engine_of(""));
  }
  const std::string path = does.path == kAnsible ? "/usr/bin/env" : does.path;
  processes_.on(path, [does, engine](const ProcessSpec&) {
    if (engine != nullptr) (void)engine->restart(does.restarts, Duration{}, Deadline::max(), {});
    return ProcessScript::exits(does.exit_code, does.output, "", does.takes);
  });
  return {};
}

Status Stage::perform(const ExecDoes& does) {
  execs_.set(does);
  return {};
}

Status Stage::perform(const HaproxyListens& listens) {
  dialer_.answer(listens.address, std::make_shared<Balancer>(listens.servers));
  return {};
}

Status Stage::perform(const ClockSet& set) {
  clock_.set_now(set.to);
  return {};
}

Status Stage::perform(const EngineChange& change) {
  HEAL_TRY(SimContainerEngine* const engine, engine_of(change.engine));
  if (change.becomes == EngineChange::Becomes::kAway) {
    engine->go_away();
  } else {
    engine->come_back();
  }
  return {};
}

Status Stage::perform(const OperatorActs& acts) {
  using Verb = remedy::OperatorRequest::Verb;
  IncidentQuery query;
  query.target = acts.target.str();
  HEAL_TRY(const auto incidents, store_.incidents(query));
  if (incidents.empty()) return make_error(ErrorCode::kInvalid, "{} has no incident", acts.target.str());
  remedy::OperatorRequest request;
  constexpr std::array<Verb, 4> kVerbs{Verb::kApprove, Verb::kReject, Verb::kCancel, Verb::kRetry};
  request.verb = kVerbs[static_cast<std::size_t>(acts.verb)];
  request.incident_id = incidents.front().id;
  request.plan_hash = incidents.front().plan_hash;
  request.by = acts.by;
  request.reason = "the test";
  coordinator_->operate(std::move(request), [this](const Result<Incident>& answer) {
    if (!answer.has_value()) remark("the operator's wish was refused", answer.error());
  });
  return {};
}

Status Stage::perform(const PauseChange& change) {
  const auto done = [this](const Result<remedy::Pause>& answer) {
    if (!answer.has_value()) remark("the pause was refused", answer.error());
  };
  if (change.becomes == PauseChange::Becomes::kEnded) {
    coordinator_->end_pause(change.name, "the test", done);
  } else {
    coordinator_->pause(remedy::Pause{change.name, "the test", "the test", clock_.now(), std::nullopt}, done);
  }
  return {};
}

Status Stage::perform(const LeverMoved& moved) {
  const bool is_engaged = moved.to == LeverMoved::To::kEngaged;
  coordinator_->set_lever(is_engaged ? remedy::LeverMove::kEngage : remedy::LeverMove::kRelease, "the test", "the test",
                          [this](const Result<remedy::Lever>& answer) {
                            if (!answer.has_value()) remark("the lever was refused", answer.error());
                          });
  return {};
}

Status Stage::perform(const HealAsked& asked) {
  remedy::HealRequest request;
  request.playbook = asked.playbook;
  request.target = asked.target;
  request.params = asked.params;
  request.by = "the test";
  coordinator_->heal(std::move(request), [this](const Result<remedy::HealAnswer>& answer) {
    if (!answer.has_value()) remark("the heal was refused", answer.error());
  });
  return {};
}

}  // namespace heal::rehearsal
