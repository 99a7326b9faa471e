// Certificates of the HTTPS listener.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ssl/context.hpp>

#include "base/expected.h"

namespace loopcast::http {

// A server context from PEM files: TLS 1.3, and of TLS 1.2 what has forward secrecy and
// authenticated encryption. Error: "tls_invalid".
Expected<std::shared_ptr<boost::asio::ssl::context>> load_tls(const std::string& certificate_path,
                                                              const std::string& key_path);

// Writes a new self-signed certificate (ECDSA P-256, of a server and not of an authority, good for
// as long as browsers take: 825 days) for the host names and IP addresses in `names`
// (subjectAltName), and its key, both readable by the owner only. Existing files are replaced.
// Error: "tls_write_failed".
Status make_self_signed(const std::string& certificate_path, const std::string& key_path,
                        const std::vector<std::string>& names);

// Whether the certificate of that file is one that make_self_signed() would make now: for these
// names, no authority, and good for another month.
bool is_good_self_signed(const std::string& certificate_path,
                         const std::vector<std::string>& names);

}  // namespace loopcast::http
