// Keys that blackbox_exporter has since 0.23, on real sockets.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "common/probe/http_request.h"
#include "tests/contract/probe/probe_bench.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

/// A file as a text in double quotes.
std::string quoted_file(const std::string& path) {
  std::ifstream in(path);
  std::string out = "\"";
  for (std::istreambuf_iterator<char> at(in), end; at != end; ++at)
    out += *at == '\n' ? std::string("\\n") : std::string(1, *at);
  return out + '"';
}

/// Servers that want a certificate of `authority` and have one.
struct MutualTls {
  explicit MutualTls(const TestAuthority& authority, const std::string& base)
      : web(base, tls_http(http_answer("200 OK", "", "ok"))), lines(base, [](SSL* ssl) {
          SSL_write(ssl, "hello\n", 6);
          SSL_shutdown(ssl);
        }) {
    for (TlsTestServer* server : {&web, &lines}) {
      SSL_CTX_load_verify_locations(server->context(), authority.ca_file().c_str(), nullptr);
      SSL_CTX_set_verify(server->context(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
  }
  TlsTestServer web, lines;
};

TEST_CASE("certificates may stand in the file, and are used as those in files of their own are") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("both", {});
  MutualTls servers(authority, base);
  const std::string ca = "ca: " + quoted_file(authority.ca_file());
  const std::string cert = "cert: " + quoted_file(base + ".pem"), key = "key: " + quoted_file(base + ".key");
  ProbeBench bench;
  const auto verdicts = [&](const std::string& tls) {
    const std::string config = "tls_config: {" + tls + "}";
    return verdict(bench.run("{prober: http, http: {" + config + "}}", servers.web.url())) + " " +
           verdict(bench.run("{prober: tcp, tcp: {tls: true, query_response: [{expect: hello}], " + config + "}}",
                             servers.lines.server().address()));
  };
  CHECK(verdicts(ca + ", " + cert + ", " + key) == "ok ok");
  CHECK(verdicts(ca + ", " + cert + ", key_file: " + base + ".key") == "ok ok");
  CHECK(verdicts(ca + ", cert_file: " + base + ".pem, " + key) == "ok ok");
  CHECK(verdicts(cert + ", " + key) == "tls/certificate tls/certificate");
  CHECK(verdicts("ca: nothing, " + cert + ", " + key) == "tls/tls_config tls/tls_config");
  CHECK(verdicts("ca: " + quoted_file(authority.ca_file()) + ", cert: x, " + key) == "tls/tls_config tls/tls_config");
  CHECK(verdicts(ca + ", " + cert + ", key: x") == "tls/tls_config tls/tls_config");
}

TEST_CASE("what is wrong with a certificate in the file is said without showing it") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("one", {}), other = authority.issue("other", {});
  const std::string ca = quoted_file(authority.ca_file());
  ProbeBench bench;
  const auto prepared = [&](const std::string& tls) {
    const auto module = ProbeBench::module("{prober: tcp, tcp: {tls_config: {" + tls + "}}}");
    const Status status = bench.engine().prepare(*module);
    return status.has_value() ? "" : status.error().message();
  };
  CHECK(prepared("ca: " + ca).empty());
  CHECK(prepared("ca: x") == "ca written in tls_config: no start line");
  CHECK(prepared("ca: " + ca.substr(0, ca.size() - 40) + "\"").starts_with("ca written in tls_config: "));
  CHECK(prepared("cert: " + quoted_file(base + ".pem") + ", key: " + quoted_file(other + ".key")) ==
        "key written in tls_config: key values mismatch");
}

TEST_CASE("a unix socket is probed by its path, in clear and over TLS") {
  const TempFolder folder;
  const std::string path = folder.file("app.sock");
  LoopbackServer file(path, [](int fd) { send_all(fd, "hello 7\n"), read_to_end(fd); });
  const std::string abstract = "@heal-test-" + std::to_string(::getpid());
  LoopbackServer nameless(abstract, [](int fd) { send_all(fd, "hello 8\n"), read_to_end(fd); });
  ProbeBench bench;
  const std::string module =
      "{prober: unix, unix: {query_response: [{expect: '^hello ([0-9])$', labels: [{name: n, value: $1}]}]}}";
  const ProbeResult result = bench.run(module, path);
  CHECK(verdict(result) == "ok");
  CHECK(value_of(result, "probe_expect_info", {{"n", "7"}}) == 1);
  CHECK(value_of(bench.run(module, abstract), "probe_expect_info", {{"n", "8"}}) == 1);
  CHECK(verdict(bench.run("{prober: unix}", folder.file("none"))) == "connect/not_found");
  CHECK(verdict(bench.run("{prober: unix}", folder.write("file", ""))) == "connect/refused");
  CHECK(verdict(bench.run("{prober: unix}", std::string(200, 'x'))) == "connect/other");

  TestAuthority authority(folder.path());
  const std::shared_ptr<SSL_CTX> context(TlsTestServer::make_context(authority.issue("good", {})), SSL_CTX_free);
  LoopbackServer secure(folder.file("tls.sock"), [&](int fd) {
    SSL* ssl = SSL_new(context.get());
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) SSL_write(ssl, "hello\n", 6), SSL_shutdown(ssl);
    SSL_free(ssl);
  });
  const auto over_tls = [&](const std::string& keys) {
    const std::string tls = "tls_config: {ca_file: " + authority.ca_file() + ", " + keys + "}";
    return verdict(bench.run("{prober: unix, unix: {tls: true, query_response: [{expect: hello}], " + tls + "}}",
                             folder.file("tls.sock")));
  };
  CHECK(over_tls("server_name: localhost") == "ok");
  CHECK(over_tls("server_name: other.example") == "tls/certificate");
  CHECK(over_tls("insecure_skip_verify: true") == "ok");
}

TEST_CASE("the hostname parameter is the name that a tcp probe's TLS verifies") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  CertificateSpec spec;
  spec.alternative_names = "DNS:site.example";
  TlsTestServer server(authority.issue("site", spec), [](SSL* ssl) { SSL_shutdown(ssl); });
  ProbeBench bench;
  const std::string begin = "{prober: tcp, tcp: {tls: true, tls_config: {ca_file: " + authority.ca_file();
  probe::ProbeRequest request{ProbeBench::module(begin + "}}}"), server.server().address(), ""};
  CHECK(verdict(bench.run(request)) == "tls/certificate");
  request.hostname = "site.example";
  CHECK(verdict(bench.run(request)) == "ok");
  request.module = ProbeBench::module(begin + ", server_name: other.example}}}");
  CHECK(verdict(bench.run(request)) == "tls/certificate");
}

TEST_CASE("a name that OpenSSL would not verify, or takes for all names below it, fails the probe") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  CertificateSpec spec;
  spec.alternative_names = "DNS:www.site.example,DNS:localhost";
  TlsTestServer server(authority.issue("site", spec), tls_http(http_answer("200 OK", "", "")));
  ProbeBench bench;
  const std::string begin = ": true, tls_config: {ca_file: " + authority.ca_file();
  const auto tcp = ProbeBench::module("{prober: tcp, tcp: {tls" + begin + "}}}");
  const auto http = ProbeBench::module("{prober: http, http: {fail_if_not_ssl" + begin + "}}}");
  const std::string target = "https://localhost:" + std::to_string(server.server().port());
  const std::string zero(1, '\0'), site = "www.site.example";
  for (const std::string& name : {"evil" + zero + "x", zero, site + zero, "." + site, std::string("."), site + "\n"}) {
    CAPTURE(name);
    CHECK(verdict(bench.run({tcp, server.server().address(), name})) == "tls/tls_config");
    CHECK(verdict(bench.run({http, target, name})) == "target/invalid_target");
  }
  const auto named = [&](const std::string& keys) {
    return verdict(bench.run("{prober: http, http: {fail_if_not_ssl" + begin + keys, target));
  };
  CHECK(named(", server_name: www.site.example}}}") == "ok");
  CHECK(named(", server_name: .site.example}}}") == "tls/tls_config");
  CHECK(named("}, headers: {Host: .site.example}}}") == "tls/tls_config");
  CHECK(named(", insecure_skip_verify: true, server_name: .site.example}}}") == "ok");
}

TEST_CASE("the environment's proxy is asked for what NO_PROXY does not name, with the headers for it") {
  std::string asked;
  LoopbackServer proxy(http_handler([&](const std::string& head) {
    asked = head;
    return http_answer("200 OK", "", "by proxy");
  }));
  LoopbackServer web(http_handler([](const std::string&) { return http_answer("200 OK", "", "directly"); }));
  ::setenv("HTTP_PROXY", proxy.address().c_str(), 1);
  ::setenv("NO_PROXY", "192.0.2.8", 1);
  const auto module = ProbeBench::module("{prober: http, http: {proxy_from_environment: true}}");
  ::unsetenv("HTTP_PROXY");
  ::unsetenv("NO_PROXY");
  ProbeBench bench;
  CHECK(verdict(bench.run({module, "http://192.0.2.9/x", ""})) == "ok");
  CHECK(asked.starts_with("GET http://192.0.2.9/x HTTP/1.1\r\n"));
  asked.clear();
  CHECK(verdict(bench.run({module, web.url(), ""})) == "ok");
  CHECK(asked.empty());
}

TEST_CASE("what proxy_connect_header says is told to the proxy and not to the target") {
  std::vector<std::string> heads;
  LoopbackServer proxy([&](int fd) {
    heads.push_back(read_head(fd));
    send_all(fd,
             heads.back().starts_with("CONNECT") ? "HTTP/1.1 502 Bad Gateway\r\n\r\n" : http_answer("200 OK", "", ""));
    ::shutdown(fd, SHUT_WR);
    read_to_end(fd);
  });
  const std::string module =
      "{prober: http, http: {proxy_url: 'http://" + proxy.address() + "', proxy_connect_header: {X-Proxy: [a, b]}}}";
  ProbeBench bench;
  CHECK(verdict(bench.run(module, "http://192.0.2.9/")) == "ok");
  CHECK(verdict(bench.run(module, "https://192.0.2.9/")) == "connect/proxy");
  REQUIRE(heads.size() == 2);
  CHECK(heads[0].find("X-Proxy") == std::string::npos);
  CHECK(heads[1].starts_with("CONNECT 192.0.2.9:443 HTTP/1.1\r\n"));
  CHECK(heads[1].find("X-Proxy: a\r\nX-Proxy: b\r\n") != std::string::npos);
}

TEST_CASE("a body comes from its file, and headers by values, secrets and files") {
  const TempFolder folder;
  std::string seen;
  LoopbackServer server([&](int fd) {
    std::string text = read_head(fd);
    // The body may come behind the head.
    char buffer[64];
    while (!text.ends_with("posted"))
      text.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(0, ::recv(fd, buffer, sizeof buffer, 0))));
    seen = text;
    send_all(fd, http_answer("200 OK", "", ""));
    read_to_end(fd);
  });
  ProbeBench bench;
  const std::string keys = "{prober: http, http: {method: POST, body_file: " + folder.write("body", "posted") +
                           ", http_headers: {x-a: {values: [one], secrets: [two], files: [" +
                           folder.write("three", "three\n") + "]}}}}";
  CHECK(verdict(bench.run(keys, server.url("/p"))) == "ok");
  const std::string agent = "User-Agent: " + probe::user_agent() + "\r\n";
  CHECK(seen == "POST /p HTTP/1.1\r\nHost: " + server.address() + "\r\n" + agent +
                    "X-A: one\r\nX-A: two\r\nX-A: three\r\nConnection: close\r\nContent-Length: 6\r\n\r\nposted");
}

}  // namespace
}  // namespace heal::test
