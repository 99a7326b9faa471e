// A context of OpenSSL with only what DTLS needs.
#pragma once

#include <openssl/types.h>

namespace loopcast::rtc {

// OpenSSL 3.0 and 3.1 collect every decoder and key type of their provider, some hundred, for each
// certificate that they read: a quarter of a handshake. In this context there are those of EC and
// RSA alone. It lives as long as the process; nullptr, which is the library's own context, if it
// cannot be made.
OSSL_LIB_CTX* lean_openssl_context();

}  // namespace loopcast::rtc
