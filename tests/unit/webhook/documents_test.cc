#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/model/incident.h"
#include "common/remedy/guard/guard.h"
#include "heal_test_paths.h"
#include "tests/unit/webhook/service.h"
#include "webhook/program.h"

namespace heal::webhook::test {
namespace {

namespace fs = std::filesystem;

std::string readme() {
  return config::read_text_file(HEAL_SOURCE_DIR "/webhook/README.md", 1 << 20).value();
}

/// The rows of the table in the section that begins with `heading`.
std::string section(const std::string& heading) {
  const std::string text = readme();
  const auto begin = text.find("\n## " + heading + "\n");
  REQUIRE(begin != std::string::npos);
  return text.substr(begin, text.find("\n## ", begin + 4) - begin);
}

/// `heal_…` in back quotes, without labels.
std::set<std::string> metrics_of(const std::string& text) {
  std::set<std::string> out;
  for (auto at = text.find("`heal_"); at != std::string::npos; at = text.find("`heal_", at + 1))
    out.insert(text.substr(at + 1, text.find_first_of("`{", at + 1) - at - 1));
  return out;
}

std::set<std::string> exposed(App& app) {
  std::set<std::string> out;
  const std::string page = app.metrics_text();
  for (const auto line : split(page, '\n')) {
    if (!line.starts_with("# TYPE heal_")) continue;
    const std::string name(split(line, ' ')[2]);
    if (!name.starts_with("heal_webhook_")) out.insert(name);
  }
  return out;
}

TEST_CASE("the README's table of metrics is what /metrics shows") {
  Service service;
  REQUIRE(service.start().has_value());
  std::set<std::string> documented = metrics_of(section("Metrics"));
  for (const char* part : {"heal_webhook_config_last_reload_successful", "heal_webhook_http_*"})
    documented.erase(part);
  // Not there before a group is asked about for the first time.
  for (const char* later : {"heal_population", "heal_population_unhealthy"})
    CHECK(documented.erase(later) == 1);
  CHECK(documented == exposed(*service.app));
}

TEST_CASE("the README's table of states names every state") {
  const std::string states = section("States of an incident");
  for (int i = 0; i <= static_cast<int>(IncidentState::kClosed); ++i) {
    const std::string row = "| `" + std::string(to_string(static_cast<IncidentState>(i))) + "` |";
    INFO(row);
    CHECK(states.find(row) != std::string::npos);
  }
}

TEST_CASE("the README's table of guards names every guard, in the order in which they decide") {
  const std::string guards = section("Guards");
  std::size_t last = 0;
  for (const auto& guard : remedy::all_guards()) {
    const auto at = guards.find("| `" + std::string(guard.name) + "` |");
    INFO(guard.name);
    REQUIRE(at != std::string::npos);
    CHECK(at > last);
    last = at;
  }
}

/// The example with empty places for the secrets filled.
fs::path example(const heal::test::TempFolder& folder) {
  const fs::path copy = fs::path(folder.path()) / "example";
  fs::copy(HEAL_SOURCE_DIR "/webhook/example", copy, fs::copy_options::recursive);
  fs::create_directories(copy / "secrets" / "far");
  for (const char* name : {"alertmanager", "ca.pem", "mail", "chat_url", "far/ca.pem", "far/cert.pem", "far/key.pem"})
    std::ofstream(copy / "secrets" / name) << "https://chat.example.net/x\n";
  return copy;
}

int check(const std::vector<std::string>& flags) {
  std::vector<const char*> argv{"heal-webhook", "--config.check"};
  for (const auto& flag : flags)
    argv.push_back(flag.c_str());
  return run_program(static_cast<int>(argv.size()), argv.data());
}

TEST_CASE("the example passes --config.check once its secrets are there") {
  const heal::test::TempFolder folder;
  const std::string file = "--config.file=" + (example(folder) / "heal.yml").string();
  CHECK(check({file}) == 0);
  fs::remove(fs::path(folder.path()) / "example" / "secrets" / "far" / "key.pem");
  CHECK(check({file}) == 1);
}

TEST_CASE("--config.check reads web.config.yml, and the certificates that it names") {
  const heal::test::TempFolder folder;
  const std::string file = "--config.file=" + (example(folder) / "heal.yml").string();
  const std::string web = (fs::path(folder.path()) / "web.yml").string();
  const auto with = [&](std::string_view text) {
    std::ofstream(web) << text;
    return check({file, "--web.config.file=" + web});
  };
  const std::string users = "basic_auth_users: {ada: $2b$04$Z0jN4mPTDgPQo1mvJSRrC.f2tXxQb0gFyjOC1yPuGOdu3z2wHTB7e}\n";
  CHECK(with(users) == 0);
  CHECK(with("basic_auth_user: {}\n") == 1);
  CHECK(with("{}\n") == 1);  // heal.yml gives roles to users that nobody asks for
  CHECK(with(users + "tls_server_config: {cert_file: none.pem, key_file: none.key}\n") == 1);
  CHECK(check({file, "--web.config.file=" + web + ".none"}) == 1);
}

}  // namespace
}  // namespace heal::webhook::test
