#include "common/httpd/exchange.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/httpd/responder.h"

namespace heal::httpd {
namespace {

std::string stream_head(const std::string& content_type, const FieldList& headers, bool is_chunked) {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: " + content_type + "\r\nCache-Control: no-store\r\n";
  for (const auto& [name, value] : headers)
    head += name + ": " + value + "\r\n";
  if (is_chunked) head += "Transfer-Encoding: chunked\r\n";
  return head + "Connection: close\r\n\r\n";
}

std::string_view one_line(std::string_view text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

Exchange::Exchange(Context context, std::shared_ptr<Mailbox> mailbox)
    : context_(std::move(context)), mailbox_(std::move(mailbox)) {}

void Exchange::post(Mail::Kind kind, std::string bytes) {
  Mail mail{.kind = kind};
  mail.connection = context_.connection;
  mail.exchange = context_.exchange;
  mail.bytes = std::move(bytes);
  mailbox_->post(std::move(mail));
}

void Exchange::answer(HttpResponse response) {
  if (is_answered_.exchange(true)) return;
  response.headers.insert(response.headers.end(), context_.headers.begin(), context_.headers.end());
  auto framing = context_.framing;
  framing.closes = framing.closes || mailbox_->is_stopping.load();
  Mail mail{.kind = Mail::Kind::kResponse};
  mail.connection = context_.connection;
  mail.exchange = context_.exchange;
  mail.bytes = write_response(response, framing);
  mail.closes = framing.closes;
  mail.status = response.status;
  mailbox_->post(std::move(mail));
}

bool Exchange::open_stream(const std::string& content_type) {
  if (is_answered_.exchange(true)) return false;
  const bool has_body = !context_.framing.is_head;
  is_stream_open_.store(has_body);
  Mail mail{.kind = Mail::Kind::kStreamStart};
  mail.connection = context_.connection;
  mail.exchange = context_.exchange;
  mail.bytes = stream_head(content_type, context_.headers, context_.minor_version == 1);
  mail.is_event_stream = content_type.starts_with("text/event-stream");
  mailbox_->post(std::move(mail));
  if (!has_body) post(Mail::Kind::kStreamEnd, "");
  return has_body;
}

bool Exchange::write_stream(std::string_view bytes) {
  if (!is_stream_open()) return false;
  if (bytes.empty()) return true;
  std::string framed =
      context_.minor_version == 1 ? fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes) : std::string(bytes);
  if (buffered_.fetch_add(framed.size()) + framed.size() > context_.stream_buffer_bytes) {
    is_stream_open_.store(false);
    post(Mail::Kind::kCut, "");
    return false;
  }
  post(Mail::Kind::kStreamData, std::move(framed));
  return true;
}

void Exchange::close_stream() {
  if (!is_stream_open_.exchange(false)) return;
  post(Mail::Kind::kStreamEnd, context_.minor_version == 1 ? "0\r\n\r\n" : "");
}

void Exchange::set_gone() {
  is_stream_open_.store(false);
  gone_.request_stop();
}

// Closes the stream when the last copy of the writer is gone.
struct StreamWriter::Handle {
  explicit Handle(std::shared_ptr<Exchange> given) : exchange(std::move(given)) {}
  ~Handle() { exchange->close_stream(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  std::shared_ptr<Exchange> exchange;
};

StreamWriter::StreamWriter(std::shared_ptr<Exchange> exchange)
    : handle_(std::make_shared<Handle>(std::move(exchange))) {}

bool StreamWriter::write(std::string_view bytes) {
  return handle_ != nullptr && handle_->exchange->write_stream(bytes);
}

bool StreamWriter::event(std::string_view name, std::string_view data, std::string_view id) {
  std::string text;
  if (!id.empty()) text.append("id: ").append(one_line(id)).append("\n");
  if (!name.empty()) text.append("event: ").append(one_line(name)).append("\n");
  std::string unified(data);
  std::ranges::replace(unified, '\r', '\n');  // both end a line for the reader
  for (const auto line : split(unified, '\n'))
    text.append("data: ").append(line).append("\n");
  return write(text + "\n");
}

void StreamWriter::close() {
  if (handle_ != nullptr) handle_->exchange->close_stream();
}

bool StreamWriter::is_open() const {
  return handle_ != nullptr && handle_->exchange->is_stream_open();
}

std::stop_token StreamWriter::gone() const {
  return handle_ == nullptr ? std::stop_token() : handle_->exchange->gone();
}

Responder::Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
Responder::Responder(Responder&&) noexcept = default;

Responder& Responder::operator=(Responder&& other) noexcept {
  std::swap(exchange_, other.exchange_);  // `other` answers for what this held
  return *this;
}

Responder::~Responder() {
  if (exchange_ != nullptr) exchange_->answer(HttpResponse::text(500, "internal error\n"));
}

void Responder::send(HttpResponse response) {
  if (exchange_ != nullptr) exchange_->answer(std::move(response));
}

StreamWriter Responder::open_stream(const std::string& content_type) {
  if (exchange_ == nullptr || !exchange_->open_stream(content_type)) return {};
  return StreamWriter(exchange_);
}

std::stop_token Responder::gone() const {
  return exchange_ == nullptr ? std::stop_token() : exchange_->gone();
}

}  // namespace heal::httpd
