#include <memory>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/sim_mailer.h"
#include "common/system/curl_mailer.h"
#include "common/system/system_clock.h"
#include "tests/contract/ports/smtp_sink.h"
#include "tests/support/code_of.h"
#include "tests/support/test_certificates.h"
#include "tests/support/tiny_server.h"

namespace heal {
namespace {

using test::code_of;

class MailFixture {
 public:
  virtual ~MailFixture() = default;
  virtual Mailer& mailer() = 0;
  virtual Clock& clock() = 0;
  /// A server that wants the login `heal`, `s3cret`.
  virtual MailServer server() = 0;
  virtual std::vector<Mail> taken() = 0;

  Deadline soon() { return clock().deadline_in(20s); }
};

class SimMail : public MailFixture {
 public:
  SimMail() {
    mailer_.add_server("mail:25", std::pair<std::string, std::string>("heal", "s3cret"));
    mailer_.refuse_recipient("nobody@shop.example");
  }
  Mailer& mailer() override { return mailer_; }
  Clock& clock() override { return clock_; }
  MailServer server() override {
    return {"mail:25", MailServer::Security::kPlain, std::pair<std::string, std::string>("heal", "s3cret"), {}};
  }
  std::vector<Mail> taken() override { return mailer_.taken(); }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  SimMailer mailer_{clock_};
};

class RealMail : public MailFixture {
 public:
  explicit RealMail(const std::vector<std::string>& options = {"--login", "heal:s3cret"}) : sink_(options) {}
  Mailer& mailer() override { return mailer_; }
  Clock& clock() override { return clock_; }
  MailServer server() override {
    return {sink_.address(), MailServer::Security::kPlain, std::pair<std::string, std::string>("heal", "s3cret"), {}};
  }
  std::vector<Mail> taken() override { return sink_.taken(); }

 private:
  test::SmtpSink sink_;
  SystemClock clock_;
  CurlMailer mailer_;
};

std::unique_ptr<MailFixture> mail_fixture() {
  if (GENERATE(false, true)) return std::make_unique<RealMail>();
  return std::make_unique<SimMail>();
}

const Mail kMail{"heal@shop.example",
                 {"ops@shop.example", "boss@shop.example"},
                 "Subject: x\r\n\r\n.a line with a dot\r\n.\r\nthe end\r\n"};

TEST_CASE("a mail arrives as it was, at everyone it is for") {
  const auto fixture = mail_fixture();
  REQUIRE(code_of(fixture->mailer().send(fixture->server(), kMail, fixture->soon(), {})) == "ok");
  const auto taken = fixture->taken();
  REQUIRE(taken.size() == 1);
  CHECK(taken[0] == kMail);
}

TEST_CASE("a mail that is not taken says why, and leaves nothing behind") {
  const auto fixture = mail_fixture();
  const auto send = [&](const MailServer& server, const Mail& mail) {
    return code_of(fixture->mailer().send(server, mail, fixture->soon(), {}));
  };
  Mail to_nobody = kMail;
  to_nobody.to = {"ops@shop.example", "nobody@shop.example"};
  CHECK(send(fixture->server(), to_nobody) == "refused");
  MailServer stranger = fixture->server();
  stranger.login->second = "wrong";
  CHECK(send(stranger, kMail) == "unauthorized");
  MailServer anonymous = fixture->server();
  anonymous.login.reset();
  CHECK(send(anonymous, kMail) == "unauthorized");
  Mail to_none = kMail;
  to_none.to.clear();
  CHECK(send(fixture->server(), to_none) == "invalid");
  MailServer elsewhere = fixture->server();
  elsewhere.address = "127.0.0.1:1";
  CHECK(send(elsewhere, kMail) == "unreachable");
  CHECK(fixture->taken().empty());
}

TEST_CASE("mail goes over TLS only when that was asked for, and only to a server that proves who it is") {
  test::TempFolder folder;
  test::TestAuthority authority(folder.path());
  const std::string base = authority.issue("mail", {});
  RealMail fixture({"--login", "heal:s3cret", "--tls", base + ".pem", base + ".key"});
  MailServer server = fixture.server();
  server.security = MailServer::Security::kStartTls;
  CHECK(code_of(fixture.mailer().send(server, kMail, fixture.soon(), {})) == "unreachable");
  server.ca_file = authority.ca_file();
  CHECK(code_of(fixture.mailer().send(server, kMail, fixture.soon(), {})) == "ok");
  CHECK(fixture.taken().size() == 1);
}

TEST_CASE("a server that offers no TLS gets neither mail nor password when TLS was asked for") {
  RealMail fixture;
  MailServer server = fixture.server();
  server.security = MailServer::Security::kStartTls;
  CHECK(code_of(fixture.mailer().send(server, kMail, fixture.soon(), {})) == "unreachable");
  CHECK(fixture.taken().empty());
}

TEST_CASE("a server that says nothing is waited for until the deadline, or until stopped") {
  test::TinyServer silent([](const test::TinyRequest&, test::TinyConnection& connection) { connection.wait_closed(); });
  const std::string address = silent.url().substr(std::string("http://").size());
  SystemClock clock;
  CurlMailer mailer;
  const MailServer server{address, MailServer::Security::kPlain, {}, {}};
  CHECK(code_of(mailer.send(server, kMail, clock.deadline_in(200ms), {})) == "timeout");
  std::stop_source stop;
  stop.request_stop();
  CHECK(code_of(mailer.send(server, kMail, clock.deadline_in(20s), stop.get_token())) == "cancelled");
}

}  // namespace
}  // namespace heal
