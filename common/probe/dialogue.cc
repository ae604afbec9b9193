#include "common/probe/dialogue.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/probe/expand.h"
#include "common/probe/tls_families.h"

namespace heal::probe {

void Dialogue::start(Tls tls, Done done) {
  done_ = std::move(done);
  const auto begin = [this] {
    has_begun_ = true;
    log_.info("Successfully dialed");
    go_on();
  };
  if (tls == Tls::kByStarttls) return begin();
  start_tls(begin);
}

void Dialogue::start_tls(std::function<void()> next) {
  phase_ = ProbePhase::kTls;
  if (tls_settings_.server_name.empty() && !tls_settings_.insecure_skip_verify) {
    fail(phase_, ProbeReason::kTlsConfig, "there is no name to verify: server_name or insecure_skip_verify");
    return;
  }
  stream_.start_tls(tls_settings_, [this, next = std::move(next)](std::optional<ProbeFailure> failure, TlsFacts facts) {
    if (failure) return done_(std::move(failure));
    tls_ = std::move(facts);
    next();
  });
}

// A loop, for what needs no I/O could be any number of steps: calls in calls would fill the stack.
void Dialogue::go_on() {
  while (step_ < steps_.size()) {
    if (do_part() == Progress::kStops) return;
  }
  done_(std::nullopt);
}

Dialogue::Progress Dialogue::do_part() {
  switch (part_) {
    case Part::kBegin:
      log_.info("Processing query response entry", {{"entry_number", fmt::format("{}", step_)}});
      outgoing_ = steps_[step_].send;
      part_ = Part::kExpect;
      return Progress::kGoesOn;
    case Part::kExpect:
      if (expect() == Progress::kStops) return Progress::kStops;
      part_ = Part::kSend;
      return Progress::kGoesOn;
    case Part::kSend:
      part_ = Part::kStartTls;
      return send_line();
    case Part::kStartTls:
      part_ = Part::kBegin;
      return switch_to_tls(steps_[step_++]);
  }
  return Progress::kStops;
}

Dialogue::Progress Dialogue::expect() {
  const QueryResponse& step = steps_[step_];
  if (step.expect) return expect_line(step);
  if (!step.expect_bytes.empty()) return expect_bytes(step.expect_bytes);
  return Progress::kGoesOn;
}

Dialogue::Progress Dialogue::expect_line(const QueryResponse& step) {
  phase_ = ProbePhase::kExpect;
  const Regex& regexp = *step.expect;
  while (const std::optional<std::string> line = lines_.next()) {
    const std::vector<std::string> groups = regexp.captures(*line);
    if (groups.empty()) continue;
    log_.info("Regexp matched", {{"regexp", regexp.pattern()}, {"line", *line}});
    failed_by_regexp_ = false;
    outgoing_ = expand_groups(outgoing_, groups, regexp.group_names());
    if (step.labels) note_labels(step, groups);
    return Progress::kGoesOn;
  }
  if (lines_.is_too_long()) return fail(ProbePhase::kExpect, ProbeReason::kTooLarge, "a line is over 64 KiB");
  if (lines_.has_ended()) {
    failed_by_regexp_ = true;
    return fail(ProbePhase::kExpect, ProbeReason::kRegexp,
                fmt::format("the other side closed before a line matched {}", regexp.pattern()));
  }
  return read_more();
}

Dialogue::Progress Dialogue::expect_bytes(const std::string& wanted) {
  phase_ = ProbePhase::kExpect;
  const std::string_view came = lines_.rest().substr(0, wanted.size());
  if (!wanted.starts_with(came)) {
    failed_by_bytes_ = true;
    return fail(ProbePhase::kExpect, ProbeReason::kUnexpectedBytes,
                fmt::format("the bytes \"{}\" are not \"{}\"", printable(came), printable(wanted)));
  }
  if (came.size() == wanted.size()) {
    log_.info("Bytes matched", {{"expected", wanted}});
    lines_.skip(wanted.size());
    return Progress::kGoesOn;
  }
  if (lines_.has_ended()) {
    return fail(ProbePhase::kExpect, ProbeReason::kClosed,
                fmt::format("the other side closed after {} of {} bytes", came.size(), wanted.size()));
  }
  return read_more();
}

void Dialogue::note_labels(const QueryResponse& step, const std::vector<std::string>& groups) {
  if (!expect_info_) expect_info_ = SampleFamily{"probe_expect_info", "Explicit content matched", {}};
  Sample sample{{}, 1};
  // What was matched is UTF-8 by now: Regex reads other bytes as U+FFFD.
  for (const auto& [name, text] : *step.labels) {
    sample.labels[name] = expand_groups(text, groups, step.expect->group_names());
  }
  const auto is_same = [&](const Sample& other) { return other.labels == sample.labels; };
  if (std::none_of(expect_info_->samples.begin(), expect_info_->samples.end(), is_same)) {
    expect_info_->samples.push_back(std::move(sample));
  }
}

Dialogue::Progress Dialogue::read_more() {
  stream_.read([this](std::optional<ProbeFailure> failure, std::string_view bytes) {
    if (failure) {
      failure->phase = ProbePhase::kExpect;
      return done_(std::move(failure));
    }
    if (bytes.empty()) {
      lines_.end();
    } else {
      lines_.add(bytes);
    }
    go_on();
  });
  return Progress::kStops;
}

Dialogue::Progress Dialogue::send_line() {
  if (outgoing_.empty()) return Progress::kGoesOn;
  phase_ = ProbePhase::kSend;
  stream_.write(outgoing_ + "\n", [this](std::optional<ProbeFailure> failure) {
    if (failure) return done_(std::move(failure));
    go_on();
  });
  return Progress::kStops;
}

Dialogue::Progress Dialogue::switch_to_tls(const QueryResponse& step) {
  if (!step.starttls) return Progress::kGoesOn;
  start_tls([this] {
    log_.info("TLS Handshake (client) succeeded.");
    // What came in clear before the handshake must not be taken for an answer in confidence.
    lines_ = {};
    go_on();
  });
  return Progress::kStops;
}

Dialogue::Progress Dialogue::fail(ProbePhase phase, ProbeReason reason, std::string message) {
  done_(ProbeFailure{phase, reason, std::move(message)});
  return Progress::kStops;
}

void Dialogue::add_families(std::vector<SampleFamily>& families) const {
  if (expect_info_) families.push_back(*expect_info_);
  if (tls_) add_tls_families(*tls_, families);
}

}  // namespace heal::probe
