#include <utility>

#include "common/rehearsal/reading.h"

namespace heal::rehearsal {
namespace {

using config::MapReader;
using config::Value;

/// `http://…`, `https://…` or `dns://host:port`.
std::optional<std::string> as_served(const Value& value) {
  const bool is_dns = value.is_scalar() && value.text().starts_with(kDnsScheme);
  if (!is_dns) return config::as_http_url(value);
  if (config::is_host_port(std::string_view(value.text()).substr(kDnsScheme.size()))) return value.text();
  value.must_be("a URL, or dns://host:port");
  return std::nullopt;
}

std::optional<CastContainer> as_container(const Value& value) {
  MapReader map(value, "a container");
  CastContainer out;
  auto& program = out.container.program;
  const bool is_named = map.required("name", out.container.name, config::as_nonempty_string);
  map.optional("engine", out.engine, config::as_nonempty_string);
  map.optional("image", out.container.image, config::as_nonempty_string);
  map.optional("labels", out.container.labels, as_labels);
  map.optional(
      "restart_policy", out.container.restart_policy,
      config::as_enum<std::string>(
          {{"no", "no"}, {"always", "always"}, {"unless-stopped", "unless-stopped"}, {"on-failure", "on-failure"}}));
  map.optional("state", out.state,
               config::as_enum<std::string>(
                   {{"running", "running"}, {"exited", "exited"}, {"paused", "paused"}, {"created", "created"}}));
  map.optional("serves", out.serves, config::as_list(as_served));
  std::int64_t code = 0;
  if (map.optional("exits_at_start", code, config::as_integer(0, 255))) program.exits_at_start = code;
  map.optional("start_error", program.start_error, config::as_nonempty_string);
  map.optional("has_healthcheck", program.has_healthcheck, config::as_bool);
  bool ignores = false;
  if (map.optional("ignores_sigterm", ignores, config::as_bool) && ignores) program.on_term.reset();
  map.finish();
  return is_named ? std::optional(out) : std::nullopt;
}

std::optional<Happening> as_answer(const Value& value) {
  MapReader map(value, "an answer");
  auto out = read_happening(map, Allowed::kAnswers, "");
  map.finish();
  return out;
}

}  // namespace

WorldSetup WorldSetup::with(const WorldSetup& more) const {
  WorldSetup out = *this;
  for (const CastContainer& container : more.containers) {
    std::erase_if(out.containers, [&](const CastContainer& known) {
      return known.container.name == container.container.name && known.engine == container.engine;
    });
    out.containers.push_back(container);
  }
  out.answers.insert(out.answers.end(), more.answers.begin(), more.answers.end());
  return out;
}

std::optional<WorldSetup> read_world(const Value& value) {
  MapReader map(value, "the world");
  WorldSetup out;
  map.optional("containers", out.containers, config::as_list(as_container));
  map.optional("answers", out.answers, config::as_list(as_answer));
  map.finish();
  return out;
}

}  // namespace heal::rehearsal
