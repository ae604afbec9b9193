// What is told of a certificate that is refused, by real servers that send one.
#include <algorithm>
#include <atomic>

#include <catch2/catch.hpp>
#include <openssl/x509v3.h>

#include "common/base/text.h"
#include "tests/contract/probe/probe_bench.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

constexpr std::int64_t kIn2001 = 1'000'000'000;
constexpr std::int64_t kIn2023 = 1'700'000'000;
constexpr std::int64_t kEndOf9999 = 253'402'300'799;

/// A module of each kind that speaks TLS from the start, with the same TLS settings.
std::vector<std::pair<std::string, std::string>> modules_with(const std::string& tls_config) {
  const std::string tls = "preferred_ip_protocol: ip4, tls_config: {" + tls_config + "}";
  return {{"https://", "{prober: http, http: {" + tls + "}}"},
          {"", "{prober: tcp, tcp: {tls: true, " + tls + "}}"},
          {"", "{prober: grpc, grpc: {tls: true, " + tls + "}}"},
          {"", "{prober: dns, dns: {query_name: a.test, transport_protocol: tcp, dns_over_tls: true, " + tls + "}}"}};
}

/// Families that only a refused certificate has.
std::vector<std::string> families_of_refusal(const ProbeResult& result) {
  std::vector<std::string> names;
  for (const SampleFamily& family : result.families) {
    if (family.name.starts_with("heal_probe_tls_")) names.push_back(family.name);
  }
  return names;
}

/// What the server's certificate said of itself; empty when nothing was told.
Labels cert_info(const ProbeResult& result) {
  for (const SampleFamily& family : result.families) {
    if (family.name == "heal_probe_tls_peer_cert_info") return family.samples.front().labels;
  }
  return {};
}

bool failed_because(const ProbeResult& result, const std::string& reason) {
  return value_of(result, "heal_probe_tls_verify_failure_info", {{"reason", reason}}) == 1;
}

CertificateSpec altered(std::function<void(X509*)> alter) {
  CertificateSpec spec;
  spec.alter = std::move(alter);
  return spec;
}

CertificateSpec with_extension(int nid, const char* value) {
  return altered(
      [nid, value](X509* certificate) { TestAuthority::add_extension(certificate, certificate, nid, value); });
}

CertificateSpec valid_between(std::int64_t from, std::int64_t to) {
  return altered([from, to](X509* certificate) {
    ASN1_TIME_set(X509_getm_notBefore(certificate), from);
    ASN1_TIME_set(X509_getm_notAfter(certificate), to);
  });
}

CertificateSpec self_signed() {
  CertificateSpec spec;
  spec.signer = CertificateSpec::Signer::kItself;
  return spec;
}

CertificateSpec with_short_key() {
  CertificateSpec spec;
  spec.rsa_bits = 768;
  return spec;
}

struct Refusal {
  std::string name;
  CertificateSpec spec;
  std::string reason;
};

void check_refusal(const std::string& certificate, const std::string& tls_config, const std::string& reason) {
  std::atomic<int> answered{0};
  TlsTestServer server(certificate, [&](SSL*) { answered.fetch_add(1); });
  ProbeBench bench;
  for (const auto& [scheme, module] : modules_with(tls_config)) {
    CAPTURE(module);
    const ProbeResult result = bench.run(module, scheme + server.server().address());
    // Its reason is `certificate`; but libcurl calls a signature that is wrong a handshake that failed.
    CHECK(result.phase == "tls");
    CHECK(failed_because(result, reason));
    CHECK(families_of_refusal(result).size() == 5);
  }
  CHECK(answered == 0);
}

TEST_CASE("every prober tells why a certificate was refused") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const auto c = GENERATE(values<Refusal>({
      {"expired", valid_between(kIn2001, kIn2023), "expired"},
      {"not yet valid", valid_between(kEndOf9999 - 1, kEndOf9999), "not_yet_valid"},
      {"self-signed", self_signed(), "self_signed"},
      {"other name", {"127.0.0.1", "DNS:other.example"}, "hostname_mismatch"},
      {"other address", {"127.0.0.1", "IP:127.0.0.2"}, "hostname_mismatch"},
      {"for clients", with_extension(NID_ext_key_usage, "clientAuth"), "wrong_purpose"},
      {"short key", with_short_key(), "too_weak"},
  }));
  CAPTURE(c.name);
  check_refusal(authority.issue("server", c.spec), "ca_file: " + authority.ca_file(), c.reason);
}

TEST_CASE("a certificate of an authority that is not trusted, of one that took another's name, and for another name") {
  const TempFolder folder, other_folder, same_name_folder;
  TestAuthority authority(folder.path());
  TestAuthority other(other_folder.path(), "another authority");
  TestAuthority same_name(same_name_folder.path());
  const std::string trust = "ca_file: " + authority.ca_file();
  check_refusal(other.issue("server", {}), trust, "unknown_authority");
  check_refusal(same_name.issue("server", {}), trust, "bad_signature");

  TlsTestServer good(authority.issue("server", {}), [](SSL*) {});
  ProbeBench bench;
  const std::string module = "{prober: tcp, tcp: {tls: true, tls_config: {server_name: other.example, " + trust + "}}}";
  CHECK(failed_because(bench.run(module, good.server().address()), "hostname_mismatch"));
}

TEST_CASE("the refused certificate's own facts are told, and its chain's first expiry") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  CertificateSpec spec = valid_between(kIn2001, kEndOf9999);
  spec.alternative_names = "DNS:a.example,IP:192.0.2.1,IP:2001:db8::1,URI:https://a.example/,email:a@example.com";
  const std::string base = authority.issue("server", spec);
  TlsTestServer server(base, [](SSL*) {});
  const std::string intermediate = authority.issue("intermediate", valid_between(kIn2001, kIn2023));
  BIO* file = BIO_new_file((intermediate + ".pem").c_str(), "r");
  SSL_CTX_add0_chain_cert(server.context(), PEM_read_bio_X509(file, nullptr, nullptr, nullptr));
  BIO_free(file);
  ProbeBench bench;
  for (const auto& [scheme, module] : modules_with("ca_file: " + authority.ca_file())) {
    CAPTURE(module);
    const ProbeResult result = bench.run(module, scheme + server.server().address());
    CHECK(value_of(result, "heal_probe_tls_peer_cert_not_before_timestamp_seconds") == kIn2001);
    CHECK(value_of(result, "heal_probe_tls_peer_cert_not_after_timestamp_seconds") == kEndOf9999);
    CHECK(value_of(result, "heal_probe_tls_earliest_cert_expiry_timestamp_seconds") == kIn2023);
    const Labels info = cert_info(result);
    const std::string rest =
        ",OU=one+OU=two,O=Heal\\, Test \\\"Works\\\",POSTALCODE=1,STREET=a street,L=a town,ST=a state,C=DE,"
        "1.2.840.113549.1.9.1=#0c0d61406578616d706c652e636f6d";
    CHECK(info.at("subject") == "SERIALNUMBER=2,CN=localhost" + rest);
    CHECK(info.at("issuer") == "SERIALNUMBER=2,CN=promheal test authority" + rest);
    CHECK(info.at("subjectalternative") == "a.example,192.0.2.1,2001:db8::1,https://a.example/,a@example.com");
    CHECK(info.at("serialnumber") == "3ea");
    CHECK(info.at("fingerprint_sha256").size() == 64);
  }
}

TEST_CASE("what goes well, and what nobody verifies, tells nothing of a refusal") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  TlsTestServer good(authority.issue("good", {}), tls_http(http_answer("200 OK", "", "x")));
  TlsTestServer expired(authority.issue("expired", valid_between(kIn2001, kIn2023)),
                        tls_http(http_answer("200 OK", "", "x")));
  ProbeBench bench;
  const auto run = [&](const std::string& keys, const TlsTestServer& server) {
    return bench.run("{prober: http, http: {preferred_ip_protocol: ip4, tls_config: {" + keys + "}}}", server.url());
  };
  const ProbeResult trusted = run("ca_file: " + authority.ca_file(), good);
  CHECK(verdict(trusted) == "ok");
  CHECK(families_of_refusal(trusted).empty());
  const ProbeResult unverified = run("insecure_skip_verify: true", expired);
  CHECK(verdict(unverified) == "ok");
  CHECK(families_of_refusal(unverified).empty());
}

TEST_CASE("a refusal after STARTTLS, and one behind a redirect, are told as well") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("expired", valid_between(kIn2001, kIn2023));
  const std::string trust = "tls_config: {ca_file: " + authority.ca_file() + "}";
  const std::shared_ptr<SSL_CTX> context(TlsTestServer::make_context(base), SSL_CTX_free);
  LoopbackServer mail([&](int fd) {
    send_all(fd, "220 go\r\n");
    SSL* ssl = SSL_new(context.get());
    SSL_set_fd(ssl, fd);
    SSL_accept(ssl);
    SSL_free(ssl);
  });
  ProbeBench bench;
  const std::string dialogue = "query_response: [{expect: '^220', starttls: true}, {expect: never}], ";
  const ProbeResult upgraded = bench.run("{prober: tcp, tcp: {" + dialogue + trust + "}}", mail.address());
  CHECK(verdict(upgraded) == "tls/certificate");
  CHECK(failed_because(upgraded, "expired"));

  TlsTestServer secure(base, tls_http(""));
  LoopbackServer web(http_handler(
      [&](const std::string&) { return http_answer("302 Found", "Location: " + secure.url() + "\r\n", ""); }));
  const ProbeResult followed =
      bench.run("{prober: http, http: {preferred_ip_protocol: ip4, " + trust + "}}", web.url());
  CHECK(value_of(followed, "probe_http_redirects") == 1);
  CHECK(failed_because(followed, "expired"));
}

std::string many_names() {
  std::string names = "IP:127.0.0.2";
  for (int i = 0; i < 3000; ++i)
    names += ",DNS:host-" + std::to_string(i) + ".example";
  return names;
}

/// Alternative names by these bytes of DER.
void set_names(X509* certificate, const std::string& der) {
  X509_EXTENSION_free(X509_delete_ext(certificate, X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1)));
  ASN1_OCTET_STRING* bytes = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(bytes, reinterpret_cast<const unsigned char*>(der.data()), static_cast<int>(der.size()));
  X509_EXTENSION* extension = X509_EXTENSION_create_by_NID(nullptr, NID_subject_alt_name, 0, bytes);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(bytes);
}

void set_subject(X509* certificate, int type, const std::string& common_name) {
  X509_NAME* name = X509_NAME_new();
  if (!common_name.empty()) {
    X509_NAME_add_entry_by_NID(name, NID_commonName, type, reinterpret_cast<const unsigned char*>(common_name.data()),
                               static_cast<int>(common_name.size()), -1, 0);
  }
  X509_set_subject_name(certificate, name);
  X509_NAME_free(name);
}

struct Odd {
  std::string name;
  CertificateSpec spec;
  std::string label, begins_with;
};

std::vector<Odd> odd_certificates() {
  return {
      {"no subject", altered([](X509* c) { set_subject(c, V_ASN1_UTF8STRING, ""); }), "subject", ""},
      {"line feeds in its name",
       altered([](X509* c) { set_subject(c, V_ASN1_UTF8STRING, std::string("a\n\"}\0b", 6)); }), "subject",
       R"(CN=a\n\"}\x00b)"},
      {"bytes that are no text", altered([](X509* c) { set_names(c, "\x30\x05\x82\x03\xff\n\xfe"); }),
       "subjectalternative", R"(\xff\n\xfe)"},
      {"a subject that is no text", altered([](X509* c) { set_subject(c, V_ASN1_OCTET_STRING, "\xff\xfe"); }),
       "subject", ""},
      {"negative serial", altered([](X509* c) { ASN1_INTEGER_set(X509_get_serialNumber(c), -4096); }), "serialnumber",
       "-1000"},
      {"serial of nothing", altered([](X509* c) { ASN1_INTEGER_set(X509_get_serialNumber(c), 0); }), "serialnumber",
       "0"},
      {"thousands of names", {"localhost", many_names()}, "subjectalternative", "127.0.0.2,host-0.example,"},
      {"names that cannot be read", altered([](X509* c) { set_names(c, "\x30\x05\xff"); }), "subjectalternative", ""},
      {"an expiry that is no time", altered([](X509* c) { ASN1_STRING_set(X509_getm_notAfter(c), "tomorrow", 8); }),
       "subject", "SERIALNUMBER=2,"},
  };
}

bool is_bounded_text(const Labels& labels) {
  return std::all_of(labels.begin(), labels.end(), [](const auto& label) {
    const std::string& text = label.second;
    return text.size() <= 1024 + std::string_view("…").size() && is_utf8(text) &&
           std::none_of(text.begin(), text.end(), [](char byte) { return byte >= 0 && byte < ' '; });
  });
}

TEST_CASE("odd certificates are told of, bounded and printable, and fail as others do") {
  const TempFolder folder, other_folder;
  TestAuthority authority(folder.path());
  TestAuthority trusted(other_folder.path(), "another authority");
  for (const Odd& odd : odd_certificates()) {
    TlsTestServer server(authority.issue("odd", odd.spec), [](SSL*) {});
    ProbeBench bench;
    for (const auto& [scheme, module] : modules_with("ca_file: " + trusted.ca_file())) {
      CAPTURE(odd.name, module);
      const ProbeResult result = bench.run(module, scheme + server.server().address());
      CHECK(result.phase == "tls");
      const Labels info = cert_info(result);
      REQUIRE(info.size() == 5);
      CHECK(info.at(odd.label).starts_with(odd.begins_with));
      CHECK(is_bounded_text(info));
    }
  }
}

}  // namespace
}  // namespace heal::test
