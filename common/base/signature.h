#pragma once

#include <string_view>

#include "common/base/result.h"

namespace heal {

enum class SignatureDigest { kSha1, kSha256 };

/// kInvalid when `pem` holds no certificate with an RSA key.
Status check_certificate(std::string_view pem);

/// Whether `signature` (base64) over `text` was made with the RSA key of the first certificate in `pem` (PKCS #1 v1.5).
/// kUnauthorized when it was not or is no signature at all, kInvalid when `pem` holds no certificate with an RSA key.
/// Says nothing of whether the certificate may be trusted, or is in date.
Status verify_signature(std::string_view pem, SignatureDigest digest, std::string_view text,
                        std::string_view signature);

}  // namespace heal
