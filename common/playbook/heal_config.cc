#include "common/playbook/heal_config.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/fault_lease.h"
#include "common/model/ip_address.h"
#include "common/playbook/reading.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

std::optional<std::string> as_absolute_path(const Value& value) {
  if (value.is_scalar() && value.text().substr(0, 1) == "/") return value.text();
  value.must_be("an absolute path");
  return std::nullopt;
}

/// `unix:/run/haproxy/admin.sock` or `host:port`.
std::optional<std::string> as_socket(const Value& value) {
  const auto text = config::as_string(value).value_or("");
  if (text.starts_with("unix:/") || config::is_host_port(text)) return text;
  value.must_be("unix:/absolute/path or host:port");
  return std::nullopt;
}

std::optional<std::string> as_base_url(const Value& value) {
  auto url = config::as_http_url(value);
  while (url && url->size() > 1 && url->back() == '/')
    url->pop_back();
  return url;
}

std::optional<TargetId> as_target(const Value& value) {
  const auto text = config::as_string(value);
  if (!text) return std::nullopt;
  const auto target = TargetId::parse(*text);
  if (target) return *target;
  value.error(target.error().message());
  return std::nullopt;
}

std::optional<std::string> as_allowed_host(const Value& value) {
  const auto text = to_lower(config::as_string(value).value_or(""));
  if (config::is_host_port(text) || config::is_host_port(text + ":1")) return text;
  value.must_be("a host or host:port");
  return std::nullopt;
}

/// `127.0.0.1:2375`, `[::1]:2375`, `localhost:2375`.
bool is_loopback(std::string_view host_port) {
  auto host = host_port.substr(0, host_port.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  if (!address) return host == "localhost";
  return address->is_v6() ? address->str() == "::1" : address->bytes[0] == 127;
}

/// Whoever reaches an engine is root on its machine: without certificates both ways only on this one.
void check_tcp_engine(MapReader& map, const EngineConfig& engine) {
  const Value& value = map.value();
  if (engine.cert_file.empty() != engine.key_file.empty()) {
    value.error("\"cert_file\" and \"key_file\" belong together");
  } else if (engine.cert_file.empty() && !engine.ca_file.empty()) {
    value.error(
        "\"ca_file\" needs \"cert_file\" and \"key_file\": an engine that asks for no certificate obeys everyone");
  } else if (engine.insecure && !engine.cert_file.empty()) {
    value.error("\"insecure\" is for plain TCP, not for an engine with certificates");
  } else if (engine.cert_file.empty() && !engine.tcp.empty() && !engine.insecure && !is_loopback(engine.tcp)) {
    value.error(fmt::format("plain TCP to {} would let everyone on the way command that engine", engine.tcp),
                "give ca_file, cert_file and key_file, or say insecure: true");
  }
}

/// Notes the file that `key` names, if it is given.
void note_file(MapReader& map, std::string key, NamedFile::Content content, std::vector<NamedFile>& files) {
  const auto value = map.find(key);
  if (value && value->is_scalar() && !value->text().empty())
    files.push_back({std::move(key), value->text(), content, value->span()});
}

EngineConfig read_engine(const Value& value, std::vector<NamedFile>& files) {
  EngineConfig out;
  MapReader map(value, "an engine");
  const bool has_unix = map.optional("unix", out.unix_socket, as_absolute_path) || map.has("unix");
  const bool has_tcp = map.optional("tcp", out.tcp, config::as_host_port) || map.has("tcp");
  map.optional("ca_file", out.ca_file, config::as_nonempty_string);
  map.optional("cert_file", out.cert_file, config::as_nonempty_string);
  map.optional("key_file", out.key_file, config::as_nonempty_string);
  for (const char* key : {"ca_file", "cert_file", "key_file"})
    note_file(map, key, NamedFile::Content::kCertificates, files);
  map.optional("insecure", out.insecure, config::as_bool);
  map.finish();
  if (map.is_map() && has_unix == has_tcp) value.error("an engine needs either \"unix\" or \"tcp\"");
  if (has_tcp && !has_unix) check_tcp_engine(map, out);
  const bool has_tls_keys = map.has("ca_file") || map.has("cert_file") || map.has("key_file") || map.has("insecure");
  if (has_unix && !has_tcp && has_tls_keys) value.error("certificates and \"insecure\" are for engines on \"tcp\"");
  return out;
}

void read_engines(const Value& value, HealConfig& out) {
  if (!value.is_map()) {
    value.must_be("a map of names and engines");
    return;
  }
  for (const auto& entry : value.node().entries) {
    if (!is_identifier(entry.key))
      value.key_error(entry,
                      fmt::format("\"{}\" is not a name of a-z, 0-9, - and _ (at most 64)", printable(entry.key, 60)));
    out.engines[entry.key] = read_engine(value.child(entry), out.named_files);
  }
}

std::optional<HttpEndpoint> read_endpoint(const Value& value, std::string what, std::vector<NamedFile>& files) {
  HttpEndpoint out;
  MapReader map(value, std::move(what));
  map.required("url", out.url, as_base_url);
  if (const auto auth = map.find("basic_auth")) {
    MapReader account(*auth, "\"basic_auth\"");
    out.basic_auth.emplace();
    account.required("username", out.basic_auth->username, config::as_nonempty_string);
    config::read_secret(account, "password", out.basic_auth->password);
    note_file(account, "password_file", NamedFile::Content::kSecret, files);
    if (account.is_map() && !out.basic_auth->password.is_set() && !account.has("password"))
      auth->error("\"basic_auth\" needs \"password_file\" or \"password\"");
    account.finish();
  }
  map.optional("ca_file", out.ca_file, config::as_nonempty_string);
  note_file(map, "ca_file", NamedFile::Content::kCertificates, files);
  map.optional("insecure_skip_verify", out.insecure_skip_verify, config::as_bool);
  map.finish();
  return out;
}

std::optional<HealthCheck> as_health(const Value& value) {
  const auto text = config::as_string(value);
  if (!text) return std::nullopt;
  const auto health = parse_health_check(*text);
  if (health) return *health;
  value.error(fmt::format("{} is {}", value.name(), health.error().message()));
  return std::nullopt;
}

std::optional<InventoryTarget> read_target(const Value& value, const HealConfig& config) {
  InventoryTarget out;
  MapReader map(value, "a target");
  const bool has_id = map.required("target", out.id, as_target);
  map.optional("health", out.health, as_health);
  map.optional("group", out.group, config::as_nonempty_string);
  map.optional("labels", out.labels, config::as_string_map);
  map.optional("simulate", out.simulate,
               config::as_enum<Simulate>({{"allow", Simulate::kAllow}, {"refuse", Simulate::kRefuse}}));
  map.finish();
  if (!has_id) return std::nullopt;
  if (out.id.kind == "container" && config.engines.count(out.id.engine) == 0) {
    std::vector<std::string> engines;
    for (const auto& [name, engine] : config.engines)
      engines.push_back(name);
    map.find("target")->error(fmt::format("there is no engine \"{}\" under \"engines\"", out.id.engine),
                              config::suggestion(out.id.engine, engines));
  }
  if (!out.group.empty()) out.labels["group"] = out.group;
  return out;
}

void read_inventory(const Value& value, HealConfig& out) {
  MapReader map(value, "\"inventory\"");
  bool use_labels = true;
  map.optional("container_labels", use_labels, config::as_bool);
  out.inventory.container_labels = use_labels ? ContainerLabels::kUse : ContainerLabels::kIgnore;
  const auto targets = map.find("targets");
  map.finish();
  if (!targets) return;
  std::set<TargetId> seen;
  const auto read = [&](const Value& item) {
    auto target = read_target(item, out);
    if (target && !seen.insert(target->id).second)
      item.error(fmt::format("the target {} is given twice", target->id.str()));
    return target;
  };
  out.inventory.targets = config::as_list(read)(*targets).value_or(std::vector<InventoryTarget>());
}

void read_allow(const Value& value, HealConfig& out) {
  MapReader map(value, "\"allow\"");
  map.optional("commands", out.allow.commands, config::as_list(as_absolute_path));
  map.optional("hosts", out.allow.hosts, config::as_list(as_allowed_host));
  map.optional("exec", out.allow.exec, config::as_list(as_absolute_path));
  map.optional("ansible", out.allow.ansible, config::as_list(as_absolute_path));
  map.optional("haproxy", out.allow.haproxy, config::as_list(as_socket));
  const config::as_enum<std::string> host_words({std::pair<std::string, std::string>("drop_caches", "drop_caches")});
  map.optional("host", out.allow.host, config::as_list(host_words));
  map.finish();
}

void read_defaults(const Value& value, HealConfig& out, std::optional<Value>& route) {
  MapReader map(value, "\"defaults\"");
  if (const auto guards = map.find("guards")) read_guards(*guards, out.guards);
  route = map.find("route");
  map.finish();
}

std::optional<Duration> as_fault_time(const Value& value) {
  const auto read = config::as_positive_duration(value);
  if (!read || *read <= kLongestFault) return read;
  value.error(fmt::format("\"max_ttl\" must be at most {}", format_duration(kLongestFault)),
              "a fault that must last longer is injected again");
  return std::nullopt;
}

void read_faults(const Value& value, HealConfig& out) {
  MapReader map(value, "\"faults\"");
  map.optional("enabled", out.faults.enabled, config::as_bool);
  map.optional("max_ttl", out.faults.max_ttl, as_fault_time);
  map.optional("helper_image", out.faults.helper_image, config::as_nonempty_string);
  map.finish();
}

/// What is kept for less time would be gone before anybody could look at it.
constexpr Duration kLeastRetention = std::chrono::hours(1);

std::optional<Duration> as_retention(const Value& value) {
  const auto read = config::as_positive_duration(value);
  if (!read || *read >= kLeastRetention) return read;
  value.error("\"incidents\" must be at least 1h", "90d keeps them for three months");
  return std::nullopt;
}

void read_retention(const Value& value, HealConfig& out) {
  MapReader map(value, "\"retention\"");
  map.optional("incidents", out.retention.incidents, as_retention);
  map.finish();
}

void read_notify_section(const Value& value, HealConfig& out) {
  FileNotes files;
  out.notify = read_notify(value, files);
  for (const auto& [key, file] : files) {
    const auto content = key == "ca_file" ? NamedFile::Content::kCertificates : NamedFile::Content::kSecret;
    out.named_files.push_back({key, file.text(), content, file.span()});
  }
}

void read_users(const Value& value, HealConfig& out) {
  if (!value.is_map()) {
    value.must_be("a map of names and roles");
    return;
  }
  const config::as_enum<Role> role(
      {{"ingest", Role::kIngest}, {"view", Role::kView}, {"operate", Role::kOperate}, {"approve", Role::kApprove}});
  for (const auto& entry : value.node().entries) {
    if (auto roles = config::as_list(role)(value.child(entry))) out.users[entry.key] = std::move(*roles);
  }
}

/// What `defaults.route` and a route have in common.
void read_route_body(MapReader& map, Route& out) {
  const References labels{{"labels"}, nullptr, nullptr};
  const References event{{"labels", "annotations"}, nullptr, nullptr};
  if (const auto name = map.find("playbook")) {
    out.playbook = as_identifier(*name).value_or("");
    out.playbook_span = name->span();
  }
  if (const auto target = map.find("target")) {
    out.target = read_template(*target, labels).value_or(Template());
    out.target_span = target->span();
    if (out.target.is_literal() && !out.target.text().empty()) as_target(*target);
  }
  if (const auto params = map.find("params")) {
    if (!params->is_map()) params->must_be("a map of names and values");
    for (const auto& entry : params->node().entries) {
      if (auto text = read_template(params->child(entry), event)) out.params[entry.key] = std::move(*text);
      out.param_spans[entry.key] = params->key_span(entry);
    }
  }
  map.optional("windows", out.windows, read_time_windows);
}

Route read_route_defaults(const Value& value) {
  Route out;
  MapReader map(value, "the defaults of routes");
  read_route_body(map, out);
  map.finish();
  return out;
}

std::optional<Route> read_route(const Value& value, const Route& defaults) {
  Route out = defaults;
  out.span = value.span();
  MapReader map(value, "a route");
  map.required("match", out.match, config::as_matcher_list);
  read_route_body(map, out);
  if (defaults.playbook.empty()) map.find_required("playbook");
  bool goes_on = false;
  map.optional("continue", goes_on, config::as_bool);
  out.next = goes_on ? Route::Next::kContinue : Route::Next::kStop;
  map.finish();
  return map.is_map() ? std::optional(out) : std::nullopt;
}

void read_routes(const Value& value, const Route& defaults, HealConfig& out) {
  const auto read = [&defaults](const Value& item) { return read_route(item, defaults); };
  out.routes = config::as_list(read)(value).value_or(std::vector<Route>());
  const auto items = value.items();
  for (std::size_t i = 0; i < out.routes.size() && out.routes.size() == items.size(); ++i) {
    const auto& entries = items[i].node().entries;
    const bool says_all = std::any_of(entries.begin(), entries.end(), [](const config::MapEntry& entry) {
      return entry.key == "match" && entry.value.kind == config::NodeKind::kList && entry.value.items.empty();
    });
    if (says_all && out.routes[i].windows.empty() && out.routes[i].next == Route::Next::kStop && i + 1 < items.size())
      items[i + 1].warning("this route is never asked: the one before it matches every alert");
  }
}

void read_sections(MapReader& map, HealConfig& out) {
  if (const auto engines = map.find("engines")) read_engines(*engines, out);
  if (const auto prometheus = map.find("prometheus"))
    out.prometheus = read_endpoint(*prometheus, "\"prometheus\"", out.named_files);
  const auto read_alertmanager = [&](const Value& value) {
    return read_endpoint(value, "an Alertmanager", out.named_files);
  };
  map.optional("alertmanagers", out.alertmanagers, config::as_list(read_alertmanager));
  map.optional("playbooks", out.playbooks, config::as_list(config::as_nonempty_string));
  if (const auto playbooks = map.find("playbooks")) out.playbooks_span = playbooks->span();
  if (const auto inventory = map.find("inventory")) read_inventory(*inventory, out);
  if (const auto allow = map.find("allow")) read_allow(*allow, out);
  std::optional<Value> route_defaults;
  if (const auto defaults = map.find("defaults")) read_defaults(*defaults, out, route_defaults);
  const Route defaults = route_defaults ? read_route_defaults(*route_defaults) : Route();
  read_safety(map, out.safety);
  if (const auto routes = map.find("routes")) read_routes(*routes, defaults, out);
  std::vector<std::string> engines;
  for (const auto& [name, engine] : out.engines)
    engines.push_back(name);
  if (const auto sources = map.find("sources")) out.sources = read_sources(*sources, engines, out.named_files);
  if (const auto schedules = map.find("schedules")) out.schedules = read_schedules(*schedules);
  if (const auto retention = map.find("retention")) read_retention(*retention, out);
  std::int64_t workers = out.workers;
  map.optional("workers", workers, config::as_integer(1, 256));
  out.workers = static_cast<std::uint32_t>(workers);
  if (const auto faults = map.find("faults")) read_faults(*faults, out);
  if (const auto notify = map.find("notify")) read_notify_section(*notify, out);
  if (const auto users = map.find("users")) read_users(*users, out);
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kIngest:
      return "ingest";
    case Role::kView:
      return "view";
    case Role::kOperate:
      return "operate";
    case Role::kApprove:
      return "approve";
  }
  return "view";
}

std::optional<HealConfig> parse_heal_config(const std::string& text, const std::string& file,
                                            config::Diagnostics& diagnostics) {
  const config::Source source(file, text);
  const auto errors_before = diagnostics.errors();
  const auto root = config::parse_yaml(source, diagnostics);
  if (!root) return std::nullopt;
  HealConfig out;
  out.file = file;
  MapReader map(Value(*root, source, diagnostics, config::Dialect::kStrict, "the file"), "heal.yml");
  read_version(map);
  read_sections(map, out);
  map.finish();
  if (diagnostics.errors() != errors_before) return std::nullopt;
  return out;
}

}  // namespace heal::playbook
