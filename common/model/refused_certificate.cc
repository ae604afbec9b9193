#include "common/model/refused_certificate.h"

namespace heal {

std::string_view to_string(VerifyFailure failure) {
  switch (failure) {
    case VerifyFailure::kExpired:
      return "expired";
    case VerifyFailure::kNotYetValid:
      return "not_yet_valid";
    case VerifyFailure::kSelfSigned:
      return "self_signed";
    case VerifyFailure::kUnknownAuthority:
      return "unknown_authority";
    case VerifyFailure::kHostnameMismatch:
      return "hostname_mismatch";
    case VerifyFailure::kBadSignature:
      return "bad_signature";
    case VerifyFailure::kWrongPurpose:
      return "wrong_purpose";
    case VerifyFailure::kTooWeak:
      return "too_weak";
    case VerifyFailure::kOther:
      return "other";
  }
  return "other";
}

}  // namespace heal
