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

/// Reports keys that blackbox_exporter has, in this or a later version, and that cannot be honoured here yet.
void refuse_keys(config::MapReader& map, std::initializer_list<const char*> keys);
void read_ip_choice(config::MapReader& map, IpChoice& ip);
std::optional<std::string> as_proxy_url(const config::Value& value);
/// basic_auth, authorization, bearer_token and oauth2.
void read_credentials(config::MapReader& map, HttpSettings& settings);
std::optional<TlsSettings> as_tls_settings(const config::Value& value);

/// The key `confirm` of a module whose own time-out is `timeout`; zero for none.
void read_confirm(config::MapReader& module, Duration timeout, std::optional<ConfirmSettings>& confirm);
std::optional<DnsSettings> as_dns_settings(const config::Value& value);
std::optional<IcmpSettings> as_icmp_settings(const config::Value& value);
std::optional<GrpcSettings> as_grpc_settings(const config::Value& value);

}  // namespace heal::probe
