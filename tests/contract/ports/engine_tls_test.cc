// An engine's API on TCP with certificates both ways, as dockerd --tlsverify asks for them, served by our own HTTP
// server. No second dockerd is started: with --bridge=none it would delete docker0 under the engine of this machine.
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/httpd/server.h"
#include "common/system/docker_engine.h"
#include "common/system/system_clock.h"
#include "tests/support/encrypted_key.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal {
namespace {

using test::TempFolder;
using test::TestAuthority;

Deadline soon() {
  return SystemClock().deadline_in(20s);
}

/// Two authorities that know nothing of each other.
struct Certificates {
  TempFolder ours_folder, other_folder;
  TestAuthority ours{ours_folder.path()}, other{other_folder.path(), "another authority"};
  std::string server = ours.issue("server", {});
  std::string client = ours.issue("client", {"client", "DNS:client", 3600});
  std::string stale = ours.issue("stale", {"client", "DNS:client", -60});
  std::string stranger = other.issue("stranger", {"client", "DNS:client", 3600});
};

DockerEndpoint endpoint(std::uint16_t port, const std::string& ca, const std::string& client) {
  DockerEndpoint out;
  out.url = "https://127.0.0.1:" + std::to_string(port);
  out.ca_file = ca;
  if (!client.empty()) {
    out.cert_file = client + ".pem";
    out.key_file = client + ".key";
  }
  return out;
}

/// What a client needs of an engine without containers, behind TLS that wants a certificate of our authority.
class TlsDocker {
 public:
  TlsDocker(const Certificates& certificates, const std::string& server) {
    const auto web = (folder_.path() / "web.yml").string();
    std::ofstream(web) << fmt::format(
        "tls_server_config: {{cert_file: {0}.pem, key_file: {0}.key, client_auth_type: RequireAndVerifyClientCert, "
        "client_ca_file: {1}}}\n",
        server, certificates.ours.ca_file());
    httpd::ServerOptions options;
    options.listen = {"127.0.0.1:0"};
    options.web_config_file = web;
    auto made = httpd::HttpServer::create(std::move(options), Logger::none(), metrics_);
    INFO((made ? "" : made.error().str()));
    REQUIRE(made);
    server_ = std::move(*made);
    server_->get("/*", answer);
    REQUIRE(server_->start());
    port = server_->port();
  }

  std::uint16_t port = 0;

 private:
  static httpd::HttpResponse answer(const httpd::HttpRequest& request) {
    auto response = httpd::HttpResponse::json(404, R"({"message":"No such container"})");
    if (request.path == "/_ping") response = httpd::HttpResponse::text(200, "OK");
    if (request.path == "/v1.41/version")
      response = httpd::HttpResponse::json(200, R"({"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"})");
    if (request.path == "/v1.41/containers/json") response = httpd::HttpResponse::json(200, "[]");
    response.headers.emplace_back("Api-Version", "1.41");
    return response;
  }

  TempFolder folder_;
  Metrics metrics_{"heal_test"};
  std::unique_ptr<httpd::HttpServer> server_;
};

std::string problem(const DockerEndpoint& endpoint) {
  DockerEngine engine(endpoint);
  const auto version = engine.version(soon(), {});
  return version ? "none" : version.error().str();
}

TEST_CASE("an engine on TCP is commanded with certificates of its authority, and with no others") {
  const Certificates certificates;
  const std::string ca = certificates.ours.ca_file();
  const TlsDocker docker(certificates, certificates.server);
  const auto good = endpoint(docker.port, ca, certificates.client);
  DockerEngine engine(good);
  const auto version = engine.version(soon(), {});
  INFO((version ? "" : version.error().str()));
  REQUIRE(version);
  CHECK(engine.list(soon(), {}) == std::vector<ContainerInfo>());
  CHECK(engine.inspect("nobody", soon(), {}).error().code() == ErrorCode::kNotFound);

  const std::string name = "engine " + good.url + ": GET /_ping: ";
  const std::string refused = name + "the server does not accept our client certificate, or wants one";
  CHECK(problem(endpoint(docker.port, ca, "")) == refused);
  CHECK(problem(endpoint(docker.port, ca, certificates.stranger)) == refused);
  CHECK(problem(endpoint(docker.port, ca, certificates.stale)) == refused);
  CHECK(problem(endpoint(docker.port, certificates.other.ca_file(), certificates.client)) ==
        name + "the server's certificate is not trusted");
  // Not by the system's authorities either.
  CHECK(problem(endpoint(docker.port, "", certificates.client)) == name + "the server's certificate is not trusted");
  auto no_key = good;
  no_key.key_file = "/nonexistent.key";
  CHECK(problem(no_key) == name + "our client certificate or its key cannot be used");
  auto plain = good;
  plain.url = "http://127.0.0.1:" + std::to_string(docker.port);
  CHECK(problem(plain) != "none");
  CHECK(problem(good) == "none");
}

TEST_CASE("nobody is asked for the password of an engine's encrypted key") {
  const Certificates certificates;
  const TlsDocker docker(certificates, certificates.server);
  auto encrypted = endpoint(docker.port, certificates.ours.ca_file(), certificates.client);
  encrypted.key_file = test::encrypted_copy(encrypted.key_file);
  const test::PasswordTerminal terminal;
  CHECK(problem(encrypted) ==
        "engine " + encrypted.url + ": GET /_ping: our client certificate or its key cannot be used");
  CHECK(terminal.times_asked() == 0);
}

TEST_CASE("an engine whose certificate has expired, or names another host, is not spoken to") {
  Certificates certificates;
  const std::string ca = certificates.ours.ca_file();
  const auto talk = test::tls_http(test::http_answer("200 OK", "Api-Version: 1.41\r\n", "OK"));
  const test::TlsTestServer expired(certificates.ours.issue("old", {"localhost", "IP:127.0.0.1", -60}), talk);
  CHECK(problem(endpoint(expired.server().port(), ca, certificates.client))
            .ends_with("GET /_ping: the server's certificate has expired"));
  const test::TlsTestServer other(certificates.ours.issue("else", {"else", "DNS:else.example", 3600}), talk);
  CHECK(problem(endpoint(other.server().port(), ca, certificates.client))
            .ends_with("GET /_ping: the server's certificate is not trusted"));
}

}  // namespace
}  // namespace heal
