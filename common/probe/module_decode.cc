#include "common/probe/module_decode.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/probe/go_scalars.h"
#include "common/wire/dns_names.h"

namespace heal::probe {

using config::MapReader;
using config::Value;

namespace {

/// blackbox_exporter takes any word: "" is ip6, and what is not ip6 is ip4.
std::optional<AddressFamily> as_family(const Value& value) {
  const std::optional<std::string> word = config::as_string(value);
  if (!word) return std::nullopt;
  if (word->empty() || *word == "ip6") return AddressFamily::kV6;
  if (*word != "ip4") {
    value.warning(fmt::format("\"{}\" is neither ip4 nor ip6", printable(*word)), "blackbox_exporter takes it for ip4");
  }
  return AddressFamily::kV4;
}

std::optional<std::optional<TlsVersion>> as_tls_version(const Value& value) {
  const std::optional<TlsVersion> version = config::as_enum<TlsVersion>({{"TLS10", TlsVersion::kTls10},
                                                                         {"TLS11", TlsVersion::kTls11},
                                                                         {"TLS12", TlsVersion::kTls12},
                                                                         {"TLS13", TlsVersion::kTls13}})(value);
  if (!version) return std::nullopt;
  return std::optional(version);
}

}  // namespace

void refuse_keys(MapReader& map, std::initializer_list<const char*> keys, const char* hint) {
  for (const char* key : keys) {
    if (!map.has(key)) continue;
    map.value().key_error(*map.entry(key), fmt::format("\"{}\" is not supported by heal-exporter", key), hint);
  }
}

void read_ip_choice(MapReader& map, IpChoice& ip) {
  map.optional("preferred_ip_protocol", ip.preferred, as_family);
  map.optional("ip_protocol_fallback", ip.fallback, as_go_bool);
}

namespace {

/// Reads a PEM text that takes the place of a file.
void read_pem(MapReader& map, const char* key, const std::string& file, std::string& pem) {
  const std::optional<Value> value = map.find(key);
  if (!value) return;
  const config::MapEntry& entry = *map.entry(key);
  if (!value->is_scalar()) map.value().secret_error(entry, fmt::format("\"{}\" must be a text in PEM", key));
  pem = value->text();
  if (!pem.empty() && !file.empty()) {
    map.value().secret_error(entry, fmt::format("\"{}\" and \"{}_file\" cannot both be given", key, key));
  }
}

void read_inline_certificates(MapReader& map, TlsSettings& settings) {
  read_pem(map, "ca", settings.ca_file, settings.ca);
  read_pem(map, "cert", settings.cert_file, settings.cert);
  read_pem(map, "key", settings.key_file, settings.key);
  if (settings.cert.empty() && settings.key.empty()) return;
  const bool has_cert = !settings.cert.empty() || !settings.cert_file.empty();
  const bool has_key = !settings.key.empty() || !settings.key_file.empty();
  if (has_cert && has_key) return;
  map.value().secret_error(*map.entry(has_cert ? "cert" : "key"),
                           has_cert ? "a client certificate needs \"key\" or \"key_file\""
                                    : "a client's key needs \"cert\" or \"cert_file\"");
}

}  // namespace

std::optional<TlsSettings> as_tls_settings(const Value& value) {
  TlsSettings settings;
  MapReader map(value, "a tls_config");
  map.optional("ca_file", settings.ca_file, config::as_string);
  map.optional("cert_file", settings.cert_file, config::as_string);
  map.optional("key_file", settings.key_file, config::as_string);
  map.optional("server_name", settings.server_name, config::as_string);
  map.optional("insecure_skip_verify", settings.insecure_skip_verify, as_go_bool);
  map.optional("min_version", settings.min_version, as_tls_version);
  map.optional("max_version", settings.max_version, as_tls_version);
  read_inline_certificates(map, settings);
  refuse_keys(map, {"ca_ref", "cert_ref", "key_ref"}, kNoSecretManager);
  map.finish();
  return settings;
}

namespace {

/// Room of an IPv4 packet behind its own header and ICMP's.
constexpr int kMostPayload = 65507;
constexpr int kMostPackets = 1000;
constexpr int kMostReprobes = 10;

/// A module that would be refused by nobody when it is read, and fails every probe.
void warn_of_failure(const Value& value, const std::string& what) {
  value.warning(what, "blackbox_exporter reads this too, and every probe fails");
}

std::optional<LateRegex> as_late_regex(const Value& value) {
  std::optional<std::string> text = config::as_string(value);
  if (!text) return std::nullopt;
  Result<Regex> compiled = Regex::compile(*text);
  LateRegex regex{*std::move(text), std::nullopt};
  if (compiled.has_value()) {
    regex.compiled = *std::move(compiled);
  } else {
    warn_of_failure(value, fmt::format("{} is not a regular expression: {}", value.name(), compiled.error().message()));
  }
  return regex;
}

std::optional<DnsValidation> as_dns_validation(const Value& value) {
  DnsValidation validation;
  MapReader map(value, "a validation of records");
  map.optional("fail_if_matches_regexp", validation.fail_if_matches, config::as_list(as_late_regex));
  map.optional("fail_if_all_match_regexp", validation.fail_if_all_match, config::as_list(as_late_regex));
  map.optional("fail_if_not_matches_regexp", validation.fail_if_not_matches, config::as_list(as_late_regex));
  map.optional("fail_if_none_matches_regexp", validation.fail_if_none_matches, config::as_list(as_late_regex));
  map.finish();
  return validation;
}

/// A word that `code_of` knows, or "".
template <typename CodeOf>
auto as_dns_word(const char* what, CodeOf code_of) {
  return [what, code_of](const Value& value) -> std::optional<std::string> {
    std::optional<std::string> word = config::as_string(value);
    if (!word || word->empty() || code_of(*word)) return word;
    value.error(fmt::format("\"{}\" is not a {}", printable(*word), what), "words like A, MX, IN, in upper case");
    return std::nullopt;
  };
}

std::optional<std::string> as_transport(const Value& value) {
  std::optional<std::string> word = config::as_string(value);
  if (word && !word->empty() && *word != "udp" && *word != "tcp") {
    warn_of_failure(value, fmt::format("\"{}\" is neither udp nor tcp", printable(*word)));
  }
  return word;
}

std::optional<std::string> as_rcode(const Value& value) {
  std::optional<std::string> word = config::as_string(value);
  if (word && !dns_rcode(*word)) {
    warn_of_failure(value, fmt::format("\"{}\" is not a response code like NXDOMAIN", printable(*word)));
  }
  return word;
}

/// A name of gRPC's metadata may hold lower-case letters, digits, `_`, `-` and `.`, and not begin with `grpc-`.
bool is_metadata_name(std::string_view name) {
  return !name.empty() && !name.starts_with("grpc-") &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-.") == std::string_view::npos;
}

std::optional<std::vector<std::pair<std::string, std::string>>> as_metadata(const Value& value) {
  std::vector<std::pair<std::string, std::string>> metadata;
  MapReader map(value, "metadata");
  for (const auto& [entry, child] : map.rest()) {
    const std::string name = to_lower(entry->key);
    if (!is_metadata_name(name)) value.key_error(*entry, fmt::format("\"{}\" cannot be metadata", printable(name)));
    const auto values = config::as_list(config::as_string)(child);
    if (!values) continue;
    for (const std::string& text : *values) {
      const bool is_binary = name.ends_with("-bin");
      const auto is_bad = [](char c) { return c < ' ' || c > '~'; };
      if (!is_binary && std::any_of(text.begin(), text.end(), is_bad)) {
        child.error(fmt::format("a value of \"{}\" is not printable ASCII", name), "names that end in -bin take any");
      }
      metadata.emplace_back(name, text);
    }
  }
  return metadata;
}

}  // namespace

void read_confirm(MapReader& module, Duration timeout, std::optional<ConfirmSettings>& confirm) {
  const std::optional<Value> value = module.find("confirm");
  if (!value) return;
  ConfirmSettings& settings = confirm.emplace();
  MapReader map(*value, "a confirm section");
  map.optional("attempts", settings.attempts, as_go_int(1, kMostReprobes));
  const bool has_interval = map.optional("interval", settings.interval, config::as_go_duration);
  if (map.optional("within", settings.within, as_go_timeout) && settings.within <= timeout) {
    map.find("within")->must_be(timeout > Duration::zero() ? "longer than the module's timeout" : "more than zero");
  }
  map.finish();
  // What could never be asked again in time is a mistake, also where the default is too long.
  const Duration most = settings.within > Duration::zero() ? settings.within : timeout;
  if (most <= Duration::zero() || settings.interval < most) return;
  const Value& place = has_interval ? *map.find("interval") : *value;
  place.error(fmt::format("\"interval\" ({}) must be less than the time to confirm in ({})",
                          format_duration(settings.interval), format_duration(most)),
              "that is \"within\", or else the module's \"timeout\"");
}

std::optional<DnsSettings> as_dns_settings(const Value& value) {
  DnsSettings settings;
  MapReader map(value, "a dns section");
  read_ip_choice(map, settings.ip);
  map.optional("source_ip_address", settings.source_ip_address, config::as_string);
  map.required("query_name", settings.query_name, config::as_nonempty_string);
  map.optional("query_type", settings.query_type, as_dns_word("record type", dns_type_code));
  map.optional("query_class", settings.query_class, as_dns_word("class", dns_class_code));
  map.optional("recursion_desired", settings.recursion_desired, as_go_bool);
  map.optional("transport_protocol", settings.transport_protocol, as_transport);
  map.optional("dns_over_tls", settings.dns_over_tls, as_go_bool);
  map.optional("tls_config", settings.tls_config, as_tls_settings);
  map.optional("valid_rcodes", settings.valid_rcodes,
               [](const Value& list) { return std::optional(config::as_list(as_rcode)(list)); });
  map.optional("validate_answer_rrs", settings.answer, as_dns_validation);
  map.optional("validate_authority_rrs", settings.authority, as_dns_validation);
  map.optional("validate_additional_rrs", settings.additional, as_dns_validation);
  map.finish();
  if (settings.dns_over_tls && settings.transport_protocol != "tcp") {
    warn_of_failure(value, "\"dns_over_tls\" needs \"transport_protocol: tcp\"");
  }
  return settings;
}

std::optional<IcmpSettings> as_icmp_settings(const Value& value) {
  IcmpSettings settings;
  MapReader map(value, "an icmp section");
  read_ip_choice(map, settings.ip);
  map.optional("source_ip_address", settings.source_ip_address, config::as_string);
  map.optional("payload_size", settings.payload_size, as_go_int(0, kMostPayload));
  map.optional("dont_fragment", settings.dont_fragment, as_go_bool);
  map.optional("ttl", settings.ttl, as_go_int(0, 255));
  map.optional("packets", settings.packets, as_go_int(1, kMostPackets));
  map.optional("packet_interval", settings.packet_interval, config::as_go_duration);
  map.optional("packet_timeout", settings.packet_timeout, config::as_go_duration);
  map.finish();
  if (settings.packet_interval < std::chrono::milliseconds(1)) value.error("\"packet_interval\" must be at least 1ms");
  return settings;
}

std::optional<GrpcSettings> as_grpc_settings(const Value& value) {
  GrpcSettings settings;
  settings.ip.fallback = true;
  MapReader map(value, "a grpc section");
  read_ip_choice(map, settings.ip);
  map.optional("service", settings.service, config::as_string);
  map.optional("tls", settings.tls, as_go_bool);
  map.optional("tls_config", settings.tls_config, as_tls_settings);
  map.optional("metadata", settings.metadata, as_metadata);
  map.finish();
  return settings;
}

}  // namespace heal::probe
