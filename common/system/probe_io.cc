#include "common/system/probe_io.h"

#include "common/system/probe/echo.h"
#include "common/system/probe/event_loop.h"
#include "common/system/probe/http.h"
#include "common/system/probe/resolver.h"
#include "common/system/probe/stream.h"
#include "common/system/probe/tls.h"
#include "common/system/probe/tls_turns.h"

namespace heal::system {
namespace {

/// How long a TLS context stays that nobody asks for: longer than most probes' intervals.
constexpr Duration kContextsKept = std::chrono::minutes(10);

class PendingTimer : public PendingIo {
 public:
  PendingTimer(EventLoop& loop, EventLoop::Id id) : loop_(loop), id_(id) {}
  ~PendingTimer() override { loop_.cancel(id_); }

 private:
  EventLoop& loop_;
  EventLoop::Id id_;
};

}  // namespace

struct SystemProbeIo::Parts {
  explicit Parts(TlsLimits limits) : turns(loop, limits) {
    loop.post([this] { drop_contexts_later(); });
  }

  void drop_contexts_later() {
    loop.call_at(loop.now() + kContextsKept, [this] {
      contexts.drop_unused(loop.now() - kContextsKept);
      drop_contexts_later();
    });
  }

  TlsContexts contexts;
  EventLoop loop;
  TlsTurns turns;
  Resolver resolver{loop};
  HttpMulti http{loop, contexts, turns};
  EchoSockets echoes{loop};
};

SystemProbeIo::SystemProbeIo(TlsLimits limits) : parts_(std::make_unique<Parts>(limits)) {}

SystemProbeIo::~SystemProbeIo() {
  // With the thread gone, the parts that belong to it may be taken down from here.
  parts_->loop.stop();
}

SteadyTime SystemProbeIo::now() {
  return parts_->loop.now();
}

void SystemProbeIo::post(std::function<void()> task) {
  parts_->loop.post(std::move(task));
}

Status SystemProbeIo::prepare_tls(const TlsSettings& settings) {
  HEAL_TRY([[maybe_unused]] const auto context, parts_->contexts.get(settings, parts_->loop.now()));
  return {};
}

TlsHandshakes SystemProbeIo::tls_handshakes() const {
  return parts_->turns.counts();
}

std::unique_ptr<PendingIo> SystemProbeIo::call_at(SteadyTime when, std::function<void()> task) {
  return std::make_unique<PendingTimer>(parts_->loop, parts_->loop.call_at(when, std::move(task)));
}

std::unique_ptr<PendingIo> SystemProbeIo::resolve(const std::string& host, AddressFamily family, Resolved done) {
  return parts_->resolver.resolve(host, family, std::move(done));
}

std::unique_ptr<HttpExchange> SystemProbeIo::exchange(HttpHop hop, HttpHopObserver& observer) {
  return parts_->http.exchange(std::move(hop), observer);
}

std::unique_ptr<ByteStream> SystemProbeIo::open_stream() {
  return std::make_unique<SocketStream>(parts_->loop, parts_->contexts, parts_->turns);
}

std::unique_ptr<ByteStream> SystemProbeIo::open_datagrams() {
  return std::make_unique<SocketStream>(parts_->loop, parts_->contexts, parts_->turns, SocketStream::Transport::kUdp);
}

std::unique_ptr<PendingIo> SystemProbeIo::echo(EchoRequest request, EchoDone done) {
  return parts_->echoes.echo(std::move(request), std::move(done));
}

std::uint16_t SystemProbeIo::random_id() {
  return unpredictable_id();
}

}  // namespace heal::system
