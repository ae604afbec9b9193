#include "exporter/alert_config.h"

#include <algorithm>
#include <set>

#include "common/config/file.h"
#include "common/probe/module_config.h"

namespace heal::exporter {
namespace {

using config::MapReader;
using config::Value;
using Texts = std::map<std::string, AlertText, std::less<>>;

constexpr Duration kLeastRefresh = 1s;
constexpr Duration kMostRefresh = 10min;

enum class TextsOf { kLabels, kAnnotations };

void check_text_name(const Value& map, const config::MapEntry& entry, TextsOf kind) {
  if (!is_label_name(entry.key) || entry.key.starts_with("__")) {
    map.key_error(entry, fmt::format("\"{}\" is not a name that Alertmanager takes", entry.key),
                  "letters, digits and _, not beginning with a digit");
  } else if (kind == TextsOf::kLabels && entry.key == "alertname") {
    map.key_error(entry, "\"alertname\" is not set here", "it is a key of the alert itself");
  }
}

std::optional<AlertText> as_alert_text(const Value& value, TextsOf kind) {
  const std::optional<std::string> text = config::as_string(value);
  if (!text) return std::nullopt;
  std::size_t offset = 0;
  Result<AlertText> parsed = AlertText::parse(*text, &offset);
  if (!parsed.has_value()) {
    value.error_at(offset, parsed.error().message());
    return std::nullopt;
  }
  if (kind == TextsOf::kLabels && parsed->varies()) {
    value.error("a label must stay the same while the alert lasts, so it cannot tell what differs from run to run",
                "phase, reason, message and failures belong into annotations");
  }
  return *std::move(parsed);
}

auto texts_reader(TextsOf kind) {
  return [kind](const Value& value) {
    MapReader map(value, kind == TextsOf::kLabels ? "the labels" : "the annotations");
    Texts out;
    for (const auto& [entry, child] : map.rest()) {
      check_text_name(value, *entry, kind);
      if (std::optional<AlertText> text = as_alert_text(child, kind)) out.emplace(entry->key, *std::move(text));
    }
    return std::optional(std::move(out));
  };
}

std::optional<AlertRule> read_rule(const Value& value, const std::vector<std::string>& probes) {
  AlertRule rule;
  MapReader map(value, "an alert");
  map.required("alertname", rule.alertname, config::as_nonempty_string);
  map.optional("probes", rule.probes, [&](const Value& list) {
    for (const Value& item : list.items()) {
      if (std::find(probes.begin(), probes.end(), item.text()) == probes.end())
        item.error(fmt::format("there is no scheduled probe \"{}\"", item.text()),
                   config::suggestion(item.text(), probes));
    }
    if (list.is_list() && list.items().empty()) list.must_be("a list with a probe in it");
    return config::as_list(config::as_nonempty_string)(list);
  });
  map.optional("labels", rule.labels, texts_reader(TextsOf::kLabels));
  map.optional("annotations", rule.annotations, texts_reader(TextsOf::kAnnotations));
  map.finish();
  return rule;
}

void read_account(const Value& value, AlertmanagerConfig& out, const std::string& folder) {
  MapReader map(value, "\"basic_auth\"");
  map.required("username", out.username, config::as_nonempty_string);
  config::Secret secret;
  config::read_secret(map, "password", secret);
  out.password_file = secret.file;
  if (map.is_map() && !secret.is_set() && !map.has("password"))
    value.error("\"basic_auth\" needs \"password_file\" or \"password\"");
  map.finish();
  if (!secret.is_set()) return;
  Result<std::string> password = config::load_secret(secret, folder);
  if (password.has_value()) {
    out.password = *std::move(password);
  } else {
    map.find(secret.file.empty() ? "password" : "password_file")->error(password.error().message());
  }
}

std::optional<AlertmanagerConfig> read_alertmanager(const Value& value, const std::string& folder) {
  AlertmanagerConfig out;
  MapReader map(value, "an Alertmanager");
  map.required("url", out.url, config::as_http_url);
  while (out.url.ends_with('/'))
    out.url.pop_back();
  if (const std::optional<Value> account = map.find("basic_auth")) read_account(*account, out, folder);
  if (map.optional("ca_file", out.ca_file, config::as_nonempty_string)) {
    out.ca_file = config::resolve_path(out.ca_file, folder);
    const auto readable = config::read_text_file(out.ca_file);
    if (!readable.has_value()) map.find("ca_file")->error(readable.error().message());
  }
  map.optional("insecure_skip_verify", out.insecure_skip_verify, config::as_bool);
  map.finish();
  return out;
}

void read_alertmanagers(MapReader& map, FastAlertsConfig& out, const std::string& folder) {
  const std::optional<Value> list = map.find_required("alertmanagers");
  if (!list) return;
  out.alertmanagers =
      config::as_list([&](const Value& item) { return read_alertmanager(item, folder); })(*list).value_or(
          std::vector<AlertmanagerConfig>());
  if (list->is_list() && list->items().empty()) list->must_be("a list with an Alertmanager in it");
  std::set<std::string> urls;
  for (const Value& item : list->items()) {
    for (const config::MapEntry& entry : item.node().entries) {
      if (entry.key == "url" && !urls.insert(entry.value.text).second)
        item.child(entry).error(fmt::format("Alertmanager \"{}\" is there twice", entry.value.text));
    }
  }
}

void read_alerts(MapReader& map, FastAlertsConfig& out, const std::vector<std::string>& probes) {
  const std::optional<Value> list = map.find_required("alerts");
  if (!list) return;
  out.alerts = config::as_list([&](const Value& item) { return read_rule(item, probes); })(*list).value_or(
      std::vector<AlertRule>());
  if (list->is_list() && list->items().empty()) list->must_be("a list with an alert in it");
}

void write_texts(std::string& out, std::string_view name, const Texts& texts) {
  if (texts.empty()) return;
  out += fmt::format("      {}:\n", name);
  for (const auto& [key, text] : texts)
    out += fmt::format("        {}: {}\n", key, probe::yaml_scalar(text.text()));
}

void write_alertmanager(std::string& out, const AlertmanagerConfig& server) {
  out += fmt::format("    - url: {}\n", probe::yaml_scalar(server.url));
  if (!server.username.empty()) {
    out += fmt::format("      basic_auth:\n        username: {}\n", probe::yaml_scalar(server.username));
    out += server.password_file.empty()
               ? std::string("        password: <secret>\n")
               : fmt::format("        password_file: {}\n", probe::yaml_scalar(server.password_file));
  }
  if (!server.ca_file.empty()) out += fmt::format("      ca_file: {}\n", probe::yaml_scalar(server.ca_file));
  if (server.insecure_skip_verify) out += "      insecure_skip_verify: true\n";
}

}  // namespace

bool AlertRule::covers(std::string_view probe) const {
  return probes.empty() || std::find(probes.begin(), probes.end(), probe) != probes.end();
}

const AlertRule* FastAlertsConfig::rule_of(std::string_view probe) const {
  const auto found = std::find_if(alerts.begin(), alerts.end(), [&](const AlertRule& r) { return r.covers(probe); });
  return found == alerts.end() ? nullptr : &*found;
}

std::string FastAlertsConfig::yaml() const {
  std::string out = fmt::format("fast_alerts:\n  refresh_interval: {}\n  timeout: {}\n",
                                format_duration(refresh_interval), format_duration(timeout));
  if (!external_url.empty()) out += fmt::format("  external_url: {}\n", probe::yaml_scalar(external_url));
  out += "  alertmanagers:\n";
  for (const AlertmanagerConfig& server : alertmanagers)
    write_alertmanager(out, server);
  out += "  alerts:\n";
  for (const AlertRule& rule : alerts) {
    out += fmt::format("    - alertname: {}\n", probe::yaml_scalar(rule.alertname));
    if (!rule.probes.empty()) out += "      probes:\n";
    for (const std::string& probe : rule.probes)
      out += fmt::format("        - {}\n", probe::yaml_scalar(probe));
    write_texts(out, "labels", rule.labels);
    write_texts(out, "annotations", rule.annotations);
  }
  return out;
}

std::optional<FastAlertsConfig> as_fast_alerts(const Value& value, const std::vector<std::string>& probes,
                                               const std::string& folder) {
  FastAlertsConfig out;
  MapReader map(value, "\"fast_alerts\"");
  read_alertmanagers(map, out, folder);
  const bool has_interval = map.optional("refresh_interval", out.refresh_interval, config::as_positive_duration);
  if (has_interval && (out.refresh_interval < kLeastRefresh || out.refresh_interval > kMostRefresh))
    map.find("refresh_interval")->must_be("from 1s to 10m");
  out.timeout = std::min(out.timeout, out.refresh_interval);
  map.optional("timeout", out.timeout, config::as_positive_duration);
  if (out.timeout > out.refresh_interval && map.has("timeout"))
    map.find("timeout")->must_be("at most the refresh interval");
  if (map.optional("external_url", out.external_url, config::as_http_url)) {
    while (out.external_url.ends_with('/'))
      out.external_url.pop_back();
  }
  read_alerts(map, out, probes);
  map.finish();
  return out;
}

}  // namespace heal::exporter
