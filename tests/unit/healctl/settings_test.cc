#include "healctl/settings.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

namespace heal::ctl {
namespace {

using test::TempFolder;

Environment environment_of(const TempFolder& home) {
  return {{"HOME", home.path().string()}};
}

constexpr const char* kConfig = ".config/healctl/config.yml";

TEST_CASE("without anything the defaults hold") {
  const auto settings = load_settings({}, {});
  REQUIRE(settings);
  CHECK(settings->server == "http://localhost:9095");
  CHECK_FALSE(settings->username);
  CHECK(settings->config_file.empty());
  CHECK(settings->output == OutputFormat::kTable);
}

TEST_CASE("a flag wins over the environment, which wins over the file") {
  const TempFolder home;
  home.write(kConfig, "server: https://file:1/\nalertmanager: http://am:9093\n");
  auto environment = environment_of(home);
  GlobalOptions options;
  CHECK(load_settings(options, environment)->server == "https://file:1");
  CHECK(load_settings(options, environment)->alertmanager == "http://am:9093");
  environment["HEALCTL_SERVER"] = "http://environment:2";
  CHECK(load_settings(options, environment)->server == "http://environment:2");
  options.server = "http://flag:3//";
  CHECK(load_settings(options, environment)->server == "http://flag:3");
}

TEST_CASE("the password comes from a file beside the configuration") {
  const TempFolder home;
  home.write(kConfig, "username: ada\npassword_file: password\nca_file: /etc/ca.pem\n");
  home.write(".config/healctl/password", "correct horse\n");
  const auto settings = load_settings({}, environment_of(home));
  REQUIRE(settings);
  CHECK(settings->username == "ada");
  CHECK(settings->password == "correct horse");
  CHECK(settings->ca_file == "/etc/ca.pem");
}

TEST_CASE("a password written down for one server is not sent to another") {
  const TempFolder home;
  home.write(kConfig, "server: https://heal.example\nusername: ada\npassword_file: password\n");
  home.write(".config/healctl/password", "secret\n");
  GlobalOptions options;
  options.server = "http://elsewhere:9095";
  const auto settings = load_settings(options, environment_of(home));
  REQUIRE(settings);
  CHECK_FALSE(settings->username);
  CHECK(settings->password.empty());
  CHECK(settings->remarks == std::vector<std::string>{"the credentials in " + home.file(kConfig) +
                                                      " are for https://heal.example and were not sent to "
                                                      "http://elsewhere:9095"});
}

TEST_CASE("every mistake of the file is shown at its place") {
  const TempFolder home;
  home.write(kConfig, "sever: http://x\npassword_file: 1\nalertmanager: am:9093\n");
  const auto settings = load_settings({}, environment_of(home));
  REQUIRE_FALSE(settings);
  const auto file = home.file(kConfig);
  CHECK(
      settings.error().str() ==
      "healctl's configuration is not valid:\n" + file +
          ":1:1: error: unknown key \"sever\" in healctl's configuration\n    sever: http://x\n    ^\n"
          "hint: did you mean \"server\"?\n" +
          file +
          ":3:15: error: \"alertmanager\" is not a URL that can be used: it must begin with http:// or https:// and a "
          "host\n    alertmanager: am:9093\n                  ^");
}

TEST_CASE("a file that was named must be there, the default one need not") {
  const TempFolder home;
  GlobalOptions options;
  options.config_file = home.file("none.yml");
  const auto settings = load_settings(options, environment_of(home));
  REQUIRE_FALSE(settings);
  CHECK(settings.error().code() == ErrorCode::kNotFound);
  CHECK(load_settings({}, environment_of(home)));
}

TEST_CASE("what cannot be a server is refused with where it came from") {
  CHECK(load_settings({}, {{"HEALCTL_SERVER", "localhost:9095"}}).error().str() ==
        "HEALCTL_SERVER: it must begin with http:// or https:// and a host");
  GlobalOptions options;
  options.server = "http://ada:secret@heal";
  CHECK(load_settings(options, {}).error().str() == "--server: it must not hold a user or password");
  options.server = GENERATE("http://heal/?x=1", "http://heal/#x", "http://heal?");
  CHECK(load_settings(options, {}).error().str() == "--server: it must not hold a query or a fragment");
}

TEST_CASE("a user name and a password file go together") {
  GlobalOptions options;
  options.username = "ada";
  CHECK(load_settings(options, {}).error().str() ==
        "a user name and a password file go together: the password file is missing");
}

}  // namespace
}  // namespace heal::ctl
