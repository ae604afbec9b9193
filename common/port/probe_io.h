#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/shared_text.h"
#include "common/base/time.h"
#include "common/model/ip_address.h"
#include "common/model/probe_failure.h"

namespace heal {

/// Something under way on a ProbeIo. Destroying it cancels: its callback does not run any more. Loop thread only.
class PendingIo {
 public:
  virtual ~PendingIo() = default;
};

/// The two oldest versions are refused by default, as blackbox_exporter's TLS client does.
enum class TlsVersion { kTls10, kTls11, kTls12, kTls13 };

/// A `tls_config`. Files are read when first used and again when they change.
struct TlsSettings {
  std::string ca_file, cert_file, key_file;  ///< "" for the system's roots / no client certificate
  std::string ca, cert, key;                 ///< the same as PEM, instead of a file; the key is a secret
  std::string server_name;                   ///< name to ask for and to verify; "" lets the caller choose
  bool insecure_skip_verify = false;
  std::optional<TlsVersion> min_version, max_version;

  /// True when a certificate or a key is named or written here.
  bool has_certificates() const {
    return !(ca_file.empty() && cert_file.empty() && key_file.empty() && ca.empty() && cert.empty() && key.empty());
  }
  bool operator==(const TlsSettings&) const = default;
};

/// What a finished TLS handshake showed. Times are Unix seconds.
struct TlsFacts {
  std::string version;  ///< "TLS 1.3"
  std::string cipher;
  std::int64_t earliest_expiry = 0;             ///< of the certificates that the server sent
  std::optional<std::int64_t> verified_expiry;  ///< of the verified chain, root included; nullopt without verification
  std::string fingerprint_sha256;               ///< of the leaf, hex
  std::string subject, issuer;                  ///< of the leaf, as Go's pkix.Name prints them
  std::string alternative_names;                ///< DNS names of the leaf, comma separated

  bool operator==(const TlsFacts&) const = default;
};

struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;

  bool operator==(const SocketAddress&) const = default;
};

enum class AddressFamily { kAny, kV4, kV6 };

/// One HTTP request on a new connection, redirects not followed. Nothing is added to `headers` but what framing needs.
struct HttpHop {
  std::string method = "GET";
  std::string url;                          ///< http:// or https://; the host is also the name that TLS verifies
  std::optional<SocketAddress> connect_to;  ///< where the connection goes instead of the URL's host
  /// With a proxy and without connect_to: the name that the proxy connects to instead of the URL's host, at its port.
  std::string connect_name;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Host included
  SharedText body;
  TlsSettings tls;                                                 ///< server_name is not looked at
  std::string proxy_url;                                           ///< "" for none; http, https, socks5
  std::vector<std::pair<std::string, std::string>> proxy_headers;  ///< of an https URL: for CONNECT
  /// kHttp2 speaks it on a plain connection from the first byte; over TLS the server may still choose HTTP/1.1.
  enum class Versions { kHttp1, kHttp1And2, kHttp2 };
  Versions versions = Versions::kHttp1And2;
};

/// The head of the final (not 1xx) answer.
struct HttpHopHead {
  int status = 0;
  std::string protocol;  ///< "HTTP/1.1", "HTTP/2.0"
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<TlsFacts> tls;  ///< when the answer came over TLS
};

/// TLS handshakes that run at once are limited; how one that was asked for stands.
struct TlsTurn {
  bool is_waiting = false;  ///< it has not begun yet
  Duration waited{};        ///< for its turn; in no other duration

  bool operator==(const TlsTurn&) const = default;
};

/// How many TLS handshakes there are.
struct TlsHandshakes {
  std::size_t in_flight = 0;  ///< within the limit
  std::size_t slow = 0;       ///< begun as well, kept waiting by their servers, and not counted any more
  std::size_t waiting = 0;    ///< for their turn

  bool operator==(const TlsHandshakes&) const = default;
};

/// Durations of the steps of one hop; zero for a step that was not reached.
struct HttpHopTimings {
  bool tcp_connected = false;
  bool connected = false;  ///< ready to send: TLS done where there is TLS
  bool responded = false;  ///< the first byte of the answer came
  Duration connect{}, tls{}, processing{}, transfer{};
  TlsTurn tls_turn;
};

/// Is told what happens on a hop, on the loop thread. The exchange must not be destroyed inside on_head and on_body.
class HttpHopObserver {
 public:
  virtual ~HttpHopObserver() = default;
  enum class Next { kContinue, kStop };
  /// kStop ends the exchange: on_done(nullopt) follows.
  virtual Next on_head(HttpHopHead head) = 0;
  virtual Next on_body(std::string_view bytes) = 0;
  /// A header that came behind the body.
  virtual void on_trailer(std::string_view /*name*/, std::string_view /*value*/) {}
  /// Exactly once, the last call; nullopt when the answer was complete or on_* said kStop.
  virtual void on_done(std::optional<ProbeFailure> failure) = 0;
};

/// A running hop. Destroying it closes the connection at once and silences the observer.
class HttpExchange : public PendingIo {
 public:
  virtual HttpHopTimings timings() const = 0;
};

/// One ICMP echo request (ping).
struct EchoRequest {
  IpAddress to;
  std::optional<IpAddress> source;
  int hop_limit = 0;  ///< TTL; 0: the system's
  enum class Fragments { kAllowed, kForbidden };
  Fragments fragments = Fragments::kAllowed;  ///< IPv4 only
  std::string payload;
};

struct EchoReply {
  Duration rtt{};                ///< by the kernel's receive time where it tells
  std::optional<int> hop_limit;  ///< what was left of the reply's TTL

  bool operator==(const EchoReply&) const = default;
};

/// A connection over TCP or a unix socket, or a connected UDP socket, whose steps are done one at a time; the next may
/// be started when the callback of the one before has run. Destroying it closes the connection and silences the
/// callbacks. Loop thread only.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  using Done = std::function<void(std::optional<ProbeFailure>)>;
  using TlsDone = std::function<void(std::optional<ProbeFailure>, TlsFacts)>;
  /// `bytes` is empty at the end of the stream.
  using ReadDone = std::function<void(std::optional<ProbeFailure>, std::string_view bytes)>;

  virtual void connect(const SocketAddress& to, const std::optional<IpAddress>& source, Done done) = 0;
  /// To the unix socket at `path`; one that begins with '@' has no file (Linux' abstract names). Of open_stream() only.
  virtual void connect_unix(const std::string& path, Done done) = 0;
  /// `settings.server_name` is asked for and verified; "" asks for no name and verifies none.
  virtual void start_tls(const TlsSettings& settings, TlsDone done) = 0;
  /// Of the handshake that start_tls() asked for last.
  virtual TlsTurn tls_turn() const { return {}; }
  /// UDP: one datagram.
  virtual void write(std::string bytes, Done done) = 0;
  /// UDP: one datagram, cut at 16 KiB.
  virtual void read(ReadDone done) = 0;
};

/// Asynchronous network I/O for probers: one event loop on one thread. post(), now(), prepare_tls() and
/// tls_handshakes() may be called from anywhere; the rest, and every callback, belongs to the loop thread. Callbacks
/// never run inside the call that asked for them. No deadlines here: who starts something cancels it in time.
class ProbeIo {
 public:
  virtual ~ProbeIo() = default;

  virtual SteadyTime now() = 0;
  virtual void post(std::function<void()> task) = 0;
  /// Reads and checks the files of `settings` so that later use is cheap. kInvalid or kNotFound names the file.
  virtual Status prepare_tls(const TlsSettings& settings) = 0;
  virtual TlsHandshakes tls_handshakes() const { return {}; }

  [[nodiscard]] virtual std::unique_ptr<PendingIo> call_at(SteadyTime when, std::function<void()> task) = 0;
  using Resolved = std::function<void(std::optional<ProbeFailure>, std::vector<IpAddress>)>;
  /// Addresses of `host` (a name or an address), /etc/hosts included, best first; never empty without a failure.
  [[nodiscard]] virtual std::unique_ptr<PendingIo> resolve(const std::string& host, AddressFamily family,
                                                           Resolved done) = 0;
  /// `observer` must outlive the exchange.
  [[nodiscard]] virtual std::unique_ptr<HttpExchange> exchange(HttpHop hop, HttpHopObserver& observer) = 0;
  [[nodiscard]] virtual std::unique_ptr<ByteStream> open_stream() = 0;
  /// The same over UDP; it speaks no TLS.
  [[nodiscard]] virtual std::unique_ptr<ByteStream> open_datagrams() = 0;

  using EchoDone = std::function<void(std::optional<ProbeFailure>, EchoReply)>;
  /// Sends an echo request and waits for its reply, for ever if need be. Fails in phase connect when no socket or
  /// source can be had, in phase send when it cannot be sent, in phase response when a router or the host says that it
  /// did not arrive.
  [[nodiscard]] virtual std::unique_ptr<PendingIo> echo(EchoRequest request, EchoDone done) = 0;

  /// A number that nobody can foresee, for the ids of messages. From anywhere.
  virtual std::uint16_t random_id() = 0;
};

}  // namespace heal
