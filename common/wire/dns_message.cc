#include "common/wire/dns_message.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"
#include "common/wire/dns_names.h"
#include "common/wire/dns_wire.h"

namespace heal {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxLabelBytes = 63;
/// More cannot be in a name of 255 bytes.
constexpr int kMaxPointers = 126;
constexpr std::uint16_t kTypeSoa = 6, kTypeNull = 10, kTypeOpt = 41, kTypeTsig = 250;

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8U);
  out += static_cast<char>(value & 0xffU);
}

Result<std::string> encoded_name(std::string_view text) {
  const auto invalid = [&](std::string_view why) {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a domain name: {}", printable(text), why);
  };
  std::string out, label;
  const auto end_label = [&] {
    out += static_cast<char>(label.size());
    out += label;
    label.clear();
  };
  if (text.empty() || text == ".") return std::string(1, '\0');
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] == '.') {
      if (label.empty()) return invalid("a label is empty");
      end_label();
      ++i;
      continue;
    }
    const std::optional<char> c = dns_unescaped(text, i);
    if (!c) return invalid("it ends in a backslash");
    label += *c;
    if (label.size() > kMaxLabelBytes) return invalid("a label is over 63 bytes");
  }
  if (!label.empty()) end_label();
  out += '\0';
  if (out.size() > kMaxNameBytes) return invalid("it is over 255 bytes");
  return out;
}

void append_escaped(std::string& out, char c, std::string_view special) {
  const auto byte = static_cast<unsigned char>(c);
  if (special.find(c) != std::string_view::npos) {
    out += '\\';
    out += c;
  } else if (byte < 0x20 || byte > 0x7e) {
    out += fmt::format("\\{:03}", byte);
  } else {
    out += c;
  }
}

}  // namespace

// ---- DnsReader

std::uint64_t DnsReader::number(std::size_t count) {
  std::uint64_t value = 0;
  for (const char c : bytes(count))
    value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

std::string_view DnsReader::bytes(std::size_t count) {
  if (!good_ || offset_ > message_.size() || count > message_.size() - offset_) {
    spoil();
    return {};
  }
  const std::string_view found = message_.substr(offset_, count);
  offset_ += count;
  return found;
}

std::string DnsReader::name() {
  std::string text;
  std::size_t at = offset_, behind = 0;
  std::size_t budget = kMaxNameBytes;
  int pointers = 0;
  while (good_) {
    if (at >= message_.size()) break;
    const auto length = static_cast<unsigned char>(message_[at++]);
    if (length == 0) {
      offset_ = pointers == 0 ? at : behind;
      return text.empty() ? "." : text;
    }
    if (length >= 0xc0) {
      if (at >= message_.size() || ++pointers > kMaxPointers) break;
      if (pointers == 1) behind = at + 1;
      at = (length & 0x3fU) << 8U | static_cast<unsigned char>(message_[at]);
      continue;
    }
    // The two other kinds of labels are not in use.
    if (length > kMaxLabelBytes || length > message_.size() - at || budget <= length + 1U) break;
    budget -= length + 1U;
    for (const char c : message_.substr(at, length))
      append_escaped(text, c, ". '@;()\"\\");
    text += '.';
    at += length;
  }
  spoil();
  return {};
}

std::optional<char> dns_unescaped(std::string_view text, std::size_t& i) {
  if (text[i] != '\\') return text[i++];
  if (i + 1 >= text.size()) return std::nullopt;
  if (i + 3 < text.size() && is_digit(text[i + 1]) && is_digit(text[i + 2]) && is_digit(text[i + 3])) {
    const int value = (text[i + 1] - '0') * 100 + (text[i + 2] - '0') * 10 + (text[i + 3] - '0');
    i += 4;
    return static_cast<char>(value);
  }
  i += 2;
  return text[i - 1];
}

std::string dns_string_text(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    append_escaped(out, c, "\"\\");
  return out;
}

// ---- queries

Result<std::string> dns_query(std::uint16_t id, const DnsQuestion& question) {
  HEAL_TRY(const std::string name, encoded_name(question.name));
  std::string out;
  put16(out, id);
  put16(out, question.recursion == DnsQuestion::Recursion::kDesired ? 0x0100 : 0);
  for (const unsigned count : {1U, 0U, 0U, 0U})
    put16(out, count);
  out += name;
  put16(out, question.type);
  put16(out, question.dns_class);
  return out;
}

Result<std::uint16_t> check_dns_question(const std::string& name, std::string_view type) {
  const auto code = dns_type_code(type);
  if (!code) return make_error(ErrorCode::kInvalid, "\"{}\" is not a record type", printable(type));
  HEAL_TRY_STATUS(encoded_name(name));
  const bool is_text = name.find('\0') == std::string::npos;
  if (!is_text) return make_error(ErrorCode::kInvalid, "\"{}\" is not a domain name", printable(name));
  return *code;
}

// ---- answers

std::string_view DnsRecord::data() const {
  std::string_view rest = text;
  for (int column = 0; column < 4; ++column) {
    const std::size_t tab = rest.find('\t');
    rest.remove_prefix(tab == std::string_view::npos ? rest.size() : tab + 1);
  }
  return rest;
}

namespace {

/// A record with its place in the message; nullopt (and a spoilt reader) when it cannot be one.
std::optional<DnsRecord> read_record(std::string_view message, DnsReader& reader, int& rcode) {
  const std::string owner = reader.name();
  DnsRecord record;
  record.type = reader.u16();
  const std::uint16_t dns_class = reader.u16();
  const std::uint32_t ttl = reader.u32();
  const std::size_t length = reader.u16();
  const std::size_t begin = reader.offset();
  reader.bytes(length);
  if (!reader.is_good()) return std::nullopt;
  DnsReader data(message, begin, begin + length);
  if (record.type == kTypeOpt) {
    rcode |= static_cast<int>(ttl >> 24U) << 4U;
    const char* flags = (ttl & 0x8000U) != 0 ? "do; " : "; ";
    record.text = fmt::format("\n;; OPT PSEUDOSECTION:\n; EDNS: version {}; flags: {}udp: {}", ttl >> 16U & 0xffU,
                              flags, dns_class);
  } else if (is_known_dns_type(record.type)) {
    // What has no form in zone files is made a comment of.
    const char* comment = record.type == kTypeNull ? ";" : "";
    record.text =
        fmt::format("{}{}\t{}\t{}\t{}\t", comment, owner, ttl, dns_class_name(dns_class), dns_type_name(record.type));
  } else {
    record.text = fmt::format("{}\t{}\tCLASS{}\tTYPE{}\t\\# {} ", owner, ttl, dns_class, record.type, length);
  }
  if (record.type == kTypeSoa) {
    DnsReader serial = data;
    serial.name(), serial.name();
    record.soa_serial = serial.u32();
  }
  record.text += dns_rdata_text(record.type, data);
  if (!data.is_good() || (length > 0 && !data.is_at_end())) {
    reader.spoil();
    return std::nullopt;
  }
  return record;
}

/// Up to `count` records; fewer where the message ends.
Status read_section(std::string_view message, DnsReader& reader, int count, std::vector<DnsRecord>& into, int& rcode) {
  for (int i = 0; i < count && !reader.is_at_end(); ++i) {
    const std::size_t begin = reader.offset();
    std::optional<DnsRecord> record = read_record(message, reader, rcode);
    if (!record) return make_error(ErrorCode::kInvalid, "the record at byte {} cannot be read", begin);
    into.push_back(*std::move(record));
  }
  return {};
}

}  // namespace

std::optional<std::uint16_t> dns_message_id(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  return DnsReader(bytes, 0, bytes.size()).u16();
}

Result<DnsAnswer> parse_dns_answer(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) {
    return make_error(ErrorCode::kInvalid, "{} bytes are less than the 12 of a header", bytes.size());
  }
  DnsReader reader(bytes, 0, bytes.size());
  DnsAnswer out;
  out.id = reader.u16();
  const std::uint16_t flags = reader.u16();
  out.kind = (flags & 0x8000U) != 0 ? DnsAnswer::Kind::kResponse : DnsAnswer::Kind::kQuery;
  if ((flags & 0x0200U) != 0) out.completeness = DnsAnswer::Completeness::kTruncated;
  out.rcode = flags & 0xf;
  std::array<int, 4> counts{};
  for (int& count : counts)
    count = reader.u16();
  for (int i = 0; i < counts[0] && !reader.is_at_end(); ++i) {
    const std::string name = reader.name();
    const std::uint16_t type = reader.u16(), dns_class = reader.u16();
    if (!reader.is_good()) return Error(ErrorCode::kInvalid, "the question cannot be read");
    out.questions.push_back(fmt::format("{}\t{}\t{}", name, dns_class_name(dns_class), dns_type_name(type)));
  }
  int ignored = 0;
  HEAL_TRY_STATUS(read_section(bytes, reader, counts[1], out.answer, ignored));
  HEAL_TRY_STATUS(read_section(bytes, reader, counts[2], out.authority, ignored));
  HEAL_TRY_STATUS(read_section(bytes, reader, counts[3], out.additional, out.rcode));
  if (!out.additional.empty() && out.additional.back().type == kTypeTsig) {
    return Error(ErrorCode::kInvalid, "it is signed (TSIG) with a key that nobody gave");
  }
  return out;
}

}  // namespace heal
