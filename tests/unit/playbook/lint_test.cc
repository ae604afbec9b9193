#include "common/playbook/lint.h"

#include <algorithm>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace heal::playbook {
namespace {

constexpr const char* kHealYml = R"(version: 1
engines: {local: {unix: /run/docker.sock}}
routes:
  - match: ['alertname="WebDown"']
    playbook: restart
    target: "container/local/{{ labels.container }}"
  - match: ['alertname="WebDown"', 'severity="page"']
    playbook: restart
    target: container/local/web
)";

std::string book(const std::string& name, const std::string& more) {
  return "version: 1\nplaybook: " + name + "\nmode: auto\nsteps: [{name: go, docker.restart: {}}]\n" + more;
}
constexpr const char* kVerify = "verify: {all: [{container: running}]}\nescalate: [page]\n";

Bundle bundle_of(const std::vector<std::string>& books) {
  config::Diagnostics diagnostics;
  Bundle bundle;
  auto config = parse_heal_config(kHealYml, "heal.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  bundle.config = std::move(*config);
  int number = 0;
  for (const std::string& text : books) {
    auto read = parse_playbook(text, fmt::format("book{}.yml", ++number), bundle.config.guards, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(read);
    const std::string name = read->name;
    bundle.playbooks.emplace(name, std::move(*read));
  }
  return bundle;
}

std::vector<AlertRule> rules_of(const std::string& text) {
  config::Diagnostics diagnostics;
  auto out = parse_alert_rules(text, "rules.yml", diagnostics);
  CHECK(!diagnostics.has_errors());
  return out;
}

std::vector<std::string> told(const std::vector<Finding>& found) {
  std::vector<std::string> out;
  for (const Finding& one : found)
    out.push_back(one.span.str() + ": " + one.rule + ": " + one.message);
  return out;
}

TEST_CASE("lint finds playbooks that nothing leads to, routes that are never asked, and what proves nothing") {
  CHECK(
      told(lint(bundle_of({book("restart", ""), book("lonely", kVerify)}), {})) ==
      std::vector<std::string>{
          "book1.yml:2:11: missing-verify: playbook restart changes things and has no \"verify\": that it helped is "
          "never proved",
          "book2.yml:2:11: unreached-playbook: no route, schedule or ladder leads to playbook lonely: only people can "
          "run it",
          "heal.yml:7:5: shadowed-route: this route is never asked: whatever it matches, the route at heal.yml:4:5 "
          "has taken"});
}

TEST_CASE("a rung of a ladder is reached") {
  const auto found =
      lint(bundle_of({book("restart", "verify: {all: [{container: running}]}\nescalate: [lonely, page]\n"),
                      book("lonely", kVerify)}),
           {});
  REQUIRE(found.size() == 1);
  CHECK(found[0].rule == "shadowed-route");
}

TEST_CASE("a route is not asked for labels of alerts that a route before it surely takes") {
  Bundle bundle = bundle_of({book("restart", kVerify)});
  std::swap(bundle.config.routes[0], bundle.config.routes[1]);
  bundle.config.routes[0].match.pop_back();
  const auto rules = rules_of("groups: [{name: web, rules: [{alert: WebDown, expr: sum(up) == 0}]}]");
  const auto unset = [&] {
    const auto found = lint(bundle, rules);
    return std::count_if(found.begin(), found.end(), [](const auto& one) { return one.rule == "label-not-set"; });
  };
  CHECK(unset() == 0);
  bundle.config.routes[0].next = Route::Next::kContinue;
  CHECK(unset() == 1);
}

TEST_CASE("lint compares alerting rules with routes and templates") {
  const auto rules = rules_of(R"(groups:
  - name: web
    rules:
      - record: job:up
        expr: sum(up)
      - alert: WebDown
        expr: sum by (job, container_id) (up) == 0
        labels: {load: "{{ $value }}"}
      - alert: DiskFull
        expr: disk > 1
      - alert: ForPeople  # not healed
        expr: x
      - alert: HealOwn
        expr: x
)");
  CHECK(
      told(lint(bundle_of({book("restart", kVerify)}), rules)) ==
      std::vector<std::string>{
          ("heal.yml:6:13: label-not-set: alert WebDown (rules.yml:6:16) takes this route and has no label "
           "\"container\": no target can be made of it"),
          ("heal.yml:7:5: shadowed-route: this route is never asked: whatever it matches, the route at heal.yml:4:5 "
           "has taken"),
          ("rules.yml:6:16: changing-label: label \"container_id\" of alert WebDown is another one after a restart: a "
           "heal ends the alert and begins a new one"),
          ("rules.yml:8:18: unstable-label: label \"load\" of alert WebDown has the value in it: each evaluation is "
           "another alert, with another fingerprint, and what was decided on the one before does not hold for it"),
          "rules.yml:9:16: unanswered-alert: no route takes alert DiskFull: nothing is healed by it"});
}

TEST_CASE("alerts have the external labels of their Prometheus, unless they have others of these names") {
  const auto with = [](const std::string& rule, const Labels& external) {
    auto rules = rules_of("groups: [{name: g, rules: [{alert: WebDown, " + rule + "}]}]");
    rules.at(0).add_external(external);
    return rules;
  };
  Bundle bundle = bundle_of({book("restart", kVerify)});
  bundle.config.routes.pop_back();
  bundle.config.routes[0].match = Matcher::parse_list(R"(cluster="eu")").value();
  const auto found_in = [&](const std::vector<AlertRule>& rules) {
    std::vector<std::string> out;
    for (const Finding& one : lint(bundle, rules))
      out.push_back(one.rule);
    return out;
  };
  using Names = std::vector<std::string>;
  const std::string aggregated = "expr: sum by (container) (x)";
  CHECK(found_in(with(aggregated, {})) == Names{"unanswered-alert"});
  CHECK(found_in(with(aggregated, {{"cluster", "eu"}})) == Names{});
  CHECK(found_in(with(aggregated, {{"cluster", "us"}})) == Names{"unanswered-alert"});
  CHECK(found_in(with(aggregated + ", labels: {cluster: us}", {{"cluster", "eu"}})) == Names{"unanswered-alert"});
  CHECK(found_in(with("expr: x", {{"cluster", "us"}})) == Names{});
  CHECK(found_in(with(aggregated, {{"cluster", "eu"}, {"id", "7"}})) == Names{});
}

TEST_CASE("an expression's labels are known only where an aggregation says them") {
  const auto labels = [](const std::string& expression) {
    // As a block, in which line ends and comments are part of it.
    std::string text = "groups: [{name: g, rules: [{alert: A, expr: \"";
    for (const char c : expression) {
      if (c == '"' || c == '\\') text += '\\';
      text += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return rules_of(text + "\"}]}]").at(0).series_labels;
  };
  using Names = std::vector<std::string>;
  CHECK(labels("sum by (a, b) (rate(x[5m])) > 1") == Names{"a", "b"});
  CHECK(labels("max(x{y=\")\"}) by (a)") == Names{"a"});
  CHECK(labels("count(up)") == Names{});
  CHECK(labels("sum without (a) (x)") == std::nullopt);
  CHECK(labels("up == 0") == std::nullopt);
  CHECK(labels("sum by (a) (x) * on (a) group_left(b) y") == std::nullopt);
  CHECK(labels("sum by (a) (x) or up") == std::nullopt);
  CHECK(labels("sum by (a) (x)\nor\nup") == std::nullopt);
  CHECK(labels("sum by (a) (x) or(up)") == std::nullopt);
  CHECK(labels("sum by (a) (x) > 1 OR up") == std::nullopt);
  CHECK(labels("sum by (a) (x) * on (a)\ngroup_left\ny") == std::nullopt);
  CHECK(labels("sum by (a) (x) @ 1") == std::nullopt);
  CHECK(labels("sum by (a) (x)\n# or not\n> 1") == Names{"a"});
  CHECK(labels("sum by (a) (x) > scalar(y{z=\" or \"})") == Names{"a"});
  CHECK(labels("# the sum (of all)\nSUM(x # (each\n) # of\nBY (a)") == Names{"a"});
  CHECK(labels("max(x{y=`\\`}) by (a)") == Names{"a"});
}

}  // namespace
}  // namespace heal::playbook
