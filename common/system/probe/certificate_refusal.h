#pragma once

#include <memory>

#include <openssl/ssl.h>

#include "common/model/refused_certificate.h"

namespace heal::system {

/// Has what the server sent put into `refused` when its verification fails, which nothing else can tell once the
/// handshake has ended. A handshake that goes well costs nothing more; without verification nothing is put there.
/// `refused` must outlive the handshakes.
void keep_refused(SSL* ssl, std::shared_ptr<const RefusedCertificate>& refused);
/// The same for all connections of `context`.
void keep_refused(SSL_CTX* context, std::shared_ptr<const RefusedCertificate>& refused);

}  // namespace heal::system
