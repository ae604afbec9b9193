#include <fstream>

#include <catch2/catch.hpp>

#include "common/remedy/action/mail_text.h"
#include "common/remedy/page.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/step/sim_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

std::vector<Silence> silences(SimRig& rig, const std::shared_ptr<SimAlertmanagerApi>& alertmanager) {
  return alertmanager->silences(rig.clock.deadline_in(1s), {}).value();
}

const char* const kSilence =
    "alertmanager.silence: {labels: {alertname: '{{ labels.alertname }}', job: cart}, for: 10m, comment: on it}, undo: "
    "inverse";

TEST_CASE("a silence is made with every Alertmanager, ends by itself, and before that by the undo") {
  SimRig rig;
  rig.bench.set_labels({{"alertname", "CartDown"}});
  const WallTime begun = rig.clock.now();
  const auto done = rig.bench.run(kSilence);
  CHECK(done.kind == Kind::kDone);
  CHECK(done.message.starts_with("alerts with alertname=\"CartDown\", job=\"cart\" are silent until "));
  for (const auto& alertmanager : {rig.first, rig.second}) {
    const auto made = silences(rig, alertmanager);
    REQUIRE(made.size() == 1);
    CHECK(made[0].matchers == Matcher::parse_list(R"(alertname="CartDown", job="cart")").value());
    CHECK(made[0].ends_at == begun + 10min);
    CHECK(made[0].created_by == "promheal");
    CHECK(made[0].comment == "on it; playbook p on container/local/web [inc-1/1/0/s]");
  }
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  CHECK(rig.bench.undo() == ActionResult::done("the silence has ended"));
  CHECK(silences(rig, rig.first).empty());
  CHECK(silences(rig, rig.second).empty());
  CHECK(rig.bench.undo().kind == Kind::kDone);  // it may be repeated

  REQUIRE(rig.bench.run(kSilence).kind == Kind::kDone);
  rig.clock.advance(10min);
  CHECK(silences(rig, rig.first).empty());
}

TEST_CASE("a silence that is made twice is one, prolonged") {
  SimRig rig;
  rig.bench.set_labels({{"alertname", "CartDown"}});
  REQUIRE(rig.bench.run(kSilence).kind == Kind::kDone);
  rig.clock.advance(5min);
  REQUIRE(rig.bench.run(kSilence).kind == Kind::kDone);
  const auto made = silences(rig, rig.first);
  REQUIRE(made.size() == 1);
  CHECK(made[0].ends_at == rig.clock.now() + 10min);
}

TEST_CASE("the silence of another step of the same name is left alone") {
  SimRig rig;
  rig.bench.set_labels({{"alertname", "CartDown"}});
  REQUIRE(rig.bench.run(kSilence).kind == Kind::kDone);
  rig.bench.set_step_key("1/r0/s");
  REQUIRE(rig.bench.run(kSilence).kind == Kind::kDone);
  REQUIRE(silences(rig, rig.first).size() == 2);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  REQUIRE(silences(rig, rig.first).size() == 1);
  CHECK(silences(rig, rig.first)[0].comment == "on it; playbook p on container/local/web [inc-1/1/0/s]");
}

TEST_CASE("an Alertmanager that is gone does not keep the silence on the others") {
  SimRig rig;
  rig.bench.set_labels({{"alertname", "CartDown"}});
  REQUIRE(rig.bench.run(kSilence).kind == Kind::kDone);
  rig.first->set_status(make_error(ErrorCode::kUnreachable, "connection refused"));
  const auto undone = rig.bench.undo();
  CHECK(undone.kind == Kind::kFailed);
  CHECK(undone.message == "1 of 2 Alertmanagers may hold the silence still: connection refused");
  CHECK(silences(rig, rig.second).empty());
}

TEST_CASE("a silence takes labels with values, for a time that ends") {
  SimRig rig;
  CHECK(rig.bench.refusal("alertmanager.silence: {labels: {}, for: 5m}") ==
        "playbook p: step s: argument labels: needs label names with values, at least one and none empty");
  rig.bench.set_labels({{"empty", ""}});
  CHECK(rig.bench.refusal("alertmanager.silence: {labels: {job: '{{ labels.empty }}'}, for: 5m}").find("none empty") !=
        std::string::npos);
  CHECK(rig.bench.refusal("alertmanager.silence: {labels: {job: x}, for: 25h}") ==
        "playbook p: step s: argument for: 1d1h is not between 1s and 1d");
  CHECK(rig.bench.refusal("alertmanager.silence: {labels: {'a b': x}, for: 5m}").find("label names") !=
        std::string::npos);
  SimRig none;
  none.bench.world().bundle.config.alertmanagers.clear();
  CHECK(none.bench.refusal("alertmanager.silence: {labels: {job: x}, for: 5m}") ==
        "playbook p: step s: heal.yml names no Alertmanager");
}

TEST_CASE("one Alertmanager that is gone is said, both gone fail the step, and a lost answer is an open question") {
  SimRig rig;
  rig.bench.set_labels({{"alertname", "CartDown"}});
  rig.second->set_status(make_error(ErrorCode::kUnreachable, "connection refused"));
  const auto done = rig.bench.run(kSilence);
  CHECK(done.kind == Kind::kDone);
  CHECK(done.message.ends_with("; 1 of 2 Alertmanagers could not be told: connection refused"));
  rig.clock.advance(1min);
  rig.first->set_status(make_error(ErrorCode::kUnreachable, "connection refused"));
  CHECK(rig.bench.run(kSilence).kind == Kind::kFailed);
  rig.first->set_status(make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run(kSilence).kind == Kind::kUnknown);
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
  rig.first->set_status({});
  rig.second->set_status({});
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);  // the older one ends too early to be it
}

TEST_CASE("an alert of a step fires for a while, is no evidence for us, and ends with the undo") {
  SimRig rig;
  const char* const step =
      "alertmanager.alert: {name: HealSucceeded, labels: {severity: info}, annotations: {summary: 'it is back'}, for: "
      "2m}, undo: inverse";
  const WallTime now = rig.clock.now();
  REQUIRE(rig.bench.run(step).kind == Kind::kDone);
  REQUIRE(rig.second->posted().size() == 1);
  const Alert posted = rig.first->posted()[0];
  CHECK(posted.labels == Labels{{"alertname", "HealSucceeded"},
                                {"heal_incident", "inc-1"},
                                {"heal_playbook", "p"},
                                {"heal_target", "container/local/web"},
                                {"severity", "info"}});
  CHECK(posted.annotations == Labels{{"summary", "it is back"}});
  CHECK(posted.starts_at == now);
  CHECK(posted.ends_at == now + 2min);
  CHECK(remedy::is_own_alert(posted));
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
}

TEST_CASE("an alert of a step is named as one of ours") {
  SimRig rig;
  CHECK(rig.bench.refusal("alertmanager.alert: {name: NginxDown}").find("argument name") != std::string::npos);
  CHECK(rig.bench.refusal("alertmanager.alert: {name: HealX, labels: {alertname: NginxDown}}") ==
        "playbook p: step s: argument labels: needs label names, and not alertname");
}

const char* const kMailYml =
    "notify:\n"
    "  email: {smarthost: 'mail:587', from: heal@shop.example, to: [ops@shop.example, 'boss@shop.example'],\n"
    "          username: heal, password_file: mail.password}\n"
    "  webhooks:\n"
    "    chat: {url_file: chat.url, headers_files: {X-Token: chat.token}}\n";

struct NotifyRig : SimRig {
  NotifyRig() : SimRig(kMailYml) {
    bench.world().bundle.config.file = folder.file("heal.yml");
    folder.write("mail.password", "s3cret\n");
    folder.write("chat.url", "http://chat.example/hook/s3cret\n");
    folder.write("chat.token", "t0ken\n");
    mailer.add_server("mail:587", std::pair<std::string, std::string>("heal", "s3cret"));
  }
  TempFolder folder;
};

TEST_CASE("a mail goes to whom heal.yml names, with its secret from a file") {
  NotifyRig rig;
  rig.bench.set_labels({{"x", "Größe; {{y}}"}});
  const auto done = rig.bench.run("notify.email: {subject: 'About {{ labels.x }}', body: \"one\\n{{ target.id }}=\"}");
  CHECK(done == ActionResult::done("mail to ops@shop.example, boss@shop.example was taken by mail:587"));
  REQUIRE(rig.mailer.taken().size() == 1);
  const Mail mail = rig.mailer.taken()[0];
  CHECK(mail.from == "heal@shop.example");
  CHECK(mail.to == std::vector<std::string>{"ops@shop.example", "boss@shop.example"});
  CHECK(mail.text.find("Subject: =?UTF-8?Q?About_Gr=C3=B6=C3=9Fe=3B_=7B=7By=7D=7D?=\r\n") != std::string::npos);
  CHECK(mail.text.find("Message-ID: <inc-1.1.0.s@shop.example>\r\n") != std::string::npos);
  CHECK(mail.text.ends_with("\r\n\r\none\r\ncontainer/local/web=3D\r\n"));
  CHECK(rig.bench.run("notify.email: {to: [boss@shop.example], subject: s, body: b}").kind == Kind::kDone);
  CHECK(rig.mailer.taken()[1].to == std::vector<std::string>{"boss@shop.example"});
}

TEST_CASE("a mail goes to nobody else, and never with a made-up header") {
  NotifyRig rig;
  CHECK(rig.bench.refusal("notify.email: {to: [evil@example.com], subject: s, body: b}") ==
        "playbook p: step s: argument to: evil@example.com is not under notify.email.to in heal.yml");
  rig.bench.set_labels({{"x", "a\r\nBcc: evil@example.com"}});
  CHECK(rig.bench.refusal("notify.email: {subject: '{{ labels.x }}', body: b}").find("control character") !=
        std::string::npos);
  SimRig none;
  CHECK(none.bench.refusal("notify.email: {subject: s, body: b}") ==
        "playbook p: step s: heal.yml says nothing under notify.email");
}

TEST_CASE("a mail that is not taken fails the step, and one whose answer is lost is an open question") {
  NotifyRig rig;
  const std::string step = "notify.email: {subject: s, body: b}";
  rig.mailer.refuse_recipient("ops@shop.example");
  const auto refused = rig.bench.run(step);
  CHECK(refused.kind == Kind::kFailed);
  CHECK(refused.was_refused);
  CHECK(rig.bench.run("notify.email: {to: [boss@shop.example], subject: s, body: b}").kind == Kind::kDone);
  rig.folder.write("mail.password", "wrong\n");
  CHECK(rig.bench.run(step).reason == "unauthorized");
  rig.folder.write("mail.password", "s3cret\n");
  rig.mailer.fail_next(make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run("notify.email: {to: [boss@shop.example], subject: s, body: b}").kind == Kind::kUnknown);
}

TEST_CASE("the text of a mail is pure ASCII in short lines, whatever it holds") {
  remedy::MailText text;
  text.from = "heal@shop.example";
  text.to = {"ops@shop.example"};
  text.subject = std::string(300, 'x') + "\xc3\xa4 =?";
  text.body = std::string(300, 'y') + " \n.\nend\t";
  text.id = "inc-1/s";
  text.sent_at = WallTime(std::chrono::seconds(1'900'000'000));
  const std::string mail = remedy::write_mail(text);
  CHECK(mail.starts_with("Date: Sun, 17 Mar 2030 17:46:40 +0000\r\nFrom: promheal <heal@shop.example>\r\n"));
  std::size_t begin = 0;
  for (std::size_t end = mail.find("\r\n"); end != std::string::npos; begin = end + 2, end = mail.find("\r\n", begin)) {
    CHECK(end - begin <= 78);
    CHECK(mail.substr(begin, end - begin).find_first_of("\r\n") == std::string::npos);
  }
  CHECK(begin == mail.size());
  CHECK(mail.find("=20\r\n.\r\nend=09\r\n") != std::string::npos);
}

TEST_CASE("a webhook is told by JSON, its URL and headers come from files, and are never said") {
  NotifyRig rig;
  rig.http.on("POST", "http://chat.example/hook/s3cret", HttpAnswer::of(200, "ok"));
  rig.bench.set_labels({{"x", R"(a "quoted" \ value)"}});
  const auto done = rig.bench.run(R"(notify.webhook: {to: chat, body: '{"text": "{{ labels.x }}", "n": 1}'})");
  CHECK(done == ActionResult::done("webhook chat: status 200", {{"status", "200"}, {"body", "ok"}}));
  REQUIRE(rig.http.requests().size() == 1);
  const auto request = rig.http.requests()[0];
  CHECK(request.body == R"({"text": "a \"quoted\" \\ value", "n": 1})");
  CHECK(request.headers ==
        HttpHeaders{{"Content-Type", "application/json"}, {"Idempotency-Key", "inc-1/1/0/s"}, {"X-Token", "t0ken"}});
}

TEST_CASE("a webhook that is not there, and a body that is no JSON") {
  NotifyRig rig;
  CHECK(rig.bench.refusal("notify.webhook: {to: pager, body: '{}'}") ==
        "playbook p: step s: argument to: pager is not under notify.webhooks in heal.yml");
  rig.bench.set_labels({{"x", "1, \"admin\": true"}});
  CHECK(rig.bench.refusal(R"(notify.webhook: {to: chat, body: '{"n": {{ labels.x }}}'})") ==
        "playbook p: step s: argument body: labels.x: a place in JSON must stand inside of double quotes");
  CHECK(rig.bench.run("notify.webhook: {to: chat, body: '{oops'}").reason == "not begun");
  CHECK(rig.http.requests().empty());
  const auto failed = rig.bench.run("notify.webhook: {to: chat, body: '{}'}");
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.message == "webhook chat: unreachable");
  rig.http.on("POST", "http://chat.example/hook/s3cret", HttpAnswer::of(500));
  CHECK(rig.bench.run("notify.webhook: {to: chat, body: '{}'}").reason == "unexpected_status");
  std::filesystem::remove(rig.folder.file("chat.token"));
  CHECK(rig.bench.run("notify.webhook: {to: chat, body: '{}'}").kind == Kind::kFailed);
}

}  // namespace
}  // namespace heal::test
