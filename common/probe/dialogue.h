#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/port/probe_io.h"
#include "common/probe/line_buffer.h"
#include "common/probe/module.h"
#include "common/probe/run.h"

namespace heal::probe {

/// The dialogue of a tcp or unix module over a connection: TLS, and what is expected and sent, step by step.
/// Destroying it ends it, as long as the stream goes with it. Loop thread only.
class Dialogue {
 public:
  using Done = std::function<void(std::optional<ProbeFailure>)>;
  enum class Tls { kFirst, kByStarttls };

  /// `stream` is connected. What the references refer to must outlive this. `tls.server_name` is verified.
  Dialogue(ByteStream& stream, const std::vector<QueryResponse>& steps, TlsSettings tls, RunLog& log)
      : stream_(stream), steps_(steps), tls_settings_(std::move(tls)), log_(log) {}
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  /// `done` runs once, possibly inside this call, and then nothing happens any more.
  void start(Tls tls, Done done);
  /// The step of a probe that is under way.
  ProbePhase phase() const { return phase_; }
  /// False while the connection is not ready, which with Tls::kFirst is after the handshake.
  bool has_begun() const { return has_begun_; }
  bool failed_by_regexp() const { return failed_by_regexp_; }
  bool failed_by_bytes() const { return failed_by_bytes_; }
  /// probe_expect_info, and the facts of TLS.
  void add_families(std::vector<SampleFamily>& families) const;

 private:
  enum class Part { kBegin, kExpect, kSend, kStartTls };
  /// kStops: a callback will go on, or all has ended and nothing may be touched any more.
  enum class Progress { kGoesOn, kStops };

  void start_tls(std::function<void()> next);
  void go_on();
  Progress do_part();
  Progress expect();
  Progress expect_line(const QueryResponse& step);
  Progress expect_bytes(const std::string& wanted);
  void note_labels(const QueryResponse& step, const std::vector<std::string>& groups);
  Progress read_more();
  Progress send_line();
  Progress switch_to_tls(const QueryResponse& step);
  Progress fail(ProbePhase phase, ProbeReason reason, std::string message);

  ByteStream& stream_;
  const std::vector<QueryResponse>& steps_;
  const TlsSettings tls_settings_;
  RunLog& log_;
  Done done_;
  ProbePhase phase_ = ProbePhase::kConnect;
  std::size_t step_ = 0;
  Part part_ = Part::kBegin;
  std::string outgoing_;
  LineBuffer lines_;
  std::optional<TlsFacts> tls_;
  std::optional<SampleFamily> expect_info_;
  bool has_begun_ = false, failed_by_regexp_ = false, failed_by_bytes_ = false;
};

}  // namespace heal::probe
