#include "common/base/signature.h"

#include <string>

#include <catch2/catch.hpp>

#include "tests/support/rsa_signer.h"

namespace heal {
namespace {

TEST_CASE("a signature of the certificate's key over the text holds, by the digest that it was made with") {
  const test::RsaSigner signer;
  for (const SignatureDigest digest : {SignatureDigest::kSha1, SignatureDigest::kSha256}) {
    const std::string signature = signer.sign(digest, "a text\n");
    CHECK(verify_signature(signer.certificate(), digest, "a text\n", signature).has_value());
    const auto other = digest == SignatureDigest::kSha1 ? SignatureDigest::kSha256 : SignatureDigest::kSha1;
    CHECK(verify_signature(signer.certificate(), other, "a text\n", signature).error().str() ==
          "the signature does not fit");
  }
}

TEST_CASE("a signature does not hold for another text, of another key, or when it is none") {
  const test::RsaSigner signer, other;
  const std::string signature = signer.sign(SignatureDigest::kSha256, "a text");
  const auto why = [&](const std::string& pem, const std::string& text, const std::string& given) {
    const Status status = verify_signature(pem, SignatureDigest::kSha256, text, given);
    return status.has_value() ? "good" : status.error().str();
  };
  CHECK(why(signer.certificate(), "a Text", signature) == "the signature does not fit");
  CHECK(why(other.certificate(), "a text", signature) == "the signature does not fit");
  for (const char* none : {"", "====", "AAA", "*&^%", "not base64 at all!!!"}) {
    CAPTURE(none);
    CHECK(why(signer.certificate(), "a text", none) != "good");
  }
  for (const std::string& pem :
       {std::string(), std::string("-----BEGIN CERTIFICATE-----\nAAAA\n"), std::string(100'000, 'x')})
    CHECK(why(pem, "a text", signature) == "expected a certificate with an RSA key, in PEM");
}

}  // namespace
}  // namespace heal
