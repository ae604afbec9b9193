#include <filesystem>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/contract/ports/smtp_sink.h"
#include "tests/contract/step/real_rig.h"
#include "tests/support/test_certificates.h"
#include "tests/support/tiny_server.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// A bench whose heal.yml stands in a folder with its secrets.
struct NotifyingRig : RealRig {
  explicit NotifyingRig(const std::string& notify) : RealRig("notify: {" + notify + "}\n") {
    bench.world().bundle.config.file = folder.file("heal.yml");
    folder.write("password", "s3cret\n");
    bench.set_labels({{"x", R"(the "Größe")"}});
  }
  TempFolder folder;
};

std::string email_yml(const std::string& address, const std::string& more) {
  return fmt::format(
      "email: {{smarthost: '{}', from: heal@shop.example, to: [ops@shop.example, boss@shop.example, "
      "nobody@shop.example], {}}}",
      address, more);
}

const char* const kPlainLogin = "tls: off, username: heal, password_file: password";
const char* const kMail =
    "notify.email: {to: [ops@shop.example, boss@shop.example], subject: 'About {{ labels.x }}', "
    "body: \"one\\n.\\n{{ target.id }}\"}";

TEST_CASE("a mail goes through a real server that wants a login, to whom the step names") {
  const SmtpSink sink({"--login", "heal:s3cret"});
  NotifyingRig rig(email_yml(sink.address(), kPlainLogin));
  const auto done = rig.bench.run(kMail);
  CHECK(done ==
        ActionResult::done(fmt::format("mail to ops@shop.example, boss@shop.example was taken by {}", sink.address())));
  REQUIRE(sink.taken().size() == 1);
  const Mail mail = sink.taken()[0];
  CHECK(mail.from == "heal@shop.example");
  CHECK(mail.to == std::vector<std::string>{"ops@shop.example", "boss@shop.example"});
  CHECK(mail.text.find("Subject: =?UTF-8?Q?About_the_=22Gr=C3=B6=C3=9Fe=22?=\r\n") != std::string::npos);
  CHECK(mail.text.find("Message-ID: <inc-1.1.0.s@shop.example>\r\n") != std::string::npos);
  CHECK(mail.text.ends_with("\r\n\r\none\r\n.\r\ncontainer/local/web\r\n"));
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
}

TEST_CASE("a mail that a real server does not take fails the step, and leaves nothing with it") {
  const SmtpSink sink({"--login", "heal:s3cret"});
  NotifyingRig rig(email_yml(sink.address(), kPlainLogin));
  const auto refused = rig.bench.run("notify.email: {subject: s, body: b}");  // to all, nobody@ included
  CHECK(refused.kind == Kind::kFailed);
  CHECK(refused.reason == "refused");
  rig.folder.write("password", "wrong");
  const auto stranger = rig.bench.run(kMail);
  CHECK(stranger.kind == Kind::kFailed);
  CHECK(stranger.reason == "unauthorized");
  CHECK(stranger.message.find("wrong") == std::string::npos);
  std::filesystem::remove(rig.folder.file("password"));
  CHECK(rig.bench.run(kMail).kind == Kind::kFailed);
  CHECK(sink.taken().empty());

  NotifyingRig nobody(email_yml(fmt::format("127.0.0.1:{}", free_port()), "tls: off"));
  CHECK(nobody.bench.run(kMail).reason == "unreachable");
}

TEST_CASE("a mail waits for TLS with the authority that heal.yml names, and does not go without") {
  TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("mail", {});
  const SmtpSink sink({"--login", "heal:s3cret", "--tls", base + ".pem", base + ".key"});
  const std::string login = "username: heal, password_file: password";
  NotifyingRig trusting(email_yml(sink.address(), login + ", ca_file: " + authority.ca_file()));
  REQUIRE(trusting.bench.run(kMail).kind == Kind::kDone);
  NotifyingRig wary(email_yml(sink.address(), login));
  const auto untrusted = wary.bench.run(kMail);
  CHECK(untrusted.kind == Kind::kFailed);
  CHECK(untrusted.reason == "unreachable");
  CHECK(sink.taken().size() == 1);
}

/// What comes up to and with `ending`; "" when the other side closes before.
std::string receive_until(int fd, std::string_view ending) {
  std::string text;
  for (char byte = 0; !text.ends_with(ending); text += byte) {
    if (::recv(fd, &byte, 1, 0) != 1) return "";
  }
  return text;
}

TEST_CASE("a mail server that breaks off after it was given the mail leaves an open question") {
  std::string given;
  {
    const LoopbackServer server([&](int fd) {
      send_all(fd, "220 mail\r\n");
      for (auto line = receive_until(fd, "\r\n"); !line.empty() && line != "DATA\r\n"; line = receive_until(fd, "\r\n"))
        send_all(fd, "250 OK\r\n");
      send_all(fd, "354 go\r\n");
      given = receive_until(fd, "\r\n.\r\n");
    });
    NotifyingRig rig(email_yml(server.address(), "tls: off"));
    CHECK(rig.bench.run("notify.email: {to: [ops@shop.example], subject: s, body: all}").kind == Kind::kUnknown);
  }
  CHECK(given.ends_with("\r\n\r\nall\r\n.\r\n"));

  const LoopbackServer silent([](int fd) { read_to_end(fd); });
  NotifyingRig rig(email_yml(silent.address(), "tls: off"));
  const auto late = rig.bench.run("notify.email: {to: [ops@shop.example], subject: s, body: b}", 300ms);
  CHECK(late.kind == Kind::kUnknown);
  CHECK(late.reason == "timeout");
}

TEST_CASE("a webhook is told over HTTP what the step says, each time as the same notification") {
  Mutex mutex;
  std::vector<TinyRequest> asked;
  const TinyServer server([&](const TinyRequest& request, TinyConnection& connection) {
    MutexLock lock(mutex);
    asked.push_back(request);
    connection.answer(asked.size() == 1 ? 500 : 204, "");
  });
  NotifyingRig rig("webhooks: {chat: {url_file: url, headers_files: {X-Token: token}}}");
  rig.folder.write("url", server.url() + "/hook/s3cret?a=b\n");
  rig.folder.write("token", "t0ken\n");
  const auto failed = rig.bench.run(R"(notify.webhook: {to: chat, body: '{"text": "{{ labels.x }}"}'})");
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.message == "webhook chat: status 500");
  const auto done = rig.bench.try_again();
  CHECK(done.kind == Kind::kDone);
  CHECK(done.outputs.at("status") == "204");
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
  MutexLock lock(mutex);
  REQUIRE(asked.size() == 2);
  for (const TinyRequest& request : asked) {
    CHECK(request.method == "POST");
    CHECK(request.target == "/hook/s3cret?a=b");
    CHECK(request.header("content-type") == "application/json");
    CHECK(request.header("x-token") == "t0ken");
    CHECK(request.header("idempotency-key") == "inc-1/1/0/s");
    CHECK(request.body == R"({"text": "the \"Größe\""})");
  }
}

TEST_CASE("a webhook whose answer is lost is an open question, and no message names its URL") {
  const TinyServer server([&](const TinyRequest& request, TinyConnection& connection) {
    if (request.target.starts_with("/silent")) connection.wait_closed();
  });
  NotifyingRig rig("webhooks: {chat: {url_file: url}}");
  const auto tell = [&](const std::string& url, Duration timeout = 30s) {
    rig.folder.write("url", url);
    return rig.bench.run("notify.webhook: {to: chat, body: '{}'}", timeout);
  };
  CHECK(tell(server.url() + "/s3cret") == ActionResult::unknown("unavailable", "webhook chat: unavailable"));
  CHECK(tell(server.url() + "/silent/s3cret", 300ms) == ActionResult::unknown("timeout", "webhook chat: timeout"));
  CHECK(tell(fmt::format("http://127.0.0.1:{}/s3cret", free_port())) ==
        ActionResult::failed("unreachable", "webhook chat: unreachable"));
}

TEST_CASE("a webhook is told over TLS, to a server that proves who it is by the authority that heal.yml names") {
  TempFolder folder;
  TestAuthority authority(folder.path());
  const TlsTestServer server(authority.issue("chat", {}), tls_http(http_answer("200 OK", "", "ok")));
  const std::string step = "notify.webhook: {to: chat, body: '{}'}";
  NotifyingRig trusting("webhooks: {chat: {url_file: url, ca_file: " + authority.ca_file() + "}}");
  trusting.folder.write("url", server.url("/hook"));
  CHECK(trusting.bench.run(step) ==
        ActionResult::done("webhook chat: status 200", {{"status", "200"}, {"body", "ok"}}));
  NotifyingRig wary("webhooks: {chat: {url_file: url}}");
  wary.folder.write("url", server.url("/hook"));
  CHECK(wary.bench.run(step).reason == "unreachable");
}

}  // namespace
}  // namespace heal::test
