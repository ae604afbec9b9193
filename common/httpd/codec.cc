// The only file that includes cpp-httplib: its request parser and response writer, fed from memory. Its socket loop,
// thread pool and regexp router are not used (see README.md).
#include "common/httpd/codec.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <httplib.h>

#include "common/base/check.h"
#include "common/base/text.h"

namespace heal::httpd {
namespace {

constexpr std::size_t kCompressFrom = 1024;

// A connection that is a string: reads come from `input`, writes are collected.
class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string_view input) : input_(input) {}

  bool is_readable() const override { return !input_.empty(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* target, size_t size) override {
    const auto count = std::min(size, input_.size());
    std::memcpy(target, input_.data(), count);
    input_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* bytes, size_t size) override {
    output.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return -1; }

  std::string output;

 private:
  std::string_view input_;
};

// One request or response at a time: process_request() is protected, and its router is told that all is handled.
class Codec final : public httplib::Server {
 public:
  using Exchange = std::function<void(const httplib::Request&, httplib::Response&)>;

  /// Made once for each thread that asks: making one costs as much as its work.
  static Codec& of_thread() {
    static thread_local Codec codec;
    return codec;
  }

  /// `exchange` must not lead here again.
  std::string run(std::string_view head, bool closes, Duration idle_timeout, const Exchange& exchange) {
    const Turn turn(is_running_);
    set_pre_routing_handler([&](const httplib::Request& request, httplib::Response& response) {
      exchange(request, response);
      return HandlerResponse::Handled;
    });
    set_keep_alive_max_count(1'000'000);
    set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(idle_timeout).count());
    MemoryStream stream(head);
    bool connection_closed = false;
    process_request(stream, closes, connection_closed, nullptr);
    return std::move(stream.output);
  }

 private:
  struct Turn {
    explicit Turn(bool& running_in) : running(running_in) {
      HEAL_CHECK(!std::exchange(running, true), "one message at a time");
    }
    ~Turn() { running = false; }
    bool& running;
  };

  bool is_running_ = false;
};

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

/// Not cpp-httplib's: that takes what follows the last `=` for the value, and refuses a second `?`. The target of a
/// probe may have both.
FieldList read_query(std::string_view target) {
  const auto begin = target.find('?');
  if (begin == std::string_view::npos) return {};
  FieldList query;
  for (const std::string_view field : split(target.substr(begin + 1, target.find('#') - begin - 1), '&')) {
    if (field.empty()) continue;
    const auto equals = field.find('=');
    const auto decoded = [](std::string_view part) { return httplib::detail::decode_url(std::string(part), true); };
    query.emplace_back(decoded(field.substr(0, equals)),
                       equals == std::string_view::npos ? "" : decoded(field.substr(equals + 1)));
  }
  std::ranges::stable_sort(query, {}, [](const auto& field) { return field.first; });
  return query;
}

}  // namespace

std::optional<HttpRequest> read_request(const Head& head) {
  std::optional<HttpRequest> result;
  const std::string path = head.target.substr(0, head.target.find('?'));
  Codec::of_thread().run(head.method + " " + path + " HTTP/1.1\r\n\r\n", true, 0s,
                         [&](const httplib::Request& parsed, httplib::Response&) {
                           result.emplace();
                           result->method = parsed.method;
                           result->path = parsed.path;
                         });
  if (!result || has_control_character(result->path)) return std::nullopt;
  result->target = head.target;
  result->query = read_query(head.target);
  result->headers = head.headers;
  return result;
}

std::string write_response(const HttpResponse& response, const ResponseFraming& framing) {
  std::string head = framing.is_head ? "HEAD / HTTP/1.1\r\n" : "GET / HTTP/1.1\r\n";
  if (framing.accepts_gzip && response.body.size() >= kCompressFrom) head += "Accept-Encoding: gzip\r\n";
  head += "\r\n";
  return Codec::of_thread().run(head, framing.closes, framing.idle_timeout,
                                [&](const httplib::Request&, httplib::Response& out) {
                                  out.status = response.status;
                                  out.body = response.body;
                                  if (!response.content_type.empty())
                                    out.set_header("Content-Type", response.content_type);
                                  for (const auto& [name, value] : response.headers) {
                                    if (!has_control_character(value)) out.set_header(name, value);
                                  }
                                });
}

bool accepts_gzip(std::string_view value) {
  for (const auto item : split(value, ',')) {
    const auto parts = split(item, ';');
    if (to_lower(trim(parts[0])) != "gzip") continue;
    return parts.size() == 1 || (trim(parts[1]) != "q=0" && trim(parts[1]) != "q=0.0");
  }
  return false;
}

}  // namespace heal::httpd
