#include "common/probe/module_config.h"

#include <catch2/catch.hpp>

#include "tests/unit/probe/read_modules.h"

namespace heal::probe {
namespace {

TEST_CASE("a module that names only its prober has blackbox_exporter's defaults") {
  const Read result = read("m: {prober: http}");
  CHECK(result.messages.empty());
  const Module& module = *result.modules->at("m");
  CHECK(module.http == HttpSettings{});
  CHECK(module.http.method == "GET");
  CHECK(module.http.follow_redirects);
  CHECK(module.http.ip == IpChoice{AddressFamily::kV6, true});
  CHECK(module.timeout == Duration::zero());
}

TEST_CASE("the old redirect key wins, sizes are base 2, booleans may be YAML 1.1") {
  const Read result = read(
      "m:\n  prober: http\n  timeout: 1m1.5s\n  http: {follow_redirects: true, no_follow_redirects: yes, "
      "body_size_limit: 2KB}\n");
  CHECK(result.messages.empty());
  const Module& module = *result.modules->at("m");
  CHECK_FALSE(module.http.follow_redirects);
  CHECK(module.http.body_size_limit == 2048);
  CHECK(module.timeout == 61500ms);
}

TEST_CASE("every mistake is reported at its place") {
  const auto [name, text, messages] = GENERATE(table<std::string, std::string, std::string>({
      {"later prober", "m: {prober: websocket}",
       "blackbox.yml:1:13: error: prober \"websocket\" is not supported by heal-exporter\n    m: {prober: websocket}\n"
       "                ^\nhint: probe the same address with http, or the answer to its handshake with tcp and "
       "query_response\n"},
      {"no name to ask for", "m:\n  prober: dns\n  dns: {query_type: A}\n",
       "blackbox.yml:3:8: error: a dns section needs \"query_name\"\n      dns: {query_type: A}\n           "
       "^\n"},
      {"unknown record type", "m:\n  prober: dns\n  dns: {query_name: a, query_type: mx}\n",
       "blackbox.yml:3:36: error: \"mx\" is not a record type\n      dns: {query_name: a, query_type: mx}\n"
       "                                       ^\nhint: words like A, MX, IN, in upper case\n"},
      {"ttl that no packet has", "m:\n  prober: icmp\n  icmp: {ttl: 256}\n",
       "blackbox.yml:3:15: error: \"ttl\" must be a whole number from 0 to 255, not \"256\"\n      icmp: {ttl: 256}\n"
       "                  ^\n"},
      {"packets without time between them", "m:\n  prober: icmp\n  icmp: {packet_interval: 10us}\n",
       "blackbox.yml:3:9: error: \"packet_interval\" must be at least 1ms\n      icmp: {packet_interval: 10us}\n"
       "            ^\n"},
      {"more re-probes than ten", "m:\n  prober: tcp\n  confirm: {attempts: 11}\n",
       "blackbox.yml:3:23: error: \"attempts\" must be a whole number from 1 to 10, not \"11\"\n"
       "      confirm: {attempts: 11}\n                          ^\n"},
      {"unknown key of confirm", "m:\n  prober: tcp\n  confirm: {atempts: 2}\n",
       "blackbox.yml:3:13: error: unknown key \"atempts\" in a confirm section\n"
       "      confirm: {atempts: 2}\n                ^\nhint: did you mean \"attempts\"?\n"},
      {"re-probes that never come in time", "m: {prober: tcp, timeout: 1s, confirm: {interval: 1s}}",
       "blackbox.yml:1:51: error: \"interval\" (1s) must be less than the time to confirm in (1s)\n"
       "    m: {prober: tcp, timeout: 1s, confirm: {interval: 1s}}\n"
       "                                                      ^\nhint: that is \"within\", or else the module's "
       "\"timeout\"\n"},
      {"time to confirm in that the probe itself may need", "m: {prober: tcp, timeout: 2s, confirm: {within: 2s}}",
       "blackbox.yml:1:49: error: \"within\" must be longer than the module's timeout, not \"2s\"\n"
       "    m: {prober: tcp, timeout: 2s, confirm: {within: 2s}}\n"
       "                                                    ^\n"},
      {"metadata of gRPC itself", "m:\n  prober: grpc\n  grpc: {metadata: {grpc-timeout: [1S]}}\n",
       "blackbox.yml:3:21: error: \"grpc-timeout\" cannot be metadata\n      grpc: {metadata: {grpc-timeout: [1S]}}\n"
       "                        ^\n"},
      {"transport that fails later", "m:\n  prober: dns\n  dns: {query_name: a, transport_protocol: sctp}\n",
       "blackbox.yml:3:44: warning: \"sctp\" is neither udp nor tcp\n"
       "      dns: {query_name: a, transport_protocol: sctp}\n"
       "                                               ^\nhint: blackbox_exporter reads this too, and every probe "
       "fails\n"},
      {"later section", "m:\n  prober: http\n  websocket: {}\n",
       "blackbox.yml:3:3: error: \"websocket\" is not supported by heal-exporter\n      websocket: {}\n      ^\n"
       "hint: remove it; it is not ignored, because a probe without it would say something else\n"},
      {"two ways to authenticate", "m:\n  prober: http\n  http: {bearer_token: a, basic_auth: {username: u}}\n",
       "blackbox.yml:3:9: error: at most one of basic_auth, authorization, oauth2, bearer_token and bearer_token_file "
       "can be "
       "given\n      http: {bearer_token: *, basic_auth: {username: u}}\n            ^\n"},
      {"basic as a type", "m:\n  prober: http\n  http: {authorization: {type: Basic, credentials: x}}\n",
       "blackbox.yml:3:25: error: authorization cannot be of type \"basic\"\n"
       "      http: {authorization: {type: Basic, credentials: *}}\n                            ^\nhint: use "
       "basic_auth\n"},
      {"encoding not accepted",
       "m:\n  prober: http\n  http: {compression: br, headers: {accept-encoding: 'gzip, *;q=0'}}\n",
       "blackbox.yml:3:9: error: header \"accept-encoding: gzip, *;q=0\" does not accept \"compression: br\"\n"
       "      http: {compression: br, headers: {accept-encoding: 'gzip, *;q=0'}}\n            ^\n"},
  }));
  CAPTURE(name);
  CHECK(read(text).messages == messages);
}

TEST_CASE("what blackbox_exporter refuses is refused") {
  const auto text = GENERATE(values<std::string>({
      "m: {prober: http, http: {fail_if_body_matches_regexp: [':[']}}",
      "m: {prober: http, http: {fail_if_header_matches: [{regexp: x}]}}",
      "m: {prober: http, http: {fail_if_header_matches: [{header: x}]}}",
      "m: {prober: http, http: {fail_if_header_matches: [{header: x, regexp: ''}]}}",
      "m: {prober: http, http: {bearer_token: a, bearer_token_file: b}}",
      "m: {prober: http, http: {basic_auth: {password: a, password_file: b}}}",
      "m: {prober: http, http: {valid_status_codes: [ok]}}",
      "m: {prober: http, http: {valid_status_codes: 200}}",
      "m: {prober: http, http: {follow_redirects: perhaps}}",
      "m: {prober: http, http: {tls_config: {insecure_skip_verify: true, x: y}}}",
      "m: {prober: http, http: {tls_config: {min_version: TLS9}}}",
      "m: {prober: http, http: {body_size_limit: many}}",
      "m: {prober: http, timeout: 5}",
      "m: {prober: http, timeout: 1d}",
      "m: {prober: tcp, tcp: {query_response: [{expect: '(', send: x}]}}",
      "m: {prober: tcp, tcp: {query_response: {expect: x}}}",
      "m: {prober: tcp, tcp: {unknown: 1}}",
      "m: {prober: tcp, prober: tcp}",
      "m: {prober: dns, dns: {query_name: ''}}",
      "m: {prober: dns, dns: {query_name: a, query_class: X}}",
      "m: {prober: dns, dns: {query_name: a, query_type: in}}",
      "m: {prober: dns, dns: {query_name: a, valid_rcodes: NOERROR}}",
      "m: {prober: dns, dns: {query_name: a, validate_answer_rrs: {fail_if_matches: [x]}}}",
      "m: {prober: dns, dns: {query_name: a, validate_answer_rrs: {fail_if_matches_regexp: x}}}",
      "m: {prober: dns, dns: {query_name: a, recursion_desired: 2}}",
      "m: {prober: icmp, icmp: {ttl: -1}}",
      "m: {prober: tcp, confirm: 2}",
      "m: {prober: tcp, confirm: {attempts: 0}}",
      "m: {prober: tcp, confirm: {attempts: 1.5}}",
      "m: {prober: tcp, confirm: {interval: -1s}}",
      "m: {prober: tcp, confirm: {interval: 5}}",
      "m: {prober: tcp, confirm: {within: 0s}}",
      "m: {prober: tcp, timeout: 100ms, confirm: {attempts: 1}}",
      "m: {prober: tcp, tcp: {confirm: {attempts: 1}}}",
      "m: {prober: icmp, icmp: {payload_size: big}}",
      "m: {prober: icmp, icmp: {dont_fragment: 3}}",
      "m: {prober: icmp, icmp: {tls: true}}",
      "m: {prober: grpc, grpc: {service: [a]}}",
      "m: {prober: grpc, grpc: {tls: maybe}}",
      "m: {prober: grpc, grpc: {tls_config: {unknown: 1}}}",
      "m: [1]",
      "- m",
  }));
  CAPTURE(text);
  CHECK_FALSE(read(text).messages.empty());
}

TEST_CASE("a module is shown without its secrets, as YAML that reads back the same") {
  const std::string text =
      "m:\n  prober: http\n  timeout: 2s\n  http:\n    method: POST\n    body: \"a: 'b'\\n\"\n"
      "    valid_status_codes: [200, 404]\n    headers: {X-Plain: 'yes', Authorization: topsecret}\n"
      "    fail_if_header_matches: [{header: a, regexp: '^\"x\\s'}]\n    proxy_url: http://user:topsecret@proxy:3128\n";
  const Read first = read(text);
  CHECK(first.messages.empty());
  const std::string shown = module_yaml(*first.modules->at("m"), 2);
  CHECK(shown.find("topsecret") == std::string::npos);
  const Read again = read("m:\n" + shown);
  CHECK(again.messages.empty());
  Module expected = *first.modules->at("m");
  expected.http.headers = {{"Authorization", "<secret>"}, {"X-Plain", "yes"}};
  expected.http.proxy.url = "http://<secret>@proxy:3128";
  expected.http.proxy.rules = ProxyRules::of(expected.http.proxy.url, "");
  CHECK(again.modules->at("m")->http == expected.http);
}

TEST_CASE("the sections of dns, icmp and grpc have blackbox_exporter's defaults and read back the same") {
  const Read bare =
      read("i: {prober: icmp}\ng: {prober: grpc}\nh: {prober: grpc, grpc: {service: s}}\nd: {prober: dns}\n");
  CHECK(bare.messages.empty());
  CHECK(bare.modules->at("i")->icmp == IcmpSettings{});
  CHECK(bare.modules->at("i")->icmp.ttl == 64);
  CHECK(bare.modules->at("g")->grpc.ip == IpChoice{AddressFamily::kV6, false});
  CHECK(bare.modules->at("h")->grpc.ip == IpChoice{AddressFamily::kV6, true});
  CHECK(bare.modules->at("d")->dns == DnsSettings{});
  const Read first = read(
      "d:\n  prober: dns\n  dns:\n    {query_name: example.org, query_type: NSAP-PTR, query_class: CH, "
      "recursion_desired: no,\n"
      "     transport_protocol: tcp, dns_over_tls: true, source_ip_address: '::1', valid_rcodes: [NOERROR, NXDOMAIN],\n"
      "     tls_config: {insecure_skip_verify: true}, validate_answer_rrs: {fail_if_matches_regexp: ['a b'],\n"
      "     fail_if_all_match_regexp: [x], fail_if_not_matches_regexp: [y], fail_if_none_matches_regexp: [z]},\n"
      "     validate_authority_rrs: {fail_if_matches_regexp: [q]}}\n"
      "i:\n  prober: icmp\n  icmp: {payload_size: 100, dont_fragment: true, ttl: 3, packets: 5, packet_interval: 20ms, "
      "packet_timeout: 500ms, preferred_ip_protocol: ip4}\n"
      "g:\n  prober: grpc\n  grpc: {service: a.b, tls: true, metadata: {X-Team: [one, two], k-bin: ['\\x01']}}\n"
      "e: {prober: dns, dns: {query_name: a, valid_rcodes: []}}\n");
  CHECK(first.messages.empty());
  CHECK(first.modules->at("g")->grpc.metadata ==
        std::vector<std::pair<std::string, std::string>>{{"x-team", "one"}, {"x-team", "two"}, {"k-bin", "\\x01"}});
  CHECK(first.modules->at("e")->dns.valid_rcodes == std::vector<std::string>{});
  const std::string shown = modules_yaml(*first.modules);
  const Read again = read(shown.substr(shown.find('\n') + 1));
  CHECK(again.messages.empty());
  for (const auto& [name, module] : *first.modules)
    CHECK(*again.modules->at(name) == *module);
}

TEST_CASE("confirm has defaults, is absent unless it is written, and reads back the same") {
  const Read first = read(
      "none: {prober: tcp}\nnothing: {prober: tcp, confirm: }\nbare: {prober: tcp, confirm: {}}\n"
      "all: {prober: icmp, timeout: 1s, confirm: {attempts: 10, interval: 0s, within: 5s}}\n");
  CHECK(first.messages.empty());
  CHECK_FALSE(first.modules->at("none")->confirm);
  CHECK_FALSE(first.modules->at("nothing")->confirm);
  CHECK(first.modules->at("bare")->confirm == ConfirmSettings{2, 200ms, 0s});
  CHECK(first.modules->at("all")->confirm == ConfirmSettings{10, 0s, 5s});
  const std::string shown = modules_yaml(*first.modules);
  const Read again = read(shown.substr(shown.find('\n') + 1));
  CHECK(again.messages.empty());
  for (const auto& [name, module] : *first.modules)
    CHECK(*again.modules->at(name) == *module);
}

TEST_CASE("what blackbox_exporter reads and cannot use is read with a warning") {
  const auto text = GENERATE(values<std::string>({
      "m: {prober: dns, dns: {query_name: a, valid_rcodes: [nope]}}",
      "m: {prober: dns, dns: {query_name: a, dns_over_tls: true}}",
      "m: {prober: dns, dns: {query_name: a, validate_answer_rrs: {fail_if_matches_regexp: ['(']}}}",
  }));
  CAPTURE(text);
  const Read result = read(text);
  CHECK(result.messages.find(": warning: ") != std::string::npos);
  CHECK(result.messages.find(": error: ") == std::string::npos);
  CHECK(result.modules->count("m") == 1);
}

TEST_CASE("passwords and tokens are masked") {
  const Read result = read(
      "a: {prober: http, http: {basic_auth: {username: u, password: topsecret}}}\n"
      "b: {prober: http, http: {bearer_token: topsecret}}\n"
      "c: {prober: http, http: {bearer_token_file: /run/token}}\n");
  CHECK(result.messages.empty());
  const std::string shown = modules_yaml(*result.modules);
  CHECK(shown.find("topsecret") == std::string::npos);
  CHECK(shown.find("password: <secret>") != std::string::npos);
  CHECK(shown.find("credentials_file: \"/run/token\"") != std::string::npos);
}

}  // namespace
}  // namespace heal::probe
