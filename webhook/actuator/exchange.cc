// How programs are run in a container, and how a container takes the place of another one: calls that belong together.
#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/docker.h"
#include "webhook/actuator/gateway.h"
#include "webhook/actuator/visit.h"

namespace heal::actuator {
namespace {

bool is_up(const ContainerInfo& container) {
  return container.status != "created" && container.status != "exited" && container.status != "dead";
}

/// `web.heal-new` for `web`.
bool is_named(std::string_view name, std::string_view base, std::string_view suffix) {
  return name.size() == base.size() + suffix.size() && name.starts_with(base) && name.ends_with(suffix);
}

/// The three moves of an exchange, and the one back.
bool is_exchange(std::string_view from, std::string_view to) {
  return is_named(to, from, kOldSuffix) || is_named(from, to, kNewSuffix) || is_named(from, to, kOldSuffix);
}

}  // namespace

void Gateway::serve_update(const std::shared_ptr<Visit>& visit) {
  auto parsed = parse_update_body(visit->call);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return visit->refuse(*refusal);
  const auto container = look_up(*visit, visit->call.container);
  if (!container || !admit(*visit, *container)) return;
  visit->call.body = std::get<std::string>(std::move(parsed));
  forward(*visit, stopping_.get_token());
}

void Gateway::serve_exec(const std::shared_ptr<Visit>& visit) {
  auto parsed = parse_exec_body(visit->call);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return visit->refuse(*refusal);
  auto& exec = std::get<ExecBody>(parsed);
  const auto container = look_up(*visit, visit->call.container);
  if (!container) return;
  const auto answer = visit->policy->decide_exec(exec.program, *container);
  if (!admit(*visit, answer, Verb::kExec, container->id)) return;
  visit->call.body = std::move(exec.body);
  const std::string id = forward_for_id(*visit);
  if (!id.empty()) begun_.add_program(id, {container->id, container->name});
  visit->answer();
}

void Gateway::serve_exec_start(const std::shared_ptr<Visit>& visit) {
  auto parsed = parse_exec_start(visit->call);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return visit->refuse(*refusal);
  visit->id = visit->call.container;
  const auto program = begun_.start(visit->id);
  if (!program) {
    return visit->refuse(
        {Reason::kNotAllowed, fmt::format("exec_start: program {} was not prepared here, or was started "
                                          "already",
                                          printable(visit->id, 80))});
  }
  visit->decision.container = program->container_name;
  visit->decision.id = program->container_id;
  visit->decision.rule = "prepared here";
  visit->call.body = std::get<std::string>(std::move(parsed));
  start_stream(visit);
}

void Gateway::serve_exec_inspect(const std::shared_ptr<Visit>& visit) {
  visit->id = visit->call.container;
  const auto program = begun_.program(visit->id);
  if (!program) {
    return visit->refuse(
        {Reason::kNotAllowed, fmt::format("exec_inspect: program {} was not prepared here", printable(visit->id, 80))});
  }
  visit->decision.container = program->container_name;
  visit->decision.id = program->container_id;
  visit->decision.rule = "prepared here";
  forward(*visit, stopping_.get_token());
}

void Gateway::serve_clone(const std::shared_ptr<Visit>& visit, const std::string& name) {
  visit->decision.verb = Verb::kRecreate;
  const auto container = look_up(*visit, name);
  if (!container) return;
  if (container->name != name) {
    return visit->refuse({Reason::kQuery, fmt::format("recreate: {} is the container {}: give its name",
                                                      printable(name), printable(container->name))});
  }
  // By name: each of the containers that follow one another has an id of its own.
  if (!admit(*visit, visit->policy->decide(Verb::kRecreate, *container), Verb::kRecreate, name)) return;
  const EngineCall look{"GET", fmt::format("{}/containers/{}/json", visit->call.version, container->id), "",
                        kMostBytes};
  const auto inspected = tools_.connection.call(look, {}, tools_.clock.deadline_in(kLookTime), stopping_.get_token());
  if (!inspected) return visit->fail(inspected.error());
  const auto environment = visit->policy->config().show_environment ? Environment::kShown : Environment::kHidden;
  auto parsed = parse_clone_request(visit->call, inspected->body, environment);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return visit->refuse(*refusal);
  auto& clone = std::get<CloneRequest>(parsed);
  visit->call.body = std::move(clone.body);
  const std::string id = forward_for_id(*visit);
  if (!id.empty()) begun_.add_clone(id, std::move(clone.more_networks));
  visit->answer();
}

void Gateway::serve_rename(const std::shared_ptr<Visit>& visit) {
  const auto container = look_up(*visit, visit->call.container);
  if (!container) return;
  const std::string to = visit->call.query.empty() ? "" : visit->call.query.front().second;
  if (!is_exchange(container->name, to)) {
    return visit->refuse(
        {Reason::kQuery, fmt::format("rename: {} may not be called {}: only an exchange of containers "
                                     "renames, by {} and {}",
                                     printable(container->name), printable(to, 80), kNewSuffix, kOldSuffix)});
  }
  if (const auto why = visit->policy->protection_of_name(to); !why.empty())
    return visit->refuse({Reason::kProtected, fmt::format("rename to {}: {}", printable(to, 80), why)});
  if (!admit(*visit, visit->policy->decide(Verb::kRecreate, *container), Verb::kRename, container->id)) return;
  forward(*visit, stopping_.get_token());
}

void Gateway::serve_remove(const std::shared_ptr<Visit>& visit) {
  const auto container = look_up(*visit, visit->call.container);
  if (!container) return;
  const auto& name = container->name;
  const bool is_exchanged = name.ends_with(kOldSuffix) || name.ends_with(kNewSuffix) || begun_.is_clone(container->id);
  if (visit->policy->allows(Verb::kRemove, *container)) {  // the fault helper
    if (admit(*visit, *container)) forward(*visit, stopping_.get_token());
    return;
  }
  if (!is_exchanged || is_up(*container)) {
    return visit->refuse(
        {Reason::kNotAllowed, fmt::format("remove of {}: only what an exchange of containers left over, "
                                          "and does not run, may be removed",
                                          printable(name))});
  }
  if (!admit(*visit, visit->policy->decide(Verb::kRecreate, *container), Verb::kRemove, container->id)) return;
  forward(*visit, stopping_.get_token());
}

}  // namespace heal::actuator
