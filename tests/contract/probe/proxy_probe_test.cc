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

/// "name:port" or "address:port" of a SOCKS request (RFC 1928, 4), with its kind before it.
std::string socks_destination(const std::string& request) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(request.at(at)); };
  const int kind = byte(3);
  std::string host;
  std::size_t at = 4;
  if (kind == 3) {
    host = "name " + request.substr(5, byte(4));
    at = 5U + byte(4);
  } else {
    const std::size_t size = kind == 1 ? 4 : 16;
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(kind == 1 ? AF_INET : AF_INET6, request.data() + 4, text, sizeof text);
    host = std::string(kind == 1 ? "v4 " : "v6 ") + text;
    at = 4 + size;
  }
  return host + ":" + std::to_string(byte(at) * 256 + byte(at + 1));
}

/// A SOCKS 5 proxy without credentials that answers in place of every http server.
LoopbackServer::Handler socks_proxy(std::string& asked, const std::string& answer) {
  return [&asked, answer](int fd) {
    char buffer[512];
    if (::recv(fd, buffer, sizeof buffer, 0) <= 0 || !send_all(fd, std::string_view("\5\0", 2))) return;
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got < 10) return;
    asked = socks_destination({buffer, static_cast<std::size_t>(got)});
    send_all(fd, std::string_view("\5\0\0\1\0\0\0\0\0\0", 10));
    // A whole request, or the begin of a handshake that ends here.
    if (::recv(fd, buffer, sizeof buffer, 0) > 0) send_all(fd, answer);
    ::shutdown(fd, SHUT_WR);
    read_to_end(fd);
  };
}

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

struct SocksCase {
  std::string keys, target, asked;
};

TEST_CASE("a SOCKS proxy is told the name of what nobody has resolved, else the address that was judged") {
  const auto c = GENERATE(values<SocksCase>({
      {"skip_resolve_phase_with_proxy: true", "http://in.example/", "name in.example:80"},
      {"skip_resolve_phase_with_proxy: true", "https://in.example/", "name in.example:443"},
      {"skip_resolve_phase_with_proxy: true, tls_config: {server_name: site.example}", "https://in.example:8443/",
       "name in.example:8443"},
      {"preferred_ip_protocol: ip4", "http://192.0.2.9:81/", "v4 192.0.2.9:81"},
      {"preferred_ip_protocol: ip4", "https://192.0.2.9/", "v4 192.0.2.9:443"},
      {"tls_config: {server_name: site.example}", "https://192.0.2.9/", "v4 192.0.2.9:443"},
      {"preferred_ip_protocol: ip6", "http://[2001:db8::9]/", "v6 2001:db8::9:80"},
      {"tls_config: {server_name: site.example}", "https://[2001:db8::9]/", "v6 2001:db8::9:443"},
  }));
  CAPTURE(c.keys, c.target);
  std::string asked;
  LoopbackServer proxy(socks_proxy(asked, http_answer("200 OK", "", "")));
  ProbeBench bench;
  const ProbeResult result =
      bench.run("{prober: http, http: {proxy_url: 'socks5://" + proxy.address() + "', " + c.keys + "}}", c.target);
  CHECK(verdict(result) == (c.target.starts_with("https") ? "tls/handshake" : "ok"));
  CHECK(asked == c.asked);
}

TEST_CASE("a SOCKS proxy looks the token server up") {
  std::string asked;
  LoopbackServer proxy(
      socks_proxy(asked, http_answer("200 OK", "", R"({"access_token":"abc","token_type":"Bearer"})")));
  LoopbackServer web(http_handler([](const std::string&) { return http_answer("200 OK", "", ""); }));
  ProbeBench bench;
  CHECK(verdict(bench.run("{prober: http, http: {oauth2: {client_id: me, client_secret: s, token_url: "
                          "'http://token.example/t', proxy_url: 'socks5://" +
                              proxy.address() + "'}}}",
                          web.url())) == "ok");
  CHECK(asked == "name token.example:80");
}

TEST_CASE("the credentials of a proxy's URL are given to it, and no message shows them") {
  std::string head;
  LoopbackServer proxy(http_handler([&](const std::string& asked) {
    head = asked;
    return http_answer("200 OK", "", "");
  }));
  ProbeBench bench;
  const auto by = [&](const std::string& url) {
    return bench.run("{prober: http, http: {proxy_url: '" + url + "'}}", "http://192.0.2.9/");
  };
  CHECK(verdict(by("http://u%40x:hunter%3A2@" + proxy.address())) == "ok");
  CHECK(head.find("\r\nProxy-Authorization: Basic dUB4Omh1bnRlcjoy\r\n") != std::string::npos);
  CHECK(verdict(by(proxy.url(""))) == "ok");
  CHECK(head.find("Proxy-Authorization") == std::string::npos);
  for (const char* url : {"http://u:hunter2@pro$xy:1", "socks5://u:hunter2@pro$xy:1", "http://u:hunter2@127.0.0.1:1"}) {
    CAPTURE(url);
    const ProbeResult result = by(url);
    CHECK_FALSE(result.success);
    CHECK(result.message.find("hunter2") == std::string::npos);
    for (const std::string& line : result.log)
      CHECK(line.find("hunter2") == std::string::npos);
  }
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
