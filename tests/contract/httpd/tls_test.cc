// TLS against real clients: curl and openssl s_client, with certificates made here.
#include <catch2/catch.hpp>

#include "tests/contract/httpd/shell.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::httpd {
namespace {

using heal::test::Ran;
using heal::test::run;
using heal::test::TempFolder;
using test::TestServer;

// A CA, a server certificate for localhost, a client certificate for "prometheus", and one of another CA.
class Certificates {
 public:
  Certificates() {
    make_ca("ca");
    make_ca("other");
    make("server", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1");
    make("client", "ca", "subjectAltName=DNS:prometheus");
    make("stranger", "other", "subjectAltName=DNS:prometheus");
  }
  std::string path(const std::string& name) const { return folder_.file(name); }
  std::string web_config(const std::string& more) const {
    return folder_.write("web.yml", "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n" + more);
  }
  void make(const std::string& name, const std::string& ca, const std::string& extension) const {
    must("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout " +
         path(name + ".key") + " -out " + path(name + ".csr"));
    folder_.write(name + ".ext", extension + "\n");
    must("openssl x509 -req -days 2 -in " + path(name + ".csr") + " -CA " + path(ca + ".crt") + " -CAkey " +
         path(ca + ".key") + " -CAcreateserial -extfile " + path(name + ".ext") + " -out " + path(name + ".crt.new"));
    std::filesystem::rename(path(name + ".crt.new"), path(name + ".crt"));
  }

 private:
  static void must(const std::string& command) {
    const auto ran = run(command);
    INFO(ran.output);
    REQUIRE(ran.code == 0);
  }
  void make_ca(const std::string& name) const {
    must("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + name +
         " -keyout " + path(name + ".key") + " -out " + path(name + ".crt"));
  }

  TempFolder folder_;
};

class TlsServer {
 public:
  explicit TlsServer(const Certificates& certificates, const std::string& more, Limits limits = {})
      : certificates_(certificates), test(options(certificates.web_config(more), limits)) {
    test.server->get("/", [](const HttpRequest& request) {
      return HttpResponse::text(200, request.is_tls ? "over TLS" : "in the clear");
    });
    test.server->post("/size", [](const HttpRequest& request) {
      return HttpResponse::text(200, std::to_string(request.body.size()));
    });
    test.server->get("/big", [](const HttpRequest&) { return HttpResponse::text(200, std::string(3 << 20, 'a')); });
    port = test.start();
  }

  Ran curl(const std::string& arguments, const std::string& path = "/") const {
    return run("curl -sS --max-time 20 --cacert " + certificates_.path("ca.crt") + " " + arguments +
               " https://localhost:" + std::to_string(port) + path);
  }
  std::string client_certificate(const std::string& name) const {
    return "--cert " + certificates_.path(name + ".crt") + " --key " + certificates_.path(name + ".key");
  }

 private:
  static ServerOptions options(const std::string& file, Limits limits) {
    ServerOptions options;
    options.web_config_file = file;
    options.limits = limits;
    return options;
  }
  const Certificates& certificates_;

 public:
  TestServer test;
  std::uint16_t port = 0;
};

TEST_CASE("curl speaks TLS 1.2 and 1.3, keeps the connection, sends and gets much") {
  const Certificates certificates;
  const TlsServer server(certificates, "");
  REQUIRE(server.curl("").output == "over TLS");
  REQUIRE(server.curl("--tls-max 1.2").output == "over TLS");
  const auto url = " https://localhost:" + std::to_string(server.port) + "/";
  REQUIRE(server.curl("-w '%{num_connects};'" + url).output == "over TLS1;over TLS0;");
  const auto data = certificates.path("data");
  run("head -c 900000 /dev/zero > " + data);
  REQUIRE(server.curl("--data-binary @" + data, "/size").output == "900000");
  REQUIRE(server.curl("", "/big").output == std::string(3 << 20, 'a'));
}

TEST_CASE("versions below min_version are refused") {
  const Certificates certificates;
  const TlsServer server(certificates, "  min_version: TLS13\n");
  REQUIRE(server.curl("").output == "over TLS");
  REQUIRE(server.curl("--tls-max 1.2").code == 35);
}

TEST_CASE("only clients with a certificate of our CA and an allowed name get in") {
  const Certificates certificates;
  const TlsServer server(certificates,
                         "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
                         "  client_allowed_sans: [prometheus]\n");
  REQUIRE(server.curl(server.client_certificate("client")).output == "over TLS");
  REQUIRE(server.curl("").code != 0);
  REQUIRE(server.curl(server.client_certificate("stranger")).code != 0);
  REQUIRE(server.curl(server.client_certificate("server")).code != 0);
}

TEST_CASE("a new certificate is used without a restart, a broken one is not") {
  const Certificates certificates;
  TlsServer server(certificates, "");
  const auto subject = [&] {
    return run("openssl s_client -connect 127.0.0.1:" + std::to_string(server.port) +
               " </dev/null 2>/dev/null | openssl x509 -noout -serial")
        .output;
  };
  const auto first = subject();
  REQUIRE(first.starts_with("serial="));
  REQUIRE(subject() == first);
  std::filesystem::rename(certificates.path("server.crt"), certificates.path("kept.crt"));
  run("echo broken > " + certificates.path("server.crt"));
  REQUIRE(subject() == first);
  REQUIRE(server.test.log().find("web configuration not reloaded") != std::string::npos);
  certificates.make("server", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1");
  const auto second = subject();
  REQUIRE(second.starts_with("serial="));
  REQUIRE(second != first);
  REQUIRE(server.curl("").output == "over TLS");
}

TEST_CASE("a client that never finishes its handshake, or speaks no TLS, is closed") {
  const Certificates certificates;
  Limits limits;
  limits.head_timeout = 2s;
  TlsServer server(certificates, "", limits);
  test::RawClient silent(server.port), plain(server.port);
  plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = plain.read_to_end();
  REQUIRE(answer.find("HTTP") == std::string::npos);
  REQUIRE(silent.read_to_end().empty());
  REQUIRE(server.test.metric("heal_http_rejected_total{reason=\"tls\"}") == "1");
  REQUIRE(server.curl("").output == "over TLS");
}

TEST_CASE("what cannot be used is an error that names the file") {
  const Certificates certificates;
  Metrics metrics("heal_test");
  const auto problem = [&](const std::string& more) {
    ServerOptions options;
    options.listen = {"127.0.0.1:0"};
    options.web_config_file = certificates.web_config(more);
    const auto made = HttpServer::create(options, Logger::none(), metrics);
    return made.has_value() ? "" : made.error().str();
  };
  REQUIRE(problem("").empty());
  REQUIRE(problem("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: none.crt\n").find("none.crt") !=
          std::string::npos);
  std::filesystem::copy_file(certificates.path("client.key"), certificates.path("server.key"),
                             std::filesystem::copy_options::overwrite_existing);
  REQUIRE(problem("").find("server.key: does not belong to the certificate: key values mismatch") != std::string::npos);
}

}  // namespace
}  // namespace heal::httpd
