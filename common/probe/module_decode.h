#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/config/decode.h"
#include "common/probe/module.h"

namespace heal::probe {

// The parts of module_config: decoders that several sections share, and those of whole sections.

/// Reports keys that blackbox_exporter has, in this or a later version, and that are not honoured here. `hint` says
/// what to do instead.
void refuse_keys(
    config::MapReader& map, std::initializer_list<const char*> keys,
    const char* hint = "remove it; it is not ignored, because a probe without it would say something else");
/// For the keys that name a secret of a secret manager.
inline constexpr const char* kNoSecretManager = "there is no secret manager: use the same key ending in _file";
void read_ip_choice(config::MapReader& map, IpChoice& ip);
/// Name → text, by name.
std::optional<std::vector<std::pair<std::string, std::string>>> as_headers(const config::Value& value);
/// Name → values, secrets and files. Messages show no value.
std::optional<std::vector<InjectedHeader>> as_http_headers(const config::Value& value);
/// Name → list of secrets. Messages show no value.
std::optional<std::vector<std::pair<std::string, std::string>>> as_connect_headers(const config::Value& value);
/// proxy_url, no_proxy, proxy_from_environment and proxy_connect_header.
void read_proxy(config::MapReader& map, ProxySettings& proxy);
/// basic_auth, authorization, bearer_token and oauth2.
void read_credentials(config::MapReader& map, HttpSettings& settings);
std::optional<TlsSettings> as_tls_settings(const config::Value& value);

/// The key `confirm` of a module whose own time-out is `timeout`; zero for none.
void read_confirm(config::MapReader& module, Duration timeout, std::optional<ConfirmSettings>& confirm);
std::optional<DnsSettings> as_dns_settings(const config::Value& value);
std::optional<IcmpSettings> as_icmp_settings(const config::Value& value);
std::optional<GrpcSettings> as_grpc_settings(const config::Value& value);

}  // namespace heal::probe
