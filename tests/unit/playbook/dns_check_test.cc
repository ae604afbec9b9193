#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "common/playbook/plan.h"

namespace heal::playbook {
namespace {

const std::string kAllowed = "version: 1\nallow: {hosts: ['10.0.0.53:53', ns.internal]}\n";

HealConfig dns_config(const std::string& text = kAllowed) {
  config::Diagnostics diagnostics;
  auto out = parse_heal_config(text, "heal.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(out);
  return std::move(*out);
}

std::optional<Playbook> read_dns(const std::string& check, config::Diagnostics& diagnostics) {
  return parse_playbook(
      "version: 1\nplaybook: p\nmode: auto\nsteps: [{name: s, docker.start: {}}]\nverify:\n  all:\n    - " + check +
          "\n",
      "p.yml", GuardSettings(), diagnostics);
}

/// The errors about `check`, each with its place and without the line that it quotes.
std::string dns_problems(const std::string& check) {
  config::Diagnostics diagnostics;
  (void)read_dns(check, diagnostics);
  const std::string rendered = diagnostics.render();
  std::string out;
  for (const auto line : split(rendered, '\n')) {
    if (line.find(": error: ") != std::string_view::npos) out.append(line).append("\n");
  }
  return out;
}

Result<Plan> dns_plan(const std::string& check, const Labels& labels = {}) {
  config::Diagnostics diagnostics;
  const auto playbook = read_dns(check, diagnostics);
  INFO(diagnostics.render());
  REQUIRE(playbook);
  PlanInput input;
  input.labels = labels;
  input.target.id = {"container", "local", "web"};
  return make_plan(dns_config(), *playbook, input);
}

std::string asked(const std::string& check, const Labels& labels = {}) {
  const auto plan = dns_plan(check, labels);
  return plan.has_value() ? plan->verify->checks[0].str() : plan.error().str();
}

TEST_CASE("a dns check asks for an A record at the machine's name servers unless told otherwise") {
  const auto plan = dns_plan("{check: dns, name: api.example.net}");
  Check expected;
  expected.kind = Check::Kind::kDns;
  expected.address = "api.example.net";
  expected.record_type = "A";
  CHECK(plan->verify->checks[0] == expected);
  CHECK(plan->verify->checks[0].str() == "dns A of api.example.net");
  CHECK(asked("{check: dns, name: _sip._tcp.example.net., type: SRV, server: '[::1]:5353', answer: '.* sip\\..*'}") ==
        "dns SRV of _sip._tcp.example.net. at [::1]:5353 is like \".* sip\\..*\"");
}

TEST_CASE("what is wrong in a dns check is said at its place") {
  CHECK(dns_problems("{check: dns}") == "p.yml:7:7: error: a check needs \"name\"\n");
  CHECK(dns_problems("{check: dns, name: a..b}") == "p.yml:7:26: error: \"name\" must be a DNS name, not \"a..b\"\n");
  CHECK(dns_problems("{check: dns, name: a b}") == "p.yml:7:26: error: \"name\" must be a DNS name, not \"a b\"\n");
  CHECK(dns_problems("{check: dns, name: -a.b}") == "p.yml:7:26: error: \"name\" must be a DNS name, not \"-a.b\"\n");
  CHECK(dns_problems("{check: dns, name: a, type: SOA}") ==
        "p.yml:7:35: error: \"type\" must be one of A, AAAA, CNAME, MX, NS, PTR, SRV, TXT, not \"SOA\"\n");
  CHECK(dns_problems("{check: dns, name: a, server: 10.0.0.53}") ==
        "p.yml:7:37: error: \"10.0.0.53\" is not host:port or [v6]:port\n");
  CHECK(dns_problems("{check: dns, name: a, answer: '('}").starts_with("p.yml:7:37: error: "));
  CHECK(dns_problems("{check: dns, name: a, address: b}") == "p.yml:7:29: error: unknown key \"address\" in a check\n");
  CHECK(dns_problems("{check: dns, name: a, is: failing}") ==
        "p.yml:7:33: error: \"is: failing\" proves no recovery\n");
  CHECK(dns_problems("{check: dns, name: '{{ labels.x }}.{{ lbels.y }}'}") ==
        "p.yml:7:45: error: lbels.y cannot be used here\n");
}

TEST_CASE("everything that a dns check asks is part of the plan's hash") {
  const std::string whole = "{check: dns, name: a.net, type: AAAA, server: '10.0.0.53:53', answer: '2001:.*'}";
  const auto plan = dns_plan(whole).value();
  CHECK(plan.canonical.find(
            R"({"address":"a.net","answer":"2001:.*","check":"dns","server":"10.0.0.53:53","type":"AAAA"})") !=
        std::string::npos);
  CHECK(dns_plan(whole)->hash == plan.hash);
  const std::string other = GENERATE("{check: dns, name: b.net, type: AAAA, server: '10.0.0.53:53', answer: '2001:.*'}",
                                     "{check: dns, name: a.net, server: '10.0.0.53:53', answer: '2001:.*'}",
                                     "{check: dns, name: a.net, type: AAAA, answer: '2001:.*'}",
                                     "{check: dns, name: a.net, type: AAAA, server: '10.0.0.53:53'}");
  CAPTURE(other);
  CHECK(dns_plan(other)->hash != plan.hash);
}

TEST_CASE("a label may name what is asked, but only a server under allow.hosts") {
  const std::string at = "{check: dns, name: '{{ labels.name }}', server: '{{ labels.server }}'}";
  CHECK(asked(at, {{"name", "api.example.net"}, {"server", "10.0.0.53:53"}}) ==
        "dns A of api.example.net at 10.0.0.53:53");
  CHECK(asked(at, {{"name", "api.example.net"}, {"server", "ns.internal:5353"}}) ==
        "dns A of api.example.net at ns.internal:5353");
  CHECK(asked(at, {{"name", "api.example.net"}, {"server", "10.0.0.53:54"}}) ==
        "playbook p: verify, check 1: 10.0.0.53:54 is not under allow.hosts in heal.yml");
  CHECK(asked(at, {{"name", "api.example.net"}, {"server", "10.0.0.53"}}) ==
        "playbook p: verify, check 1: \"10.0.0.53\" is not host:port or [v6]:port");
  CHECK(asked("{check: dns, name: '{{ labels.name }}', server: '192.0.2.1:53'}", {{"name", "api.example.net"}}) ==
        "dns A of api.example.net at 192.0.2.1:53");
}

TEST_CASE("a hostile value is (a part of) one DNS name, or refused") {
  const std::string check = "{check: dns, name: '{{ labels.v }}.example.net'}";
  const std::string value =
      GENERATE("", "a b", "a\"", "a\\.b", "a/..", "@ns.evil.example", "a..", ".", "-", "a\nb", "{{ labels.other }}",
               "$(touch x)", "*", "xn--\xC3\xA9", "123456789012345678901234567890123456789012345678901234567890abcd");
  CAPTURE(value);
  CHECK_FALSE(dns_plan(check, {{"v", value}, {"other", "shown"}}).has_value());
  CHECK(asked(check, {{"v", "evil.example"}}) == "dns A of evil.example.example.net");
}

TEST_CASE("a schedule may ask name servers, and what is printed of it means the same") {
  const std::string schedule =
      "schedules:\n  - {name: names, every: 30s, playbook: p, target: service/x, check: {check: dns, name: "
      "'{{ target.name }}.net', type: TXT, server: '10.0.0.53:53', answer: '\"a\\\\b\".*'}}\n";
  const auto once = dns_config(kAllowed + schedule);
  const auto again = dns_config(print_config(once));
  REQUIRE(again.schedules.size() == 1);
  CheckSpec expected = once.schedules[0].check;
  expected.span = again.schedules[0].check.span;
  CHECK(again.schedules[0].check == expected);
  InventoryTarget target;
  target.id = {"service", "", "x"};
  CHECK(plan_schedule_check(once, once.schedules[0], target)->str() ==
        "dns TXT of x.net at 10.0.0.53:53 is like \"\"a\\\\b\".*\"");
}

}  // namespace
}  // namespace heal::playbook
