#include <array>
#include <ctime>
#include <optional>

#include <fmt/format.h>

#include "common/base/base64.h"
#include "common/model/ip_address.h"
#include "common/wire/dns_names.h"
#include "common/wire/dns_wire.h"

namespace heal {
namespace {

/// A record type's data, one letter for each field, in the order of both the wire and the text:
///   1 2 4 numbers of so many bytes    n name               s string in quotes   w string without quotes
///   t strings to the end              o text to the end    h H hex to the end   b base64 to the end
///   a IPv4   A IPv6   T time          y type               B bitmap of types    c CERT's kind   g algorithm
///   l salt (length, hex)              x hash (length, base32hex)
///   e EUI-48   E EUI-64   i I node identifiers, hex in groups
/// Upper-case letters of a pair print upper-case hex.
struct RecordForm {
  std::uint16_t type;
  std::string_view fields;
};

constexpr std::array kRecordForms = {
    RecordForm{1, "a"},     RecordForm{2, "n"},          RecordForm{3, "n"},        RecordForm{4, "n"},
    RecordForm{5, "n"},     RecordForm{6, "nn44444"},    RecordForm{7, "n"},        RecordForm{8, "n"},
    RecordForm{9, "n"},     RecordForm{12, "n"},         RecordForm{13, "ss"},      RecordForm{14, "nn"},
    RecordForm{15, "2n"},   RecordForm{16, "t"},         RecordForm{17, "nn"},      RecordForm{18, "2n"},
    RecordForm{19, "w"},    RecordForm{21, "2n"},        RecordForm{23, "n"},       RecordForm{24, "y114TT2nb"},
    RecordForm{25, "211b"}, RecordForm{26, "2nn"},       RecordForm{27, "www"},     RecordForm{28, "A"},
    RecordForm{31, "H"},    RecordForm{32, "H"},         RecordForm{33, "222n"},    RecordForm{35, "22sssn"},
    RecordForm{36, "2n"},   RecordForm{37, "c2gb"},      RecordForm{39, "n"},       RecordForm{43, "211H"},
    RecordForm{44, "11H"},  RecordForm{46, "y114TT2nb"}, RecordForm{47, "nB"},      RecordForm{48, "211b"},
    RecordForm{49, "b"},    RecordForm{50, "112lxB"},    RecordForm{51, "112l"},    RecordForm{52, "111h"},
    RecordForm{56, "t"},    RecordForm{57, "211b"},      RecordForm{58, "nn"},      RecordForm{59, "211H"},
    RecordForm{60, "211b"}, RecordForm{61, "b"},         RecordForm{62, "42B"},     RecordForm{63, "411h"},
    RecordForm{99, "t"},    RecordForm{100, "s"},        RecordForm{101, "4"},      RecordForm{102, "4"},
    RecordForm{104, "2i"},  RecordForm{105, "2a"},       RecordForm{106, "2I"},     RecordForm{107, "2n"},
    RecordForm{108, "e"},   RecordForm{109, "E"},        RecordForm{256, "22o"},    RecordForm{257, "1wo"},
    RecordForm{258, "t"},   RecordForm{32768, "211H"},   RecordForm{32769, "211H"},
};

constexpr std::uint16_t kNull = 10, kLoc = 29, kOpt = 41, kApl = 42, kSmimea = 53, kHip = 55, kSvcb = 64, kHttps = 65,
                        kAny = 255;

/// Of one record.
constexpr std::size_t kMostText = 256 << 10U;

enum class Case { kLower, kUpper };

std::string hex(std::string_view bytes, Case letters = Case::kLower) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += letters == Case::kUpper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return out;
}

/// RFC 4648's base32hex without padding.
std::string base32hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
  std::string out;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = (buffer & 0x1fU) << 8U | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 5; bits -= 5)
      out += kDigits[buffer >> static_cast<unsigned>(bits - 5) & 0x1fU];
  }
  if (bits > 0) out += kDigits[buffer << static_cast<unsigned>(5 - bits) & 0x1fU];
  return out;
}

std::string time_text(std::uint32_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string address_text(std::string_view raw) {
  return raw.empty() ? "" : IpAddress::from_bytes(raw).str();
}

std::string quoted(std::string_view bytes) {
  return '"' + dns_string_text(bytes) + '"';
}

/// Text to the end of a record, in quotes. A backslash in it counts as the beginning of an escape already.
std::string octets_text(std::string_view text) {
  std::string out = "\"";
  std::size_t i = 0;
  while (i < text.size()) {
    if (text.substr(i, 2) == "\\.") {
      out += "\\.";
      i += 2;
    } else if (const std::optional<char> c = dns_unescaped(text, i)) {
      out += dns_string_text({&*c, 1});
    } else {
      ++i;
    }
  }
  return out + '"';
}

std::string strings_text(DnsReader& reader) {
  std::string out;
  while (!reader.is_at_end()) {
    if (!out.empty()) out += ' ';
    out += quoted(reader.counted());
  }
  return out;
}

/// " A NS" — the types of an NSEC bitmap. Source: RFC 4034, 4.1.2.
std::string bitmap_text(DnsReader& reader) {
  std::string out;
  int last_window = -1;
  while (!reader.is_at_end()) {
    const int window = reader.u8();
    const std::size_t length = reader.u8();
    if (window <= last_window || length == 0 || length > 32) reader.spoil();
    last_window = window;
    const std::string_view bits = reader.bytes(length);
    for (std::size_t i = 0; i < bits.size() * 8; ++i) {
      const auto byte = static_cast<unsigned char>(bits[i / 8]);
      const auto type = static_cast<std::uint16_t>(static_cast<std::size_t>(window) * 256 + i);
      if ((byte & 0x80U >> i % 8) != 0) out.append(" ").append(dns_type_name(type));
    }
  }
  return out;
}

/// `digits` in groups of `size` with `separator` between them.
std::string grouped(std::string_view digits, std::size_t size, char separator) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += size) {
    if (i > 0) out += separator;
    out += digits.substr(i, size);
  }
  return out;
}

std::string salt_text(DnsReader& reader) {
  const std::string_view salt = reader.counted();
  return salt.empty() ? "-" : hex(salt, Case::kUpper);
}

std::string number_field(char kind, DnsReader& reader) {
  switch (kind) {
    case 'T':
      return time_text(reader.u32());
    case 'y':
      return dns_type_name(reader.u16());
    case 'c':
      return dns_certificate_type_name(reader.u16());
    case 'g':
      return dns_algorithm_name(reader.u8());
    case 'e':
      return grouped(fmt::format("{:012x}", reader.number(6)), 2, '-');
    case 'E':
      return grouped(fmt::format("{:016x}", reader.number(8)), 2, '-');
    case 'i':
      return grouped(fmt::format("{:016x}", reader.number(8)), 4, ':');
    case 'I':
      return grouped(fmt::format("{:016X}", reader.number(8)), 4, ':');
    default:
      return fmt::format("{}", reader.number(static_cast<std::size_t>(kind - '0')));
  }
}

std::string field(char kind, DnsReader& reader) {
  switch (kind) {
    case 'n':
      return reader.name();
    case 's':
      return quoted(reader.counted());
    case 'w':
      return dns_string_text(reader.counted());
    case 't':
      return strings_text(reader);
    case 'o':
      return octets_text(reader.rest());
    case 'h':
      return hex(reader.rest());
    case 'H':
      return hex(reader.rest(), Case::kUpper);
    case 'b':
      return base64(reader.rest());
    case 'a':
      return address_text(reader.bytes(4));
    case 'A':
      return address_text(reader.bytes(16));
    case 'B':
      return bitmap_text(reader);
    case 'l':
      return salt_text(reader);
    case 'x':
      return base32hex(reader.counted());
    default:
      return number_field(kind, reader);
  }
}

/// What a field shows where the data ends before it.
std::string absent_field(char kind) {
  constexpr std::string_view kEmpty = "nwthHbaABx";
  if (kEmpty.find(kind) != std::string_view::npos) return "";
  if (kind == 's' || kind == 'o') return "\"\"";
  if (kind == 'l') return "-";
  constexpr std::string_view kZeros("\0\0\0\0\0\0\0\0", 8);
  DnsReader zeros(kZeros, 0, kZeros.size());
  return number_field(kind, zeros);
}

std::string form_text(std::string_view fields, DnsReader& reader) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string text = reader.is_at_end() ? absent_field(fields[i]) : field(fields[i], reader);
    // A bitmap brings its own spaces, so that an empty one leaves none behind.
    if (i > 0 && fields[i] != 'B') out += ' ';
    out += text;
  }
  return out;
}

// ---- types whose text is not their fields in order

/// "52 22 23.000 N " — a coordinate in thousandths of a second of arc. Source: RFC 1876.
std::string coordinate(std::uint32_t value, char above, char below) {
  constexpr std::uint32_t kZero = 1U << 31U;
  const bool is_above = value > kZero;
  const std::uint32_t arc = is_above ? value - kZero : kZero - value;
  return fmt::format("{:02} {:02} {:.3f} {} ", arc / 3'600'000, arc % 3'600'000 / 60'000, arc % 60'000 / 1000.0,
                     is_above ? above : below);
}

/// A length of RFC 1876, a digit and a power of ten in centimetres, in metres.
std::string length_text(std::uint8_t value) {
  const unsigned mantissa = value >> 4U, exponent = value & 0xfU;
  if (exponent < 2) return fmt::format("0.{:02}m", exponent == 1 ? mantissa * 10 : mantissa);
  return fmt::format("{}{}m", mantissa, std::string(exponent - 2, '0'));
}

std::string loc_text(DnsReader& reader) {
  reader.u8();
  const std::array<std::uint8_t, 3> lengths{reader.u8(), reader.u8(), reader.u8()};
  const std::uint32_t latitude = reader.u32(), longitude = reader.u32(), altitude = reader.u32();
  const double metres = altitude / 100.0 - 100'000;
  return coordinate(latitude, 'N', 'S') + coordinate(longitude, 'E', 'W') +
         (altitude % 100 != 0 ? fmt::format("{:.2f}m ", metres) : fmt::format("{:.0f}m ", metres)) +
         fmt::format("{} {} {}", length_text(lengths[0]), length_text(lengths[1]), length_text(lengths[2]));
}

/// Source: RFC 3123.
std::string apl_text(DnsReader& reader) {
  std::string out;
  while (!reader.is_at_end()) {
    const std::uint16_t family = reader.u16();
    const unsigned prefix = reader.u8(), flags = reader.u8();
    const std::string_view part = reader.bytes(flags & 0x7fU);
    const std::size_t size = family == 1 ? 4 : 16;
    const bool fits = (family == 1 || family == 2) && prefix <= size * 8 && part.size() <= size;
    if (!reader.is_good() || !fits || (!part.empty() && part.back() == '\0')) {
      reader.spoil();
      return {};
    }
    std::string raw(part);
    raw.resize(size, '\0');
    const IpAddress address = IpAddress::from_bytes(raw);
    const bool mapped = family == 2 && !address.is_v6();
    out += fmt::format("{}{}{}:{}{}/{}", out.empty() ? "" : " ", (flags & 0x80U) != 0 ? "!" : "", family,
                       mapped ? "::ffff:" : "", address.str(), prefix);
  }
  return out;
}

/// Source: RFC 8005.
std::string hip_text(DnsReader& reader) {
  const std::size_t tag_length = reader.u8();
  const unsigned algorithm = reader.u8();
  const std::size_t key_length = reader.u16();
  const std::string tag = hex(reader.bytes(tag_length));
  const std::string key = base64(reader.bytes(key_length));
  std::string out = fmt::format("{} {} {}", algorithm, tag, key);
  // Two bytes can stand for a name of a thousand characters.
  while (!reader.is_at_end() && out.size() < kMostText)
    out.append(" ").append(reader.name());
  return out;
}

std::string service_key_name(unsigned key) {
  constexpr std::array<std::string_view, 8> kNames{"mandatory", "alpn", "no-default-alpn", "port",
                                                   "ipv4hint",  "ech",  "ipv6hint",        "dohpath"};
  return key < kNames.size() ? std::string(kNames[key]) : fmt::format("key{}", key);
}

std::string parameter_text(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    out.append(c == ';' || c == ' ' ? "\\" : "").append(dns_string_text({&c, 1}));
  return out;
}

/// Items of a list parameter: `one` reads and prints the next.
template <typename ReadOne>
std::string listed(DnsReader& reader, ReadOne one) {
  std::string out, separator;
  while (!reader.is_at_end()) {
    out += separator + one(reader);
    separator = ",";
  }
  return out;
}

std::string ipv6_hint(DnsReader& reader) {
  const std::string_view raw = reader.bytes(16);
  // An IPv4 address in IPv6's clothes has no place here.
  if (!raw.empty() && !IpAddress::from_bytes(raw).is_v6()) reader.spoil();
  return address_text(raw);
}

/// A protocol's name; comma and backslash are escaped for the list and once more for the zone file.
std::string protocol_text(DnsReader& reader) {
  std::string out;
  for (const char c : reader.counted()) {
    if (c == ',' || c == '\\') {
      out += c == ',' ? "\\\\\\044" : "\\\\\\092";
    } else {
      out += parameter_text({&c, 1});
    }
  }
  return out;
}

std::string service_value(unsigned key, DnsReader& value) {
  switch (key) {
    case 0:
      return listed(value, [](DnsReader& reader) { return service_key_name(reader.u16()); });
    case 1:
      return listed(value, protocol_text);
    case 2:
      if (!value.is_at_end()) value.spoil();
      return "";
    case 3:
      return fmt::format("{}", value.u16());
    case 4:
      return listed(value, [](DnsReader& reader) { return address_text(reader.bytes(4)); });
    case 5:
      return base64(value.rest());
    case 6:
      return listed(value, ipv6_hint);
    default:
      return parameter_text(value.rest());
  }
}

/// SVCB and HTTPS. Source: RFC 9460.
std::string service_text(DnsReader& reader) {
  std::string out = fmt::format("{}", reader.u16());
  out.append(" ").append(reader.is_at_end() ? "" : reader.name());
  int last = -1;
  while (!reader.is_at_end()) {
    const int key = reader.u16();
    const std::string_view bytes = reader.bytes(reader.u16());
    DnsReader value(bytes, 0, bytes.size());
    const bool needs_value = key == 4 || key == 6;
    const std::string text = service_value(static_cast<unsigned>(key), value);
    if (key <= last || key == 65535 || !value.is_good() || !value.is_at_end() || (needs_value && bytes.empty())) {
      reader.spoil();
      return {};
    }
    out += fmt::format(" {}=\"{}\"", service_key_name(static_cast<unsigned>(key)), text);
    last = key;
  }
  return out;
}

/// The options of an OPT record, each on a line as dig shows them.
std::string options_text(DnsReader& reader) {
  std::string out;
  while (!reader.is_at_end()) {
    const unsigned code = reader.u16();
    const std::string_view data = reader.bytes(reader.u16());
    if (code == 3) {
      out += fmt::format("\n; NSID: {}  ", hex(data));
      for (const char c : data)
        out.append("(").append(1, c).append(")");
    } else if (code == 10) {
      out.append("\n; COOKIE: ").append(hex(data));
    } else if (code == 12) {
      out.append("\n; PADDING: ").append(hex(data, Case::kUpper));
    } else {
      out += fmt::format("\n; LOCAL OPT: {}:0x{}", code, hex(data));
    }
  }
  return out;
}

std::string smimea_text(DnsReader& reader) {
  const unsigned usage = reader.u8(), selector = reader.u8(), matching = reader.u8();
  return fmt::format("{} {} {} {}", usage, selector, matching, grouped(hex(reader.rest()), 1024, ' '));
}

std::optional<std::string> special_text(std::uint16_t type, DnsReader& reader) {
  switch (type) {
    case kNull:
      return std::string(reader.rest());
    case kLoc:
      return loc_text(reader);
    case kOpt:
      return options_text(reader);
    case kApl:
      return apl_text(reader);
    case kSmimea:
      return smimea_text(reader);
    case kHip:
      return hip_text(reader);
    case kSvcb:
    case kHttps:
      return service_text(reader);
    case kAny:
      return std::string();
    default:
      return std::nullopt;
  }
}

const RecordForm* form_of(std::uint16_t type) {
  for (const RecordForm& form : kRecordForms) {
    if (form.type == type) return &form;
  }
  return nullptr;
}

}  // namespace

bool is_known_dns_type(std::uint16_t type) {
  constexpr std::array kSpecial{kNull, kLoc, kOpt, kApl, kSmimea, kHip, kSvcb, kHttps, kAny};
  for (const std::uint16_t known : kSpecial) {
    if (known == type) return true;
  }
  return form_of(type) != nullptr;
}

std::string dns_rdata_text(std::uint16_t type, DnsReader& reader) {
  if (const RecordForm* form = form_of(type)) return form_text(form->fields, reader);
  if (std::optional<std::string> text = special_text(type, reader)) return *std::move(text);
  return hex(reader.rest());
}

}  // namespace heal
