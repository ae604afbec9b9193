#include "common/httpd/passed_sockets.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"
#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::httpd::test {
namespace {

/// What a service manager says to the process that it starts.
void tell(const std::string& pid, const std::string& count, const std::string& names = "") {
  ::setenv("LISTEN_PID", pid.c_str(), 1);
  ::setenv("LISTEN_FDS", count.c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
}
std::string own_pid() {
  return std::to_string(::getpid());
}

/// A listening socket as systemd leaves it to a program: blocking, and inherited by children.
ScopedFd as_passed(const std::string& address) {
  Listener listener = bind_listener(parse_listen_address(address).value(), {}).value();
  ::fcntl(listener.fd.get(), F_SETFD, 0);
  ::fcntl(listener.fd.get(), F_SETFL, ::fcntl(listener.fd.get(), F_GETFL) & ~O_NONBLOCK);
  return std::move(listener.fd);
}

bool is_told() {
  return std::getenv("LISTEN_PID") != nullptr || std::getenv("LISTEN_FDS") != nullptr ||
         std::getenv("LISTEN_FDNAMES") != nullptr;
}

TEST_CASE("a passed socket is served on in place of the listen address, and no child inherits it") {
  ScopedFd fd = as_passed("127.0.0.1:0");
  const int number = fd.release();
  tell(own_pid(), "1", "web");
  const auto passed = take_passed_sockets(number);
  REQUIRE(passed.has_value());
  REQUIRE(passed->size() == 1);
  CHECK_FALSE(is_told());
  CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);

  ServerOptions options;
  options.listen = {"192.0.2.1:1"};  // nobody's address here: it must not be tried
  options.passed = *passed;
  TestServer test(std::move(options));
  test.server->get("/x", [](const HttpRequest&) { return HttpResponse::text(200, "here"); });
  const auto port = test.start();
  CHECK(test.server->addresses() == std::vector<std::string>{passed->front().address});
  CHECK(RawClient::fetch(port, "GET /x").body == "here");
  CHECK((::fcntl(number, F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("a passed unix socket is served on, and its file stays: it is the service manager's") {
  heal::test::TempFolder folder;
  const std::string path = (folder.path() / "web.sock").string();
  ServerOptions options;
  options.passed = {{as_passed("unix:" + path).release(), "unix:" + path}};
  TestServer test(std::move(options));
  test.server->get("/x", [](const HttpRequest&) { return HttpResponse::text(200, "here"); });
  test.start();
  RawClient client(path);
  client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(client.read_reply().body == "here");
  test.server->stop();
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("the address of a passed socket is where it listens") {
  heal::test::TempFolder folder;
  for (const std::string& address :
       {std::string("127.0.0.1:0"), std::string("[::1]:0"), "unix:" + (folder.path() / "a.sock").string()}) {
    CAPTURE(address);
    const Listener listener = bind_listener(parse_listen_address(address).value(), {}).value();
    CHECK(address_of(listener.fd.get()).value() == listener.address);
    CHECK(listener.address.starts_with(address.substr(0, address.size() - 1)));
  }
}

TEST_CASE("what is not there or no listening socket is an error that names it") {
  const ScopedFd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const ScopedFd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const std::string none = "no socket was passed to this process";
  struct Case {
    std::string name, pid, count;
    int first;
    ErrorCode code;
    std::string text;
  };
  const std::string number = std::to_string(datagrams.get()), other = std::to_string(silent.get());
  const std::string wanted = "expected a stream socket that listens (ListenStream=, Accept=no)";
  const std::vector<Case> cases{
      {"another process", "1", "1", 3, ErrorCode::kNotFound, none + ": LISTEN_PID is \"1\", expected " + own_pid()},
      {"none", own_pid(), "0", 3, ErrorCode::kNotFound, none + ": LISTEN_FDS is 0"},
      {"no number", own_pid(), "x", 3, ErrorCode::kInvalid, "LISTEN_FDS is \"x\", expected a number of descriptors"},
      {"negative", own_pid(), "-1", 3, ErrorCode::kInvalid, "LISTEN_FDS is \"-1\", expected a number of descriptors"},
      {"more than there can be", own_pid(), "2147483647", 3, ErrorCode::kInvalid,
       "LISTEN_FDS is \"2147483647\", expected a number of descriptors"},
      {"datagrams", own_pid(), "1", datagrams.get(), ErrorCode::kInvalid,
       "passed socket \"web\" (descriptor " + number + "): " + wanted},
      {"not listening", own_pid(), "1", silent.get(), ErrorCode::kInvalid,
       "passed socket \"web\" (descriptor " + other + "): " + wanted},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    tell(c.pid, c.count, "web");
    const auto passed = take_passed_sockets(c.first);
    REQUIRE(!passed.has_value());
    CHECK(passed.error().code() == c.code);
    CHECK(passed.error().str() == c.text);
    CHECK_FALSE(is_told());
  }
  CHECK(take_passed_sockets().error().str() ==
        none + " (LISTEN_FDS and LISTEN_PID are not both set): expected a start by a .socket unit");
}

}  // namespace
}  // namespace heal::httpd::test
