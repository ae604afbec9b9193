#include "common/system/probe/tls.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/base/error.h"

namespace heal::system {
namespace {

int protocol_number(TlsVersion version) {
  switch (version) {
    case TlsVersion::kTls10:
      return TLS1_VERSION;
    case TlsVersion::kTls11:
      return TLS1_1_VERSION;
    case TlsVersion::kTls12:
      return TLS1_2_VERSION;
    case TlsVersion::kTls13:
      return TLS1_3_VERSION;
  }
  return TLS1_2_VERSION;
}

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error";
}

/// Changes whenever the file is replaced or rewritten.
std::string file_signature(const std::string& path) {
  if (path.empty()) return "-";
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return "absent";
  return fmt::format("{}.{}.{}.{}.{}", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

Error file_error(std::string_view what, const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    ERR_clear_error();
    return errno_error(errno, fmt::format("{} \"{}\"", what, path));
  }
  return make_error(ErrorCode::kInvalid, "{} \"{}\": {}", what, path, take_openssl_error());
}

Status load_files(SSL_CTX* context, const TlsSettings& settings) {
  if (settings.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_locations(context, settings.ca_file.c_str(), nullptr) != 1) {
    return file_error("ca_file", settings.ca_file);
  }
  if (settings.cert_file.empty() != settings.key_file.empty()) {
    return make_error(ErrorCode::kInvalid, "tls_config has a {} without a {}",
                      settings.cert_file.empty() ? "key_file" : "cert_file",
                      settings.cert_file.empty() ? "cert_file" : "key_file");
  }
  if (settings.cert_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, settings.cert_file.c_str()) != 1) {
    return file_error("cert_file", settings.cert_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, settings.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return file_error("key_file", settings.key_file);
  }
  return {};
}

Result<std::shared_ptr<SSL_CTX>> make_context(const TlsSettings& settings) {
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) return Error(ErrorCode::kInternal, "cannot make a TLS context");
  const TlsVersion lowest = settings.min_version.value_or(TlsVersion::kTls12);
  // A prober looks at what is there: keys that a careful client refuses as too short are the server's owner's business.
  SSL_CTX_set_security_level(context.get(), lowest < TlsVersion::kTls12 ? 0 : 1);
  SSL_CTX_set_min_proto_version(context.get(), protocol_number(lowest));
  if (settings.max_version) SSL_CTX_set_max_proto_version(context.get(), protocol_number(*settings.max_version));
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context.get(), settings.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  HEAL_TRY_STATUS(load_files(context.get(), settings));
  ERR_clear_error();
  return std::shared_ptr<SSL_CTX>(context.release(), SSL_CTX_free);
}

// ---- names of certificates, as Go's crypto/x509/pkix prints them

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
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool at_edge = i == 0 || i + 1 == value.size();
    if (std::strchr(",+\"\\<>;", c) != nullptr || (c == ' ' && at_edge) || (c == '#' && i == 0)) out += '\\';
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
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string text;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    if (!text.empty()) text += ',';
    text.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(names);
  return text;
}

std::int64_t not_after(const X509* certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return 0;
  return timegm(&time);
}

std::optional<std::int64_t> earliest_of(const STACK_OF(X509) * chain) {
  std::optional<std::int64_t> earliest;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const std::int64_t expiry = not_after(sk_X509_value(chain, i));
    if (!earliest || expiry < *earliest) earliest = expiry;
  }
  return earliest;
}

std::string version_text(const SSL* ssl) {
  switch (SSL_version(ssl)) {
    case TLS1_VERSION:
      return "TLS 1.0";
    case TLS1_1_VERSION:
      return "TLS 1.1";
    case TLS1_2_VERSION:
      return "TLS 1.2";
    case TLS1_3_VERSION:
      return "TLS 1.3";
    default:
      return "unknown";
  }
}

void add_leaf_facts(const X509* leaf, TlsFacts& facts) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (X509_digest(leaf, EVP_sha256(), digest.data(), &length) == 1) {
    for (unsigned int i = 0; i < length; ++i)
      facts.fingerprint_sha256 += fmt::format("{:02x}", digest[i]);
  }
  facts.subject = name_text(X509_get_subject_name(leaf));
  facts.issuer = name_text(X509_get_issuer_name(leaf));
  facts.alternative_names = dns_names(leaf);
}

}  // namespace

Result<std::shared_ptr<SSL_CTX>> TlsContexts::get(const TlsSettings& settings) {
  const auto number = [](const std::optional<TlsVersion>& version) {
    return version ? static_cast<int>(*version) : -1;
  };
  const std::string key =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", settings.ca_file, settings.cert_file, settings.key_file,
                  settings.insecure_skip_verify, number(settings.min_version), number(settings.max_version));
  const std::string signature =
      file_signature(settings.ca_file) + file_signature(settings.cert_file) + file_signature(settings.key_file);
  MutexLock lock(mutex_);
  Entry& entry = entries_[key];
  if (entry.context && entry.signature == signature) return entry.context;
  HEAL_TRY(entry.context, make_context(settings));
  entry.signature = signature;
  return entry.context;
}

void verify_name(X509_VERIFY_PARAM* param, const std::string& name) {
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (const std::optional<IpAddress> ip = IpAddress::parse(name)) {
    const std::string_view raw = ip->raw();
    X509_VERIFY_PARAM_set1_ip(param, reinterpret_cast<const unsigned char*>(raw.data()), raw.size());
  } else {
    // Absolute names are written without their dot in certificates.
    X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size() - (name.ends_with('.') ? 1 : 0));
  }
}

void copy_context(SSL_CTX* from, SSL_CTX* to) {
  SSL_CTX_set1_cert_store(to, SSL_CTX_get_cert_store(from));
  SSL_CTX_set_security_level(to, SSL_CTX_get_security_level(from));
  SSL_CTX_set_min_proto_version(to, static_cast<int>(SSL_CTX_get_min_proto_version(from)));
  SSL_CTX_set_max_proto_version(to, static_cast<int>(SSL_CTX_get_max_proto_version(from)));
  SSL_CTX_set_verify(to, SSL_CTX_get_verify_mode(from), nullptr);
  X509* certificate = SSL_CTX_get0_certificate(from);
  if (certificate == nullptr) return;
  SSL_CTX_use_certificate(to, certificate);
  STACK_OF(X509)* chain = nullptr;
  if (SSL_CTX_get0_chain_certs(from, &chain) == 1) SSL_CTX_set1_chain(to, chain);
  SSL_CTX_use_PrivateKey(to, SSL_CTX_get0_privatekey(from));
}

TlsFacts tls_facts(const SSL* ssl) {
  TlsFacts facts;
  facts.version = version_text(ssl);
  facts.cipher = SSL_get_cipher_name(ssl);
  facts.earliest_expiry = earliest_of(SSL_get_peer_cert_chain(ssl)).value_or(0);
  // OpenSSL builds a chain without judging it when verification is off; Go then has none.
  if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl) == X509_V_OK) {
    facts.verified_expiry = earliest_of(SSL_get0_verified_chain(ssl));
  }
  if (const X509* leaf = SSL_get0_peer_certificate(ssl)) add_leaf_facts(leaf, facts);
  return facts;
}

ProbeFailure tls_failure(const SSL* ssl, int ssl_error, int errno_value) {
  const long verified = SSL_get_verify_result(ssl);
  if (verified != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
    ERR_clear_error();
    return {ProbePhase::kTls, ProbeReason::kCertificate,
            fmt::format("certificate refused: {}", X509_verify_cert_error_string(verified))};
  }
  if (ssl_error == SSL_ERROR_SYSCALL && errno_value != 0) {
    ERR_clear_error();
    return {ProbePhase::kTls, reason_of_errno(errno_value),
            fmt::format("TLS handshake: {}", std::strerror(errno_value))};
  }
  const unsigned long code = ERR_peek_last_error();
  if (ssl_error == SSL_ERROR_SYSCALL || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return {ProbePhase::kTls, ProbeReason::kClosed, "connection closed during the TLS handshake"};
  }
  return {ProbePhase::kTls, ProbeReason::kHandshake, fmt::format("TLS handshake: {}", take_openssl_error())};
}

}  // namespace heal::system
