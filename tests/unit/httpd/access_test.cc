// Where a server listens and whom it lets in.
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/httpd/listen.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::httpd {
namespace {

namespace fs = std::filesystem;
using heal::test::TempFolder;
using test::RawClient;
using test::TestServer;

HttpResponse who(const HttpRequest& request) {
  return HttpResponse::text(200, request.user + "@" + request.remote);
}

// "open sesame", cost 4.
const std::string kHash = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy";
const std::string kAlice = "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n";
const std::string kBob = "Authorization: Basic Ym9iOm9wZW4gc2VzYW1l\r\n";

TEST_CASE("listen addresses are understood or refused with what was expected") {
  REQUIRE(parse_listen_address(":9115").value() == ListenAddress{"", "", 9115});
  REQUIRE(parse_listen_address("127.0.0.1:0").value() == ListenAddress{"", "127.0.0.1", 0});
  REQUIRE(parse_listen_address("[::1]:80").value() == ListenAddress{"", "::1", 80});
  REQUIRE(parse_listen_address("unix:/run/x.sock").value() == ListenAddress{"/run/x.sock", "", 0});
  for (const char* bad : {"", "9115", "host", "host:", "host:99999", "::1:80", "a b:1", "unix:", "host:-1"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(parse_listen_address(bad).has_value());
  }
  REQUIRE(parse_listen_address("nine").error().str() ==
          "listen address \"nine\": expected host:port, :port, [v6]:port or unix:/path");
}

TEST_CASE("what is a loopback address and what is not") {
  const auto is_local = [](const char* text) { return is_loopback(parse_listen_address(text).value()); };
  REQUIRE(is_local("127.8.9.1:1"));
  REQUIRE(is_local("[::1]:1"));
  REQUIRE(is_local("localhost:1"));
  REQUIRE(is_local("unix:/x"));
  REQUIRE_FALSE(is_local(":1"));
  REQUIRE_FALSE(is_local("0.0.0.0:1"));
  REQUIRE_FALSE(is_local("10.0.0.1:1"));
}

TEST_CASE("several addresses are served, and all of them at once by :0") {
  ServerOptions options;
  options.listen = {"127.0.0.1:0", ":0"};
  TestServer test(std::move(options));
  test.server->get("/", who);
  const auto first = test.start();
  const auto address = test.server->addresses().at(1);
  const auto second = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  REQUIRE(RawClient::fetch(first, "GET /").body == "@127.0.0.1");
  REQUIRE(RawClient::fetch(second, "GET /").body == "@127.0.0.1");
}

TEST_CASE("a port that is taken is an error that names the address") {
  TestServer one;
  const auto port = one.start();
  ServerOptions options;
  options.listen = {"127.0.0.1:" + std::to_string(port)};
  TestServer two(std::move(options));
  const auto status = two.server->start();
  REQUIRE_FALSE(status.has_value());
  REQUIRE(status.error().str() == "listen on 127.0.0.1:" + std::to_string(port) + ": bind: address already in use");
}

TEST_CASE("a unix socket has the mode asked for, replaces a stale file and is removed in the end") {
  const TempFolder folder;
  const std::string path = folder.file("x.sock");
  ServerOptions options;
  options.listen = {"unix:" + path};
  options.unix_mode = 0600;
  { const auto stale = bind_listener({path, "", 0}, {0600, {}}); }
  REQUIRE(fs::exists(path));
  TestServer test(options);
  test.server->get("/", who);
  test.start();
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  REQUIRE((info.st_mode & 0777) == 0600);
  RawClient client(path);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(client.read_reply().body == "@unix");
  TestServer second(options);
  const auto status = second.server->start();
  REQUIRE(status.error().str() == "listen on unix:" + path + ": another process listens on it");
  test.server->stop();
  REQUIRE_FALSE(fs::exists(path));
}

TEST_CASE("a file that is no socket is never unlinked") {
  const TempFolder folder;
  const auto path = folder.write("x", "precious");
  const auto bound = bind_listener({path, "", 0}, {0600, {}});
  REQUIRE(bound.error().str() == "listen on unix:" + path + ": exists and is not a socket");
  REQUIRE(fs::file_size(path) == 8);
}

TEST_CASE("users must know their password, except on open routes") {
  const TempFolder folder;
  ServerOptions options;
  options.web_config_file = folder.write("web.yml", "basic_auth_users: {alice: " + kHash + "}\n");
  TestServer test(std::move(options));
  test.server->get("/", who);
  test.server->post("/", who);
  RouteOptions open;
  open.auth = RouteAuth::kOpen;
  test.server->get("/open", who, open);
  const auto port = test.start();
  const auto asked = RawClient::fetch(port, "GET /");
  REQUIRE(asked.status == 401);
  REQUIRE(asked.header("WWW-Authenticate") == "Basic");
  REQUIRE(RawClient::fetch(port, "GET /", kAlice).body == "alice@127.0.0.1");
  REQUIRE(RawClient::fetch(port, "GET /", kAlice).body == "alice@127.0.0.1");
  REQUIRE(RawClient::fetch(port, "POST /", kAlice, "body").body == "alice@127.0.0.1");
  REQUIRE(RawClient::fetch(port, "GET /", kBob).status == 401);
  REQUIRE(RawClient::fetch(port, "GET /", "Authorization: Basic YWxpY2U6eA==\r\n").status == 401);
  REQUIRE(RawClient::fetch(port, "GET /open").body == "@127.0.0.1");
  REQUIRE(test.metric("heal_http_rejected_total{reason=\"unauthorized\"}") == "3");
}

TEST_CASE("a request that waits for its password check keeps its place in the pipeline") {
  const TempFolder folder;
  ServerOptions options;
  options.web_config_file = folder.write("web.yml", "basic_auth_users: {alice: " + kHash + "}\n");
  TestServer test(std::move(options));
  test.server->get("/*", [](const HttpRequest& request) { return HttpResponse::text(200, request.tail); });
  RawClient client(test.start());
  const std::string head = " HTTP/1.1\r\nHost: a\r\n" + kAlice + "\r\n";
  client.send("GET /1" + head + "GET /2" + head + "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(client.read_reply().body == "1");
  REQUIRE(client.read_reply().body == "2");
  REQUIRE(client.read_reply().status == 401);
}

TEST_CASE("users and headers change with the file, and a bad file changes nothing") {
  const TempFolder folder;
  ServerOptions options;
  options.web_config_file = folder.write("web.yml", "basic_auth_users: {alice: " + kHash + "}\n");
  TestServer test(std::move(options));
  test.server->get("/", who);
  const auto port = test.start();
  REQUIRE(RawClient::fetch(port, "GET /", kAlice).status == 200);
  folder.write("web.yml", "basic_auth_users: {alice: plain}\n");
  REQUIRE(RawClient::fetch(port, "GET /", kAlice).status == 200);
  REQUIRE(test.log().find("web configuration not reloaded") != std::string::npos);
  REQUIRE(test.server->reload().error().str().find("must be given as a bcrypt hash") != std::string::npos);
  folder.write("web.yml",
               "basic_auth_users: {bob: " + kHash + "}\nhttp_server_config: {headers: {X-Frame-Options: deny}}\n");
  REQUIRE(RawClient::fetch(port, "GET /", kAlice).status == 401);
  const auto reply = RawClient::fetch(port, "GET /", kBob);
  REQUIRE(reply.body == "bob@127.0.0.1");
  REQUIRE(reply.header("X-Frame-Options") == "deny");
}

TEST_CASE("a file that would end authentication changes nothing by itself, a reload takes it") {
  const TempFolder folder;
  ServerOptions options;
  options.web_config_file = folder.write("web.yml", "basic_auth_users: {alice: " + kHash + "}\n");
  TestServer test(options);
  test.server->get("/", who);
  const auto port = test.start();
  const std::string healthy = "heal_http_web_config_last_reload_successful";
  REQUIRE(test.metric(healthy) == "1");
  for (const char* text : {"", "basic_auth_users: {}\n", "# only half", "http_server_config: {http2: false}\n"}) {
    CAPTURE(text);
    folder.write("web.yml", text);
    REQUIRE(RawClient::fetch(port, "GET /").status == 401);
    REQUIRE(RawClient::fetch(port, "GET /", kAlice).status == 200);
    REQUIRE(test.metric(healthy) == "0");
  }
  REQUIRE(test.log().find(options.web_config_file + ": nobody would be asked for a password; if that is meant, reload "
                                                    "(POST /-/reload or SIGHUP)") != std::string::npos);
  REQUIRE(test.server->reload().has_value());
  REQUIRE(RawClient::fetch(port, "GET /").status == 200);
  REQUIRE(test.metric(healthy) == "1");
}

TEST_CASE("what is asked about each configuration decides, at the start, at a change and at a reload") {
  const TempFolder folder;
  ServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.web_config_file = folder.write("web.yml", "basic_auth_users: {alice: " + kHash + "}\n");
  options.check_web = [](const WebConfig& web) -> Status {
    if (web.users.contains("alice")) return {};
    return make_error(ErrorCode::kRefused, "alice is missing");
  };
  TestServer test(options);
  test.server->get("/", who);
  const auto port = test.start();
  folder.write("web.yml", "basic_auth_users: {bob: " + kHash + "}\n");
  REQUIRE(RawClient::fetch(port, "GET /", kBob).status == 401);
  REQUIRE(RawClient::fetch(port, "GET /", kAlice).status == 200);
  REQUIRE(test.server->reload().error().str() == options.web_config_file + ": alice is missing");
  Metrics metrics("heal_other");
  REQUIRE(HttpServer::create(options, Logger::none(), metrics).error().str() ==
          options.web_config_file + ": alice is missing");
  REQUIRE(test.server->reload([](const WebConfig&) { return Status(); }).has_value());
  REQUIRE(RawClient::fetch(port, "GET /", kBob).status == 200);
  options.web_config_file = "";
  REQUIRE(HttpServer::create(options, Logger::none(), metrics).error().str() == "alice is missing");
}

TEST_CASE("what of a change of web.config.yml keeps others out less") {
  WebConfig open, users, tls, certificates;
  users.users = {{"alice", kHash}};
  tls.tls = TlsSettings{};
  certificates.tls = TlsSettings{};
  certificates.tls->client_auth = ClientAuth::kRequireAndVerify;
  REQUIRE(weakened(users, open) == "nobody would be asked for a password");
  REQUIRE(weakened(certificates, tls) == "nobody would be asked for a certificate");
  REQUIRE(weakened(tls, open) == "TLS would end");
  for (const WebConfig& stronger : {open, users, tls, certificates})
    REQUIRE(weakened(open, stronger).empty());
  REQUIRE(weakened(tls, certificates).empty());
}

TEST_CASE("a role that the user does not have is a 403") {
  ServerOptions options;
  options.authorize = [](std::string_view user, std::string_view role) { return user.empty() && role == "view"; };
  TestServer test(std::move(options));
  RouteOptions view, operate;
  view.role = "view";
  operate.role = "operate";
  test.server->get("/view", who, view);
  test.server->post("/operate", who, operate);
  const auto port = test.start();
  REQUIRE(RawClient::fetch(port, "GET /view").status == 200);
  const auto refused = RawClient::fetch(port, "POST /operate", "", "x");
  REQUIRE(refused.status == 403);
  REQUIRE(refused.body == "this needs the role \"operate\"\n");
}

TEST_CASE("a server without an address or with a bad web configuration is not made") {
  Metrics metrics("heal_test");
  REQUIRE(HttpServer::create({}, Logger::none(), metrics).error().str() == "no listen address");
  ServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.web_config_file = "/nonexistent/web.yml";
  REQUIRE_FALSE(HttpServer::create(options, Logger::none(), metrics).has_value());
}

}  // namespace
}  // namespace heal::httpd
