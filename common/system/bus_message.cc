#include "common/system/bus_message.h"

#include <algorithm>

#include <fmt/format.h>

namespace heal {
namespace {

constexpr std::size_t kHeader = 16;
constexpr std::size_t kMostMessageBytes = 1 << 20;
constexpr std::uint8_t kNoAutoStart = 2;
enum Field : std::uint8_t {
  kPath = 1,
  kInterface = 2,
  kMember = 3,
  kErrorName = 4,
  kReplySerial = 5,
  kDestination = 6,
  kSignature = 8
};

/// Little-endian, every value aligned to its size from the beginning of the message.
class Writer {
 public:
  void align(std::size_t to) { out_.resize((out_.size() + to - 1) / to * to); }
  void byte(std::uint8_t value) { out_ += static_cast<char>(value); }
  void number(std::uint32_t value) {
    align(4);
    for (unsigned shift = 0; shift < 32; shift += 8)
      byte(static_cast<std::uint8_t>(value >> shift));
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    out_ += value;
    byte(0);
  }
  void signature(std::string_view value) {
    byte(static_cast<std::uint8_t>(value.size()));
    out_ += value;
    byte(0);
  }
  void field(Field code, char type, const std::string& value) {
    align(8);
    byte(code);
    signature(std::string(1, type));
    type == 'g' ? signature(value) : text(value);
  }
  std::size_t size() const { return out_.size(); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads what came over the wire: beyond the end everything is 0 and is_good() false.
class Reader {
 public:
  Reader(std::string_view bytes, bool is_big, std::size_t at) : bytes_(bytes), is_big_(is_big), at_(at) {}

  bool is_good() const { return is_good_; }
  std::size_t at() const { return at_; }
  void align(std::size_t to) { skip((to - at_ % to) % to); }
  std::uint64_t number(std::size_t size) {
    align(size);
    const std::string_view raw = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < raw.size(); ++i)
      value = value << 8U | static_cast<unsigned char>(raw[is_big_ ? i : raw.size() - 1 - i]);
    return value;
  }
  std::string text() { return ended(number(4)); }
  std::string signature() { return ended(number(1)); }

 private:
  std::string ended(std::uint64_t size) {
    std::string out(take(size));
    skip(1);
    return out;
  }
  void skip(std::size_t size) { (void)take(size); }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size() - at_) {
      is_good_ = false;
      at_ = bytes_.size();
      return {};
    }
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }

  const std::string_view bytes_;
  const bool is_big_;
  std::size_t at_;
  bool is_good_ = true;
};

BusValue read_value(Reader& reader, std::string signature) {
  if (signature.starts_with('v')) signature = reader.signature();
  switch (signature.empty() ? '\0' : signature.front()) {
    case 's':
    case 'o':
      return reader.text();
    case 'y':
      return reader.number(1);
    case 'q':
      return reader.number(2);
    case 'u':
    case 'b':
      return reader.number(4);
    case 't':
      return reader.number(8);
    default:
      return {};
  }
}

/// Fields of a header have one of these types; others may be added to the protocol, and then these may be skipped by
/// it.
bool read_field(Reader& reader, BusMessage& message, std::string& signature) {
  reader.align(8);
  const std::uint64_t code = reader.number(1);
  const std::string type = reader.signature();
  std::string text;
  std::uint64_t number = 0;
  if (type == "s" || type == "o") {
    text = reader.text();
  } else if (type == "g") {
    text = reader.signature();
  } else if (type == "u") {
    number = reader.number(4);
  } else {
    return false;
  }
  if (code == kErrorName) message.error_name = text;
  if (code == kReplySerial) message.reply_to = static_cast<std::uint32_t>(number);
  if (code == kSignature) signature = text;
  return reader.is_good();
}

Error not_a_message() {
  return {ErrorCode::kProtocol, "the bus sent what is no message of D-Bus"};
}

bool is_big_endian(std::string_view bytes) {
  return bytes[0] == 'B';
}

}  // namespace

std::string write_bus_call(const BusCall& call) {
  Writer body;
  for (const std::string& argument : call.arguments)
    body.text(argument);
  Writer fields;
  // As it will stand in the message: behind 16 bytes, which are a multiple of every alignment.
  fields.field(kPath, 'o', call.path);
  fields.field(kDestination, 's', call.destination);
  fields.field(kInterface, 's', call.interface);
  fields.field(kMember, 's', call.member);
  if (!call.arguments.empty()) fields.field(kSignature, 'g', std::string(call.arguments.size(), 's'));
  Writer out;
  out.byte('l');
  out.byte(static_cast<std::uint8_t>(BusMessage::Kind::kCall));
  out.byte(kNoAutoStart);
  out.byte(1);
  out.number(static_cast<std::uint32_t>(body.size()));
  out.number(call.serial);
  out.number(static_cast<std::uint32_t>(fields.size()));
  std::string message = out.take() + fields.take();
  message.resize((message.size() + 7) / 8 * 8);
  return message + body.take();
}

Result<std::optional<std::size_t>> bus_message_size(std::string_view bytes) {
  if (bytes.size() < kHeader) return std::optional<std::size_t>();
  if ((bytes[0] != 'l' && bytes[0] != 'B') || bytes[3] != 1) return not_a_message();
  Reader reader(bytes, is_big_endian(bytes), 4);
  const std::uint64_t body = reader.number(4);
  (void)reader.number(4);
  const std::uint64_t fields = (reader.number(4) + 7) / 8 * 8;
  if (body + fields > kMostMessageBytes)
    return make_error(ErrorCode::kTooLarge, "a message of the bus has {} bytes", body + fields);
  return std::optional<std::size_t>(kHeader + body + fields);
}

Result<BusMessage> parse_bus_message(std::string_view bytes) {
  HEAL_TRY(const std::optional<std::size_t> size, bus_message_size(bytes));
  if (!size || *size != bytes.size()) return not_a_message();
  const auto kind = static_cast<unsigned char>(bytes[1]);
  if (kind < 1 || kind > 4) return not_a_message();
  BusMessage message;
  message.kind = static_cast<BusMessage::Kind>(kind);
  Reader reader(bytes, is_big_endian(bytes), kHeader - 4);
  const std::size_t end = kHeader + reader.number(4);
  std::string signature;
  while (reader.at() < end) {
    if (!read_field(reader, message, signature)) return not_a_message();
  }
  reader.align(8);
  message.value = read_value(reader, signature);
  if (!reader.is_good()) return not_a_message();
  return message;
}

std::string unit_path(std::string_view unit) {
  std::string path = "/org/freedesktop/systemd1/unit/";
  for (std::size_t i = 0; i < unit.size(); ++i) {
    const char c = unit[i];
    const bool is_digit = c >= '0' && c <= '9';
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (is_digit && i > 0);
    path += is_plain ? std::string(1, c) : fmt::format("_{:02x}", static_cast<unsigned char>(c));
  }
  return path;
}

}  // namespace heal
