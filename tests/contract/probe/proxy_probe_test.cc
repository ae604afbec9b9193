// What a proxy is asked for, on real sockets.
#include <cstdlib>

#include <catch2/catch.hpp>

#include "tests/contract/probe/probe_bench.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

/// Sets a variable of the environment for a while.
class EnvironmentVariable {
 public:
  EnvironmentVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~EnvironmentVariable() { ::unsetenv(name_); }
  EnvironmentVariable(const EnvironmentVariable&) = delete;
  EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;

 private:
  const char* name_;
};

/// An HTTP proxy that answers in place of every https server, with a certificate for `names`.
class TunnelProxy {
 public:
  TunnelProxy(TestAuthority& authority, const std::string& names, const std::string& answer)
      : context_(TlsTestServer::make_context(authority.issue("tunnel", spec_of(names))), SSL_CTX_free),
        talk_(tls_http(answer)),
        server_([this](int fd) { serve(fd); }) {}

  std::string url() const { return server_.url(""); }

  std::string asked;  ///< the first line of the last request
  std::string named;  ///< by TLS, in the last tunnel

 private:
  static CertificateSpec spec_of(const std::string& names) {
    CertificateSpec spec;
    spec.alternative_names = names;
    return spec;
  }
  void serve(int fd) {
    const std::string head = read_head(fd);
    asked = head.substr(0, head.find('\r'));
    send_all(fd, "HTTP/1.1 200 Connection established\r\n\r\n");
    SSL* ssl = SSL_new(context_.get());
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
      const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
      named = name == nullptr ? "" : name;
      talk_(ssl);
    }
    SSL_free(ssl);
  }

  std::shared_ptr<SSL_CTX> context_;
  TlsTestServer::Talk talk_;
  LoopbackServer server_;
};

struct TunnelCase {
  std::string name, keys, hostname, target, connect, sni;
};

TEST_CASE("a proxy is asked for a tunnel to the target that was judged, whatever name TLS verifies") {
  const auto c = GENERATE(values<TunnelCase>({
      {"nothing else", "", "", "https://allowed.example/", "allowed.example:443", "allowed.example"},
      {"hostname", "", "site.example", "https://allowed.example/", "allowed.example:443", "site.example"},
      {"server_name", ", server_name: site.example", "", "https://allowed.example:8443/", "allowed.example:8443",
       "site.example"},
      {"an address", "", "site.example", "https://192.0.2.9/", "192.0.2.9:443", "site.example"},
      {"an IPv6 address", "", "site.example", "https://[2001:db8::9]/", "[2001:db8::9]:443", "site.example"},
  }));
  CAPTURE(c.name);
  const TempFolder folder;
  TestAuthority authority(folder.path());
  TunnelProxy proxy(authority, "DNS:allowed.example,DNS:site.example", http_answer("200 OK", "", "x"));
  ProbeBench bench;
  probe::ProbeRequest request{
      ProbeBench::module("{prober: http, http: {skip_resolve_phase_with_proxy: true, proxy_url: '" + proxy.url() +
                         "', tls_config: {ca_file: " + authority.ca_file() + c.keys + "}}}"),
      c.target, c.hostname};
  request.policy = std::make_shared<const probe::TargetPolicy>(
      *probe::TargetPolicy::create({"allowed.example", "192.0.2.9", "2001:db8::9"}));
  CHECK(verdict(bench.run(request)) == "ok");
  CHECK(proxy.asked == "CONNECT " + c.connect + " HTTP/1.1");
  CHECK(proxy.named == c.sni);
}

TEST_CASE("the token server's tunnel goes to the token server, whatever name TLS verifies") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  TunnelProxy proxy(authority, "DNS:site.example",
                    http_answer("200 OK", "", R"({"access_token":"abc","token_type":"Bearer"})"));
  LoopbackServer web(http_handler([](const std::string&) { return http_answer("200 OK", "", ""); }));
  ProbeBench bench;
  for (const char* host : {"token.example", "192.0.2.9"}) {
    CAPTURE(host);
    const std::string module = "{prober: http, http: {oauth2: {client_id: me, client_secret: s, token_url: 'https://" +
                               std::string(host) + "/t', proxy_url: '" + proxy.url() +
                               "', tls_config: {server_name: site.example, ca_file: " + authority.ca_file() + "}}}}";
    CHECK(verdict(bench.run(module, web.url())) == "ok");
    CHECK(proxy.asked == "CONNECT " + std::string(host) + ":443 HTTP/1.1");
    CHECK(proxy.named == "site.example");
  }
}

TEST_CASE("the environment's exceptions do not lead a request past the module's proxy") {
  const EnvironmentVariable lower("no_proxy", "*"), upper("NO_PROXY", "*");
  std::vector<std::string> asked;
  LoopbackServer proxy(http_handler([&](const std::string& head) {
    asked.push_back(head.substr(0, head.find('\r')));
    return http_answer("200 OK", "", R"({"access_token":"abc","token_type":"Bearer"})");
  }));
  LoopbackServer web(http_handler([](const std::string&) { return http_answer("404 Not Found", "", ""); }));
  ProbeBench bench;
  const std::string by_proxy = "proxy_url: '" + proxy.url("") + "'";
  CHECK(verdict(bench.run("{prober: http, http: {" + by_proxy + "}}", web.url())) == "ok");
  CHECK(asked == std::vector<std::string>{"GET " + web.url() + " HTTP/1.1"});
  asked.clear();
  const std::string token = "oauth2: {client_id: me, client_secret: s, token_url: '" + web.url("/t") + "', ";
  CHECK(verdict(bench.run("{prober: http, http: {" + token + by_proxy + "}}}", web.url())) ==
        "status/unexpected_status");
  CHECK(asked == std::vector<std::string>{"POST " + web.url("/t") + " HTTP/1.1"});
}

TEST_CASE("the environment's proxies are nobody's who has none") {
  const EnvironmentVariable lower("http_proxy", "http://127.0.0.1:1"), all("ALL_PROXY", "http://127.0.0.1:1"),
      https("https_proxy", "http://127.0.0.1:1");
  LoopbackServer web(http_handler([](const std::string&) { return http_answer("200 OK", "", ""); }));
  ProbeBench bench;
  CHECK(verdict(bench.run("{prober: http}", web.url())) == "ok");
}

}  // namespace
}  // namespace heal::test
