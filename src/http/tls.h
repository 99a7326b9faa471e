// Certificates of the HTTPS listener.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ssl/context.hpp>

#include "base/expected.h"

namespace loopcast::http {

// A server context, TLS 1.2 and up, from PEM files. Error: "tls_invalid".
Expected<std::shared_ptr<boost::asio::ssl::context>> load_tls(const std::string& certificate_path,
                                                              const std::string& key_path);

// Writes a new self-signed certificate (ECDSA P-256, ten years) for the host names and IP addresses
// in `names` (subjectAltName), and its key, both readable by the owner only. Existing files are
// replaced. Error: "tls_write_failed".
Status make_self_signed(const std::string& certificate_path, const std::string& key_path,
                        const std::vector<std::string>& names);

}  // namespace loopcast::http
