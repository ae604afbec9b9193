#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/probe_io.h"

namespace heal {

/// What a simulated web server answers after `delay`.
struct SimHttpAnswer {
  Duration delay{};
  HttpHopHead head{200, "HTTP/1.1", {}, std::nullopt};
  std::string body;
  std::optional<ProbeFailure> failure;  ///< instead of an answer
  std::vector<std::pair<std::string, std::string>> trailers{};
};

/// Networks in memory for probers. Runs on one thread, which is the loop: tasks and timers run inside run(), as far as
/// the clock has come. post() may be called from anywhere.
class SimProbeIo : public ProbeIo {
 public:
  using HttpServer = std::function<SimHttpAnswer(const HttpHop&)>;

  /// `clock` must outlive this.
  explicit SimProbeIo(Clock& clock) : clock_(clock) {}

  void add_host(const std::string& name, std::vector<IpAddress> addresses) { hosts_[name] = std::move(addresses); }
  /// A web server at an address; where there is none, connections are refused.
  void serve(const SocketAddress& address, HttpServer server);
  /// A TCP server that sends each of `lines`, ended by a line feed, and after the last closes or (stays) says nothing.
  enum class AtEnd { kCloses, kStays };
  void serve_lines(const SocketAddress& address, std::vector<std::string> lines, AtEnd at_end = AtEnd::kCloses);
  /// The same on the unix socket at `path`.
  void serve_socket(const std::string& path, std::vector<std::string> lines, AtEnd at_end = AtEnd::kCloses);
  /// A UDP server: the datagrams that it answers one with. Where there is none, sockets are told that it was refused.
  using DatagramServer = std::function<std::vector<std::string>(const std::string& query)>;
  void serve_datagrams(const SocketAddress& address, DatagramServer server);
  /// A host that answers echo requests after the reply's rtt; nullopt, or no host there: silence.
  using EchoHost = std::function<std::optional<EchoReply>(const EchoRequest&)>;
  void answer_echoes(const IpAddress& address, EchoHost host) { echo_hosts_[address.str()] = std::move(host); }
  /// All bytes that streams have written, in order.
  const std::string& written() const { return written_; }

  /// Runs everything that is due at the clock's time; gives how many tasks that were.
  std::size_t run();
  /// The moment of the next timer.
  std::optional<SteadyTime> next_timer() const;

  SteadyTime now() override { return clock_.steady_now(); }
  void post(std::function<void()> task) override HEAL_EXCLUDES(mutex_);
  Status prepare_tls(const TlsSettings& settings) override;
  std::unique_ptr<PendingIo> call_at(SteadyTime when, std::function<void()> task) override;
  std::unique_ptr<PendingIo> resolve(const std::string& host, AddressFamily family, Resolved done) override;
  std::unique_ptr<HttpExchange> exchange(HttpHop hop, HttpHopObserver& observer) override;
  std::unique_ptr<ByteStream> open_stream() override;
  std::unique_ptr<ByteStream> open_datagrams() override;
  std::unique_ptr<PendingIo> echo(EchoRequest request, EchoDone done) override;
  /// 1, 2, 3, …
  std::uint16_t random_id() override { return ++last_random_id_; }

 private:
  class Timer;
  class Exchange;
  class Stream;
  class Datagrams;
  class Echo;
  struct LineServer {
    std::vector<std::string> lines;
    AtEnd at_end = AtEnd::kCloses;
  };
  static std::string key(const SocketAddress& address) { return join_host_port(address.ip.str(), address.port); }

  Clock& clock_;
  std::map<std::string, std::vector<IpAddress>> hosts_;
  std::map<std::string, HttpServer> http_;
  std::map<std::string, LineServer> lines_;
  std::map<std::string, DatagramServer> datagrams_;
  std::map<std::string, EchoHost> echo_hosts_;
  std::uint16_t last_random_id_ = 0;
  std::string written_;
  std::uint64_t next_id_ = 1;
  std::map<std::pair<SteadyTime, std::uint64_t>, std::function<void()>> timers_;

  Mutex mutex_;
  std::deque<std::function<void()>> posted_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
