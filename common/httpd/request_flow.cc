// The way of one request through the loop: head, credentials, body, handler, response.
#include <algorithm>

#include "common/httpd/reactor.h"

namespace heal::httpd {
namespace {

constexpr std::size_t kWriteStep = 64 * 1024;

RejectReason reason_of(int status) {
  switch (status) {
    case 408:
      return RejectReason::kTimeout;
    case 413:
      return RejectReason::kBodyTooLarge;
    case 414:
    case 431:
      return RejectReason::kHeadTooLarge;
    default:
      return RejectReason::kMalformed;
  }
}

}  // namespace

void Reactor::process_input(Connection& connection) {
  while (true) {
    bool goes_on = false;
    if (connection.phase == Phase::kHead) goes_on = process_head(connection);
    if (connection.phase == Phase::kBody) goes_on = process_body(connection);
    if (!goes_on) return;
  }
}

bool Reactor::process_head(Connection& connection) {
  if (connection.in.empty()) return false;
  const HeadLimits limits{limits_.head_bytes, limits_.header_count};
  auto found = find_head(connection.in, limits, connection.scanned);
  if (const auto* rejection = std::get_if<Rejection>(&found)) return reject(connection, *rejection);
  const auto size = std::get<std::size_t>(found);
  return size > 0 && begin_request(connection, size);
}

bool Reactor::begin_request(Connection& connection, std::size_t head_size) {
  auto parsed =
      parse_head(std::string_view(connection.in).substr(0, head_size), {limits_.head_bytes, limits_.header_count});
  if (const auto* rejection = std::get_if<Rejection>(&parsed)) return reject(connection, *rejection);
  connection.head = std::get<Head>(std::move(parsed));
  connection.in.erase(0, head_size);
  connection.scanned = 0;
  connection.is_first = false;
  connection.exchange_id = next_exchange_++;
  connection.closes = connection.head.wants_close || stopping_;
  set_deadline(connection, SteadyTime::max());
  auto request = read_request(connection.head);
  if (!request) return reject(connection, {400, "unknown method or malformed path"});
  connection.request = std::move(*request);
  connection.request.remote = connection.remote;
  connection.request.peer = connection.peer;
  connection.request.is_tls = connection.transport.is_tls();
  return apply(connection, gate_.admit(connection.request, connection.scope));
}

bool Reactor::apply(Connection& connection, RequestGate::Admission admission) {
  connection.route = admission.route;
  switch (admission.verdict) {
    case RequestGate::Verdict::kRefuse:
      return refuse(connection, std::move(admission.refusal));
    case RequestGate::Verdict::kServe:
      return begin_body(connection);
    case RequestGate::Verdict::kVerify:
      break;
  }
  connection.phase = Phase::kAuth;
  if (gate_.verify(connection.request, connection.id, connection.exchange_id)) return false;
  metrics_->rejected(RejectReason::kQueueFull);
  auto response = HttpResponse::error(connection.request, 503, "too many logins at once");
  response.headers.emplace_back("Retry-After", "1");
  return refuse(connection, std::move(response));
}

void Reactor::verified(Connection& connection, const Mail& mail) {
  if (connection.phase != Phase::kAuth) return;
  if (mail.kind == Mail::Kind::kDenied) {
    metrics_->rejected(RejectReason::kUnauthorized);
    refuse(connection, gate_.unauthorized(connection.request));
  } else {
    apply(connection, gate_.admit_verified(connection.request, *connection.route));
  }
  process_input(connection);
  watch(connection);
}

bool Reactor::begin_body(Connection& connection) {
  const auto& head = connection.head;
  const auto own_limit = connection.route->options.body_bytes;
  connection.body_limit = own_limit > 0 ? own_limit : limits_.body_bytes;
  if (head.content_length.value_or(0) > connection.body_limit) {
    return reject(connection, {413, "the request body is too large"});
  }
  connection.phase = Phase::kBody;
  connection.chunked.reset();
  if (head.is_chunked) connection.chunked.emplace(connection.body_limit);
  set_deadline(connection, now_ + limits_.body_timeout);
  const bool has_body = head.is_chunked || head.content_length.value_or(0) > 0;
  if (head.expects_continue && has_body && connection.in.empty()) {
    connection.transport.queue("HTTP/1.1 100 Continue\r\n\r\n");
    if (connection.transport.flush() == Transport::Io::kFailed) {
      close(connection);
      return false;
    }
  }
  return true;
}

bool Reactor::process_body(Connection& connection) {
  if (connection.chunked) return process_chunked(connection);
  auto& body = connection.request.body;
  const auto length = static_cast<std::size_t>(connection.head.content_length.value_or(0));
  const auto piece = std::min(length - body.size(), connection.in.size());
  body.append(connection.in, 0, piece);
  connection.in.erase(0, piece);
  return body.size() == length && dispatch(connection);
}

bool Reactor::process_chunked(Connection& connection) {
  std::string_view input = connection.in;
  const auto state = connection.chunked->feed(input, connection.request.body);
  connection.in.erase(0, connection.in.size() - input.size());
  switch (state) {
    case ChunkedDecoder::State::kMore:
      return false;
    case ChunkedDecoder::State::kDone:
      return dispatch(connection);
    case ChunkedDecoder::State::kTooLarge:
      return reject(connection, {413, "the request body is too large"});
    case ChunkedDecoder::State::kMalformed:
      break;
  }
  return reject(connection, {400, "malformed chunked body"});
}

void Reactor::start_exchange(Connection& connection) {
  Exchange::Context context;
  context.connection = connection.id;
  context.exchange = connection.exchange_id;
  context.framing = {.is_head = connection.head.method == "HEAD",
                     .closes = connection.closes,
                     .accepts_gzip = accepts_gzip(connection.request.header("Accept-Encoding")),
                     .idle_timeout = limits_.idle_timeout};
  context.minor_version = connection.head.minor_version;
  context.headers = gate_.web()->config.headers;
  context.method = connection.head.method;
  context.path = connection.request.path;
  context.handler = "none";
  if (connection.route != nullptr) {
    const auto& name = connection.route->options.name;
    context.handler = name.empty() ? connection.route->pattern : name;
  }
  context.stream_buffer_bytes = limits_.stream_buffer_bytes;
  context.started = now_;
  connection.exchange = std::make_shared<Exchange>(std::move(context), mailbox_);
  if (connection.has_left || connection.has_peer_closed) connection.exchange->set_gone();
}

bool Reactor::dispatch(Connection& connection) {
  start_exchange(connection);
  connection.phase = Phase::kHandling;
  set_deadline(connection, SteadyTime::max());
  auto exchange = connection.exchange;
  if (gate_.dispatch(*connection.route, connection.request, exchange)) {
    connection.request = {};
    return false;
  }
  metrics_->rejected(RejectReason::kQueueFull);
  auto response = HttpResponse::error(connection.request, 503, "overloaded, try again");
  response.headers.emplace_back("Retry-After", "1");
  exchange->answer(std::move(response));
  return false;
}

bool Reactor::refuse(Connection& connection, HttpResponse response) {
  const auto& head = connection.head;
  const bool has_body = head.is_chunked || head.content_length.value_or(0) > 0;
  if (has_body) connection.closes = true;  // the body is not worth reading
  start_exchange(connection);
  connection.phase = Phase::kHandling;
  set_deadline(connection, SteadyTime::max());
  connection.exchange->answer(std::move(response));
  return false;
}

bool Reactor::reject(Connection& connection, const Rejection& rejection) {
  if (rejection.status != 408) metrics_->rejected(reason_of(rejection.status));
  logger_.debug("request rejected",
                {{"remote", connection.remote}, {"status", rejection.status}, {"err", rejection.message}});
  set_deadline(connection, SteadyTime::max());
  // In the form of every other refusal; of a head that is not known yet the request says nothing: plain text.
  auto response = HttpResponse::error(connection.request, rejection.status, rejection.message);
  const auto web = gate_.web();
  const auto& headers = web->config.headers;
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  connection.phase = Phase::kHandling;
  respond(connection, write_response(response, {.closes = true}), true);
  return false;
}

void Reactor::count(const Connection& connection, int status) const {
  if (connection.exchange == nullptr) return;
  const auto& context = connection.exchange->context();
  const Duration took = now_ - context.started;
  metrics_->answered(context.handler, status, took);
  logger_.debug("request", {{"method", context.method},
                            {"path", context.path},
                            {"remote", connection.remote},
                            {"status", status},
                            {"duration_seconds", took}});
}

void Reactor::respond(Connection& connection, std::string_view bytes, bool closes) {
  if (connection.phase != Phase::kHandling) return;
  connection.phase = Phase::kWriting;
  connection.closes = connection.closes || closes;
  set_deadline(connection, now_ + limits_.write_timeout);
  if (connection.transport.queue(bytes) == Transport::Io::kFailed) return close(connection);
  const auto result = connection.transport.flush();
  if (result == Transport::Io::kFailed) return close(connection);
  connection.write_mark = connection.transport.pending();
  if (result == Transport::Io::kOk) response_sent(connection);
  watch(connection);
}

// Each kWriteStep of a response may take write_timeout: a reader that takes a byte now and then is still cut off.
void Reactor::response_progress(Connection& connection) {
  const auto pending = connection.transport.pending();
  if (pending + kWriteStep > connection.write_mark) return;
  connection.write_mark = pending;
  set_deadline(connection, now_ + limits_.write_timeout);
}

void Reactor::response_sent(Connection& connection) {
  connection.exchange.reset();
  connection.exchange_id = 0;
  connection.request = {};
  if (connection.closes || stopping_) return drain(connection);
  connection.phase = Phase::kHead;
  connection.idle_since = now_;
  set_deadline(connection, now_ + (connection.in.empty() ? limits_.idle_timeout : limits_.head_timeout));
  process_input(connection);
  const bool wants_more = connection.phase == Phase::kHead || connection.phase == Phase::kBody;
  if (connection.has_peer_closed && wants_more) drain(connection);
}

void Reactor::stream(Connection& connection, const Mail& mail) {
  if (mail.kind == Mail::Kind::kStreamStart) {
    if (connection.phase != Phase::kHandling) return;
    count(connection, 200);
    connection.phase = Phase::kStreaming;
    connection.is_event_stream = mail.is_event_stream;
    if (stopping_ && connection.exchange != nullptr) {
      connection.exchange->close_stream();
      connection.exchange->set_gone();
    }
  }
  if (connection.phase != Phase::kStreaming) return;
  if (mail.kind == Mail::Kind::kStreamData) connection.stream_queued += mail.bytes.size();
  if (mail.kind == Mail::Kind::kStreamEnd) connection.is_ending = true;
  const bool was_empty = connection.transport.pending() == 0;
  if (connection.transport.queue(mail.bytes) == Transport::Io::kFailed) return close(connection);
  if (was_empty) set_deadline(connection, now_ + limits_.write_timeout);
  const auto before = connection.transport.pending();
  if (connection.transport.flush() == Transport::Io::kFailed) return close(connection);
  stream_progress(connection, before);
  watch(connection);
}

// What the kernel took no longer counts against the stream's buffer. With TLS the sizes differ a little: all is counted
// as sent when nothing is pending.
void Reactor::stream_progress(Connection& connection, std::size_t pending_before) {
  const auto pending = connection.transport.pending();
  const auto taken = pending == 0
                         ? connection.stream_queued
                         : std::min(connection.stream_queued, pending_before - std::min(pending, pending_before));
  connection.stream_queued -= taken;
  if (connection.exchange != nullptr) connection.exchange->sent(taken);
  if (pending == 0 && connection.is_ending) return drain(connection);
  if (pending == 0) {
    set_deadline(connection, connection.is_event_stream ? now_ + limits_.stream_heartbeat : SteadyTime::max());
  } else if (taken > 0) {
    set_deadline(connection, now_ + limits_.write_timeout);
  }
}

void Reactor::heartbeat(Connection& connection) {
  const bool is_chunked = connection.head.minor_version == 1;
  connection.transport.queue(is_chunked ? "3\r\n:\n\n\r\n" : ":\n\n");
  set_deadline(connection, now_ + limits_.write_timeout);
  const auto before = connection.transport.pending();
  if (connection.transport.flush() == Transport::Io::kFailed) return close(connection);
  stream_progress(connection, before);
  watch(connection);
}

}  // namespace heal::httpd
