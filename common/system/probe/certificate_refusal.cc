#include "common/system/probe/certificate_refusal.h"

#include <openssl/err.h>

#include "common/system/probe/certificate.h"

namespace heal::system {
namespace {

using Refused = std::shared_ptr<const RefusedCertificate>;

int connection_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
int context_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

VerifyFailure verify_failure(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return VerifyFailure::kExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return VerifyFailure::kNotYetValid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return VerifyFailure::kSelfSigned;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return VerifyFailure::kUnknownAuthority;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return VerifyFailure::kHostnameMismatch;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
      return VerifyFailure::kBadSignature;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return VerifyFailure::kWrongPurpose;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return VerifyFailure::kTooWeak;
    default:
      return VerifyFailure::kOther;
  }
}

RefusedCertificate refused_certificate(X509_STORE_CTX* verification) {
  RefusedCertificate refused;
  refused.failure = verify_failure(X509_STORE_CTX_get_error(verification));
  refused.earliest_not_after = earliest_expiry(X509_STORE_CTX_get0_untrusted(verification));
  const X509* leaf = X509_STORE_CTX_get0_cert(verification);
  if (leaf == nullptr) return refused;
  refused.not_before = unix_seconds(X509_get0_notBefore(leaf));
  refused.not_after = unix_seconds(X509_get0_notAfter(leaf));
  refused.fingerprint_sha256 = fingerprint_sha256(leaf);
  refused.serial_number = serial_number(leaf);
  refused.subject = name_text(X509_get_subject_name(leaf));
  refused.issuer = name_text(X509_get_issuer_name(leaf));
  refused.alternative_names = alternative_names(leaf);
  return refused;
}

/// OpenSSL calls it for each certificate that is good as well.
int on_verified(int is_good, X509_STORE_CTX* verification) {
  if (is_good == 1) return is_good;
  const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  void* kept_by = SSL_get_ex_data(ssl, connection_index());
  if (kept_by == nullptr) kept_by = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index());
  if (kept_by == nullptr) return is_good;
  // libcurl takes the oldest error there is for the reason: what cannot be read of the certificate must not be that.
  ERR_set_mark();
  *static_cast<Refused*>(kept_by) = std::make_shared<const RefusedCertificate>(refused_certificate(verification));
  ERR_pop_to_mark();
  return is_good;
}

}  // namespace

void keep_refused(SSL* ssl, Refused& refused) {
  const int mode = SSL_get_verify_mode(ssl);
  if (mode == SSL_VERIFY_NONE) return;
  SSL_set_ex_data(ssl, connection_index(), &refused);
  SSL_set_verify(ssl, mode, on_verified);
}

void keep_refused(SSL_CTX* context, Refused& refused) {
  const int mode = SSL_CTX_get_verify_mode(context);
  if (mode == SSL_VERIFY_NONE) return;
  SSL_CTX_set_ex_data(context, context_index(), &refused);
  SSL_CTX_set_verify(context, mode, on_verified);
}

}  // namespace heal::system
