#include "common/sim/sim_probe_io.h"

#include <algorithm>

namespace heal {
namespace {

bool fits(const IpAddress& address, AddressFamily family) {
  return family == AddressFamily::kAny || (family == AddressFamily::kV6) == address.is_v6();
}

/// Runs `step` unless `alive` has ended meanwhile.
std::function<void()> guarded(const std::shared_ptr<bool>& alive, std::function<void()> step) {
  return [alive, step = std::move(step)] {
    if (*alive) step();
  };
}

/// `127.0.0.1:80` of `http://127.0.0.1/x`.
std::string address_of_url(const std::string& url) {
  const std::size_t begin = url.find("://") + 3;
  const std::string authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const bool has_port =
      authority.find(':', authority.find(']') == std::string::npos ? 0 : authority.find(']')) != std::string::npos;
  return has_port ? authority : authority + (url.starts_with("https") ? ":443" : ":80");
}

}  // namespace

class SimProbeIo::Timer : public PendingIo {
 public:
  Timer(SimProbeIo& io, std::pair<SteadyTime, std::uint64_t> key) : io_(io), key_(key) {}
  ~Timer() override { io_.timers_.erase(key_); }

 private:
  SimProbeIo& io_;
  std::pair<SteadyTime, std::uint64_t> key_;
};

class SimProbeIo::Exchange : public HttpExchange {
 public:
  Exchange(SimProbeIo& io, const HttpHop& hop, HttpHopObserver& observer) : io_(io), observer_(observer) {
    const std::string address = hop.connect_to ? SimProbeIo::key(*hop.connect_to) : address_of_url(hop.url);
    const auto server = io.http_.find(address);
    if (server == io.http_.end()) {
      answer_.failure = ProbeFailure{ProbePhase::kConnect, ProbeReason::kRefused, "connection refused"};
    } else {
      answer_ = server->second(hop);
    }
    io_.post(guarded(alive_, [this] { begin(); }));
  }
  ~Exchange() override { *alive_ = false; }

  HttpHopTimings timings() const override {
    HttpHopTimings times;
    times.tcp_connected = times.connected = connected_;
    times.responded = responded_;
    if (responded_) times.processing = answer_.delay;
    return times;
  }

 private:
  void begin() {
    connected_ = !answer_.failure.has_value();
    timer_ = io_.call_at(io_.now() + answer_.delay, [this] { finish(); });
  }
  void finish() {
    if (answer_.failure) return observer_.on_done(answer_.failure);
    responded_ = true;
    const bool go_on = observer_.on_head(answer_.head) == HttpHopObserver::Next::kContinue;
    if (go_on && !answer_.body.empty()) observer_.on_body(answer_.body);
    for (const auto& [name, value] : answer_.trailers)
      observer_.on_trailer(name, value);
    observer_.on_done(std::nullopt);
  }

  SimProbeIo& io_;
  HttpHopObserver& observer_;
  SimHttpAnswer answer_;
  bool connected_ = false, responded_ = false;
  std::unique_ptr<PendingIo> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class SimProbeIo::Stream : public ByteStream {
 public:
  explicit Stream(SimProbeIo& io) : io_(io) {}
  ~Stream() override { *alive_ = false; }

  void connect(const SocketAddress& to, const std::optional<IpAddress>&, Done done) override {
    connect_to(SimProbeIo::key(to), {ProbePhase::kConnect, ProbeReason::kRefused, "connection refused"},
               std::move(done));
  }
  void connect_unix(const std::string& path, Done done) override {
    connect_to("unix:" + path, {ProbePhase::kConnect, ProbeReason::kNotFound, "connect: No such file or directory"},
               std::move(done));
  }
  void start_tls(const TlsSettings&, TlsDone done) override {
    io_.post(guarded(alive_, [done = std::move(done)] {
      done(ProbeFailure{ProbePhase::kTls, ProbeReason::kHandshake, "the simulation speaks no TLS"}, {});
    }));
  }
  void write(std::string bytes, Done done) override {
    io_.written_ += bytes;
    io_.post(guarded(alive_, [done = std::move(done)] { done(std::nullopt); }));
  }
  void read(ReadDone done) override {
    if (next_ == server_.lines.size() && server_.at_end == AtEnd::kStays) return;
    std::string bytes = next_ < server_.lines.size() ? server_.lines[next_++] + "\n" : "";
    io_.post(guarded(alive_, [done = std::move(done), bytes = std::move(bytes)] { done(std::nullopt, bytes); }));
  }

 private:
  void connect_to(const std::string& key, ProbeFailure otherwise, Done done) {
    const auto server = io_.lines_.find(key);
    std::optional<ProbeFailure> failure;
    if (server == io_.lines_.end()) {
      failure = std::move(otherwise);
    } else {
      server_ = server->second;
    }
    io_.post(guarded(alive_, [done = std::move(done), failure] { done(failure); }));
  }

  SimProbeIo& io_;
  LineServer server_;
  std::size_t next_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class SimProbeIo::Datagrams : public ByteStream {
 public:
  explicit Datagrams(SimProbeIo& io) : io_(io) {}
  ~Datagrams() override { *alive_ = false; }

  void connect(const SocketAddress& to, const std::optional<IpAddress>&, Done done) override {
    const auto server = io_.datagrams_.find(SimProbeIo::key(to));
    if (server != io_.datagrams_.end()) server_ = server->second;
    io_.post(guarded(alive_, [done = std::move(done)] { done(std::nullopt); }));
  }
  void connect_unix(const std::string&, Done done) override {
    const ProbeFailure failure{ProbePhase::kConnect, ProbeReason::kOther, "connect: not a stream"};
    io_.post(guarded(alive_, [done = std::move(done), failure] { done(failure); }));
  }
  void start_tls(const TlsSettings&, TlsDone done) override {
    io_.post(guarded(alive_, [done = std::move(done)] {
      done(ProbeFailure{ProbePhase::kTls, ProbeReason::kHandshake, "UDP speaks no TLS"}, {});
    }));
  }
  void write(std::string bytes, Done done) override {
    if (server_) answers_ = server_(bytes);
    io_.post(guarded(alive_, [done = std::move(done)] { done(std::nullopt); }));
  }
  void read(ReadDone done) override {
    if (server_ && answers_.empty()) return;
    std::optional<ProbeFailure> failure;
    std::string bytes;
    if (!server_) {
      failure = ProbeFailure{ProbePhase::kResponse, ProbeReason::kRefused, "read: connection refused"};
    } else {
      bytes = answers_.front();
      answers_.erase(answers_.begin());
    }
    io_.post(guarded(alive_, [done = std::move(done), failure, bytes] { done(failure, bytes); }));
  }

 private:
  SimProbeIo& io_;
  DatagramServer server_;
  std::vector<std::string> answers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class SimProbeIo::Echo : public PendingIo {
 public:
  Echo(SimProbeIo& io, const EchoRequest& request, EchoDone done) {
    const auto host = io.echo_hosts_.find(request.to.str());
    const std::optional<EchoReply> reply = host == io.echo_hosts_.end() ? std::nullopt : host->second(request);
    if (!reply) return;
    timer_ = io.call_at(io.now() + reply->rtt, [done = std::move(done), reply = *reply] { done(std::nullopt, reply); });
  }

 private:
  std::unique_ptr<PendingIo> timer_;
};

void SimProbeIo::serve(const SocketAddress& address, HttpServer server) {
  http_[key(address)] = std::move(server);
}

void SimProbeIo::serve_lines(const SocketAddress& address, std::vector<std::string> lines, AtEnd at_end) {
  lines_[key(address)] = {std::move(lines), at_end};
}

void SimProbeIo::serve_socket(const std::string& path, std::vector<std::string> lines, AtEnd at_end) {
  lines_["unix:" + path] = {std::move(lines), at_end};
}

void SimProbeIo::serve_datagrams(const SocketAddress& address, DatagramServer server) {
  datagrams_[key(address)] = std::move(server);
}

void SimProbeIo::post(std::function<void()> task) {
  MutexLock lock(mutex_);
  posted_.push_back(std::move(task));
}

std::size_t SimProbeIo::run() {
  std::size_t count = 0;
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      if (!posted_.empty()) {
        task = std::move(posted_.front());
        posted_.pop_front();
      }
    }
    if (!task && !timers_.empty() && timers_.begin()->first.first <= now()) {
      task = std::move(timers_.extract(timers_.begin()).mapped());
    }
    if (!task) return count;
    task();
    ++count;
  }
}

std::optional<SteadyTime> SimProbeIo::next_timer() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.first;
}

Status SimProbeIo::prepare_tls(const TlsSettings& settings) {
  if (settings.ca_file.empty()) return {};
  return make_error(ErrorCode::kNotFound, "ca_file \"{}\": the simulation has no files", settings.ca_file);
}

std::unique_ptr<PendingIo> SimProbeIo::call_at(SteadyTime when, std::function<void()> task) {
  const std::pair key(when, next_id_++);
  timers_.emplace(key, std::move(task));
  return std::make_unique<Timer>(*this, key);
}

std::unique_ptr<PendingIo> SimProbeIo::resolve(const std::string& host, AddressFamily family, Resolved done) {
  std::vector<IpAddress> found;
  if (const auto literal = IpAddress::parse(host)) found = {*literal};
  if (const auto known = hosts_.find(host); known != hosts_.end()) found = known->second;
  const bool known = !found.empty();
  std::erase_if(found, [&](const IpAddress& address) { return !fits(address, family); });
  std::optional<ProbeFailure> failure;
  if (found.empty()) {
    failure = ProbeFailure{ProbePhase::kResolve, known ? ProbeReason::kNoAddress : ProbeReason::kNotFound,
                           fmt::format("lookup of \"{}\": no such host", host)};
  }
  return call_at(now(), [done = std::move(done), failure, found] { done(failure, found); });
}

std::unique_ptr<HttpExchange> SimProbeIo::exchange(HttpHop hop, HttpHopObserver& observer) {
  return std::make_unique<Exchange>(*this, hop, observer);
}

std::unique_ptr<ByteStream> SimProbeIo::open_stream() {
  return std::make_unique<Stream>(*this);
}

std::unique_ptr<ByteStream> SimProbeIo::open_datagrams() {
  return std::make_unique<Datagrams>(*this);
}

std::unique_ptr<PendingIo> SimProbeIo::echo(EchoRequest request, EchoDone done) {
  return std::make_unique<Echo>(*this, request, std::move(done));
}

}  // namespace heal
