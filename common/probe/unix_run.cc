#include <optional>

#include "common/base/text.h"
#include "common/probe/dialogue.h"
#include "common/probe/run.h"

namespace heal::probe {
namespace {

/// The unix prober: connects to a socket of this host, whose path is the target, and holds the module's dialogue.
class UnixRun : public ProbeRun {
 public:
  UnixRun(const ProbeRequest& request, ProbeIo& io, RunLog& log)
      : request_(request), settings_(request.module->unix_socket), io_(io), log_(log) {}

  void start(Done done) override;
  void abort(ProbeReason reason) override;

 private:
  void connected(std::optional<ProbeFailure> failure);
  void fail(ProbeFailure failure);
  void finish();

  const ProbeRequest request_;
  const UnixSettings& settings_;
  ProbeIo& io_;
  RunLog& log_;
  Done done_;
  std::unique_ptr<ByteStream> stream_;
  std::optional<Dialogue> dialogue_;
  std::optional<ProbeFailure> failure_;
  bool finished_ = false;
};

void UnixRun::start(Done done) {
  done_ = std::move(done);
  if (std::optional<std::string> refusal = request_.policy->refusal_of_socket(request_.target)) {
    return fail({ProbePhase::kTarget, ProbeReason::kNotAllowed, *std::move(refusal)});
  }
  log_.info(settings_.tls ? "Dialing unix with TLS" : "Dialing unix without TLS");
  stream_ = io_.open_stream();
  stream_->connect_unix(request_.target,
                        [this](std::optional<ProbeFailure> failure) { connected(std::move(failure)); });
}

void UnixRun::connected(std::optional<ProbeFailure> failure) {
  if (failure) return fail(*std::move(failure));
  dialogue_.emplace(*stream_, settings_.query_response, settings_.tls_config, log_);
  dialogue_->start(settings_.tls ? Dialogue::Tls::kFirst : Dialogue::Tls::kByStarttls,
                   [this](std::optional<ProbeFailure> dialogue_failure) {
                     if (dialogue_failure) return fail(*std::move(dialogue_failure));
                     finish();
                   });
}

void UnixRun::fail(ProbeFailure failure) {
  log_.failure(failure);
  failure_ = std::move(failure);
  finish();
}

void UnixRun::abort(ProbeReason reason) {
  if (finished_) return;
  fail(aborted(dialogue_ ? dialogue_->phase() : ProbePhase::kConnect, reason,
               stream_ ? stream_->tls_turn() : TlsTurn()));
}

void UnixRun::finish() {
  if (finished_) return;
  finished_ = true;
  RunOutcome outcome{failure_, {}};
  if (dialogue_ && dialogue_->has_begun()) {
    outcome.families = {gauge_family("probe_failed_due_to_regex", "Indicates if probe failed due to regex",
                                     dialogue_->failed_by_regexp() ? 1 : 0),
                        gauge_family("probe_failed_due_to_bytes", "Indicates if probe failed due to bytes",
                                     dialogue_->failed_by_bytes() ? 1 : 0)};
    dialogue_->add_families(outcome.families);
  }
  done_(std::move(outcome));
}

}  // namespace

std::unique_ptr<ProbeRun> make_unix_run(const ProbeRequest& request, ProbeIo& io, RunLog& log) {
  return std::make_unique<UnixRun>(request, io, log);
}

}  // namespace heal::probe
