#include <cstdlib>

#include "common/base/text.h"
#include "common/probe/go_scalars.h"
#include "common/probe/module_decode.h"
#include "common/probe/oauth2.h"
#include "common/probe/url.h"

// How a request of the http prober authenticates, and through which proxy it goes.

namespace heal::probe {

using config::MapReader;
using config::Value;

namespace {

std::optional<std::string> as_proxy_url(const Value& value) {
  std::optional<std::string> url = config::as_string(value);
  if (!url || url->empty() || is_proxy_url(*url)) return url;
  // The message does not hold the text, which may hold a password.
  value.error(fmt::format("{} must be a URL that begins with http://, https:// or socks5://", value.name()));
  return std::nullopt;
}

std::string environment_variable(const char* name) {
  // Nothing in this program changes its environment. NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What contradicts itself. Source: prometheus/common, ProxyConfig.Validate.
void check_proxy(MapReader& map, const ProxySettings& proxy) {
  const auto refuse = [&map](const char* key, const char* why) { map.value().key_error(*map.entry(key), why); };
  if (proxy.from_environment && !proxy.url.empty()) {
    refuse("proxy_from_environment", "\"proxy_url\" and \"proxy_from_environment\" cannot both be given");
  }
  if (proxy.from_environment && !proxy.no_proxy.empty()) {
    refuse("no_proxy", "\"no_proxy\" cannot be given with \"proxy_from_environment\", which brings NO_PROXY");
  }
  if (!proxy.from_environment && !proxy.no_proxy.empty() && !map.has("proxy_url")) {
    refuse("no_proxy", "\"no_proxy\" needs \"proxy_url\"");
  }
  if (!proxy.connect_headers.empty() && !proxy.is_set()) {
    refuse("proxy_connect_header", "\"proxy_connect_header\" needs \"proxy_url\" or \"proxy_from_environment\"");
  }
}

}  // namespace

void read_proxy(MapReader& map, ProxySettings& proxy) {
  map.optional("proxy_url", proxy.url, as_proxy_url);
  map.optional("no_proxy", proxy.no_proxy, config::as_string);
  map.optional("proxy_from_environment", proxy.from_environment, as_go_bool);
  map.optional("proxy_connect_header", proxy.connect_headers, as_connect_headers);
  check_proxy(map, proxy);
  if (proxy.url.empty()) proxy.no_proxy.clear();
  if (!proxy.from_environment) {
    proxy.rules = ProxyRules::of(proxy.url, proxy.no_proxy);
    return;
  }
  Result<ProxyRules> rules = ProxyRules::from_environment(environment_variable);
  if (rules.has_value()) {
    proxy.rules = *std::move(rules);
  } else {
    map.value().key_error(*map.entry("proxy_from_environment"), rules.error().message());
  }
}

namespace {

void read_basic_auth(const Value& value, Credentials& credentials) {
  MapReader map(value, "a basic_auth");
  credentials.kind = Credentials::Kind::kBasic;
  map.optional("username", credentials.username, config::as_string);
  map.optional("username_file", credentials.username_file, config::as_string);
  if (!credentials.username.empty() && !credentials.username_file.empty()) {
    map.value().key_error(*map.entry("username_file"), "\"username\" and \"username_file\" cannot both be given");
  }
  config::read_secret(map, "password", credentials.secret);
  refuse_keys(map, {"username_ref", "password_ref"}, kNoSecretManager);
  map.finish();
}

void read_authorization(const Value& value, Credentials& credentials) {
  MapReader map(value, "an authorization");
  credentials.kind = Credentials::Kind::kToken;
  map.optional("type", credentials.type, config::as_string);
  config::read_secret(map, "credentials", credentials.secret);
  refuse_keys(map, {"credentials_ref"}, kNoSecretManager);
  map.finish();
  credentials.type = std::string(trim(credentials.type));
  if (credentials.type.empty()) credentials.type = "Bearer";
  if (to_lower(credentials.type) == "basic") value.error("authorization cannot be of type \"basic\"", "use basic_auth");
}

std::optional<std::string> as_token_url(const Value& value) {
  std::optional<std::string> text = config::as_nonempty_string(value);
  if (!text) return std::nullopt;
  if (const Result<Url> url = Url::parse(*text); !url.has_value()) {
    value.error(fmt::format("{} must be an http:// or https:// URL", value.name()));
    return std::nullopt;
  }
  return text;
}

constexpr const char* kClientCredentials = "client_credentials";
constexpr const char* kOneGrant = "the one grant_type is client_credentials, with a client_secret";

/// What the grant itself says must not be said otherwise.
void check_endpoint_params(const Value& value, const OAuth2Settings& oauth2) {
  for (const auto& [name, text] : oauth2.endpoint_params) {
    if (name == "scope" && !oauth2.scopes.empty()) {
      value.warning("\"scope\" stands in \"endpoint_params\" and \"scopes\" too; the former is sent");
    }
  }
}

std::optional<OAuth2Settings> as_oauth2(const Value& value) {
  OAuth2Settings oauth2;
  MapReader map(value, "an oauth2");
  map.required("client_id", oauth2.client_id, config::as_nonempty_string);
  config::read_secret(map, "client_secret", oauth2.client_secret);
  if (!oauth2.client_secret.is_set()) value.error("oauth2 needs \"client_secret\" or \"client_secret_file\"");
  map.optional("scopes", oauth2.scopes, config::as_list(config::as_string));
  map.required("token_url", oauth2.token_url, as_token_url);
  std::map<std::string, std::string, std::less<>> params;
  map.optional("endpoint_params", params, config::as_string_map);
  oauth2.endpoint_params.assign(params.begin(), params.end());
  map.optional("tls_config", oauth2.tls, as_tls_settings);
  read_proxy(map, oauth2.proxy);
  std::string grant = kClientCredentials;
  map.optional("grant_type", grant, config::as_string);
  if (!grant.empty() && grant != kClientCredentials) refuse_keys(map, {"grant_type"}, kOneGrant);
  refuse_keys(map, {"client_secret_ref"}, kNoSecretManager);
  refuse_keys(map,
              {"client_certificate_key", "client_certificate_key_file", "client_certificate_key_id",
               "client_certificate_key_ref", "claims", "signature_algorithm", "iss", "audience"},
              kOneGrant);
  map.finish();
  check_endpoint_params(value, oauth2);
  oauth2.tokens = std::make_shared<OAuth2Tokens>();
  return oauth2;
}

}  // namespace

void read_credentials(MapReader& map, HttpSettings& settings) {
  Credentials& credentials = settings.credentials;
  const std::optional<Value> basic = map.find("basic_auth");
  const std::optional<Value> authorization = map.find("authorization");
  if (basic) read_basic_auth(*basic, credentials);
  if (authorization) read_authorization(*authorization, credentials);
  config::Secret token;
  config::read_secret(map, "bearer_token", token);
  if (token.is_set()) credentials = {Credentials::Kind::kToken, "", "Bearer", token};
  if (const std::optional<Value> oauth2 = map.find("oauth2")) settings.oauth2 = as_oauth2(*oauth2);
  const int ways = (basic ? 1 : 0) + (authorization ? 1 : 0) + (token.is_set() ? 1 : 0) + (settings.oauth2 ? 1 : 0);
  if (ways > 1) {
    map.value().error(
        "at most one of basic_auth, authorization, oauth2, bearer_token and bearer_token_file can be given");
  }
}

}  // namespace heal::probe
