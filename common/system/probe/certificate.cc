#include "common/system/probe/certificate.h"

#include <array>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include "common/base/text.h"
#include "common/model/ip_address.h"
#include "common/system/probe/tls.h"

namespace heal::system {
namespace {

struct NameAttribute {
  std::string oid, value;
};

std::string oid_text(const ASN1_OBJECT* object) {
  std::array<char, 128> text{};
  OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
  return text.data();
}

std::vector<NameAttribute> attributes_of(const X509_NAME* name) {
  std::vector<NameAttribute> attributes;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    unsigned char* utf8 = nullptr;
    const int length = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    NameAttribute attribute{oid_text(X509_NAME_ENTRY_get_object(entry)), ""};
    if (length > 0) attribute.value.assign(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
    OPENSSL_free(utf8);
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

std::string escaped_value(std::string_view value) {
  constexpr std::string_view kEscaped = ",+\"\\<>;";
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool at_edge = i == 0 || i + 1 == value.size();
    if (kEscaped.find(c) != kEscaped.npos || (c == ' ' && at_edge) || (c == '#' && i == 0)) out += '\\';
    out += c;
  }
  return out;
}

bool is_printable_string(std::string_view value) {
  for (const char c : value) {
    const bool letter_or_digit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter_or_digit && (c == '\0' || std::strchr(" '()+,-./:=?", c) == nullptr)) return false;
  }
  return true;
}

/// `oid=#hex of the DER string`, for attributes without a short name.
std::string unnamed_attribute(const NameAttribute& attribute) {
  std::string der(1, is_printable_string(attribute.value) ? '\x13' : '\x0c');
  const std::size_t size = attribute.value.size();
  if (size < 128) {
    der += static_cast<char>(size);
  } else if (size < 256) {
    der += {'\x81', static_cast<char>(size)};
  } else {
    der += {'\x82', static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
  }
  std::string hex;
  for (const char c : der + attribute.value)
    hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return fmt::format("{}=#{}", attribute.oid, hex);
}

struct NamedType {
  const char* oid;
  const char* name;
  bool last_only;  ///< Go keeps one value of these
};
/// In the order in which Go prints them, whatever the certificate's is.
constexpr std::array<NamedType, 9> kNamedTypes{{{"2.5.4.5", "SERIALNUMBER", true},
                                                {"2.5.4.3", "CN", true},
                                                {"2.5.4.11", "OU", false},
                                                {"2.5.4.10", "O", false},
                                                {"2.5.4.17", "POSTALCODE", false},
                                                {"2.5.4.9", "STREET", false},
                                                {"2.5.4.7", "L", false},
                                                {"2.5.4.8", "ST", false},
                                                {"2.5.4.6", "C", false}}};

/// nullopt for what is not written as text.
std::optional<std::string> text_of(const GENERAL_NAME& name) {
  const auto bytes = [](const ASN1_STRING* string) {
    return std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                            static_cast<std::size_t>(ASN1_STRING_length(string)));
  };
  switch (name.type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
      return std::string(bytes(name.d.ia5));
    case GEN_IPADD: {
      const std::string_view raw = bytes(name.d.iPAddress);
      if (raw.size() != 4 && raw.size() != 16) return std::nullopt;
      return IpAddress::from_bytes(raw).str();
    }
    default:
      return std::nullopt;
  }
}

enum class NameTypes { kDns, kAll };

std::string joined_names(const X509* certificate, NameTypes types) {
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string text;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (types == NameTypes::kDns && name->type != GEN_DNS) continue;
    const std::optional<std::string> one = text_of(*name);
    if (!one) continue;
    if (!text.empty()) text += ',';
    text += *one;
  }
  GENERAL_NAMES_free(names);
  return text;
}

}  // namespace

std::string name_text(const X509_NAME* name) {
  const std::vector<NameAttribute> attributes = attributes_of(name);
  std::string text;
  for (const NamedType& type : kNamedTypes) {
    std::string group;
    for (const NameAttribute& attribute : attributes) {
      if (attribute.oid != type.oid || attribute.value.empty()) continue;
      if (type.last_only) group.clear();
      if (!group.empty()) group += '+';
      group += fmt::format("{}={}", type.name, escaped_value(attribute.value));
    }
    if (group.empty()) continue;
    if (!text.empty()) text += ',';
    text += group;
  }
  for (auto it = attributes.rbegin(); it != attributes.rend(); ++it) {
    bool named = false;
    for (const NamedType& type : kNamedTypes)
      named = named || it->oid == type.oid;
    if (named) continue;
    if (!text.empty()) text += ',';
    text += unnamed_attribute(*it);
  }
  return text;
}

std::string dns_names(const X509* certificate) {
  return joined_names(certificate, NameTypes::kDns);
}

std::string alternative_names(const X509* certificate) {
  return joined_names(certificate, NameTypes::kAll);
}

std::string serial_number(const X509* certificate) {
  const std::unique_ptr<BIGNUM, CFree<BN_free>> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!number) return "";
  char* hex = BN_bn2hex(number.get());
  std::string digits = to_lower(hex != nullptr ? hex : "");
  OPENSSL_free(hex);
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  // OpenSSL writes whole bytes.
  if (digits.size() > first + 1 && digits[first] == '0') digits.erase(first, 1);
  return digits;
}

std::string fingerprint_sha256(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  std::string hex;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &length) != 1) return hex;
  for (unsigned int i = 0; i < length; ++i)
    hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::optional<std::int64_t> unix_seconds(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return timegm(&parts);
}

std::optional<std::int64_t> earliest_expiry(const STACK_OF(X509) * chain) {
  std::optional<std::int64_t> earliest;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const std::optional<std::int64_t> expiry = unix_seconds(X509_get0_notAfter(sk_X509_value(chain, i)));
    if (expiry && (!earliest || *expiry < *earliest)) earliest = expiry;
  }
  return earliest;
}

}  // namespace heal::system
