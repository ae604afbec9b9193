#include "common/model/refused_certificate.h"

#include <sstream>

#include <catch2/catch.hpp>

#include "common/probe/exposition.h"
#include "tests/unit/probe/run_bench.h"

namespace heal::probe {
namespace {

/// The lines about the certificate that the server of an https probe showed, which was refused.
std::string told(RefusedCertificate certificate) {
  RunBench bench;
  bench.io.serve({*IpAddress::parse("192.0.2.1"), 443}, [&](const HttpHop&) {
    ProbeFailure failure{ProbePhase::kTls, ProbeReason::kCertificate, "certificate refused"};
    failure.certificate = std::make_shared<const RefusedCertificate>(certificate);
    return SimHttpAnswer{0s, {}, "", failure};
  });
  Module module;
  module.prober = "http";
  std::istringstream page(expose_result(bench.run(module, "https://192.0.2.1/")));
  std::string lines;
  for (std::string line; std::getline(page, line);) {
    if (line.find("heal_probe_tls_") != std::string::npos) lines += line + "\n";
  }
  return lines;
}

TEST_CASE("a refused certificate is told in families of our own") {
  CHECK(told({VerifyFailure::kExpired, 1600000000, 1700000000, 1650000000, "ab12", "3e9", "CN=shop", "CN=authority",
              "shop.example,192.0.2.1"}) ==
        "# HELP heal_probe_tls_earliest_cert_expiry_timestamp_seconds When the first of the certificates expires that "
        "the server sent with one that was refused.\n"
        "# TYPE heal_probe_tls_earliest_cert_expiry_timestamp_seconds gauge\n"
        "heal_probe_tls_earliest_cert_expiry_timestamp_seconds 1.65e+09\n"
        "# HELP heal_probe_tls_peer_cert_info What the refused certificate of the server says of itself.\n"
        "# TYPE heal_probe_tls_peer_cert_info gauge\n"
        "heal_probe_tls_peer_cert_info{fingerprint_sha256=\"ab12\",issuer=\"CN=authority\",serialnumber=\"3e9\","
        "subject=\"CN=shop\",subjectalternative=\"shop.example,192.0.2.1\"} 1\n"
        "# HELP heal_probe_tls_peer_cert_not_after_timestamp_seconds Until when the refused certificate of the server "
        "is valid, as it says itself.\n"
        "# TYPE heal_probe_tls_peer_cert_not_after_timestamp_seconds gauge\n"
        "heal_probe_tls_peer_cert_not_after_timestamp_seconds 1.7e+09\n"
        "# HELP heal_probe_tls_peer_cert_not_before_timestamp_seconds From when the refused certificate of the server "
        "is valid, as it says itself.\n"
        "# TYPE heal_probe_tls_peer_cert_not_before_timestamp_seconds gauge\n"
        "heal_probe_tls_peer_cert_not_before_timestamp_seconds 1.6e+09\n"
        "# HELP heal_probe_tls_verify_failure_info Why the certificate of the server was refused.\n"
        "# TYPE heal_probe_tls_verify_failure_info gauge\n"
        "heal_probe_tls_verify_failure_info{reason=\"expired\"} 1\n");
}

TEST_CASE("of a refused certificate texts are cut and printable, and times that are none are absent") {
  RefusedCertificate certificate;
  certificate.subject = std::string("a\n\"\0\xff", 5);
  certificate.issuer = std::string(100'000, 'x');
  certificate.alternative_names = std::string(100'000, 'y');
  certificate.serial_number = std::string(100'000, 'f');
  CHECK(told(certificate) ==
        "# HELP heal_probe_tls_peer_cert_info What the refused certificate of the server says of itself.\n"
        "# TYPE heal_probe_tls_peer_cert_info gauge\n"
        "heal_probe_tls_peer_cert_info{fingerprint_sha256=\"\",issuer=\"" +
            std::string(256, 'x') + "…\",serialnumber=\"" + std::string(256, 'f') +
            "…\",subject=\"a\\\\n\\\"\\\\x00\\\\xff\",subjectalternative=\"" + std::string(1024, 'y') +
            "…\"} 1\n"
            "# HELP heal_probe_tls_verify_failure_info Why the certificate of the server was refused.\n"
            "# TYPE heal_probe_tls_verify_failure_info gauge\n"
            "heal_probe_tls_verify_failure_info{reason=\"other\"} 1\n");
}

}  // namespace
}  // namespace heal::probe
