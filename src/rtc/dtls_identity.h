// Who we are in DTLS: a self-signed certificate with its private key, and the settings that every
// handshake of a worker thread shares. The certificate says nothing about us; a peer believes it
// because its fingerprint came in the session description (RFC 8122, RFC 8827 section 6.5).
#pragma once

#include <memory>
#include <string>

struct bio_method_st;
struct ssl_ctx_st;

namespace loopcast::rtc {

class DtlsIdentity {
 public:
  // A new ECDSA P-256 key and its certificate: random name, valid from a day ago (clocks differ) to
  // a little over a year ahead. Comes from OpenSSL's own random generator and the system's clock,
  // like all of a handshake's bytes, so they do not repeat with a simulation's seed.
  // Ends the process if OpenSSL cannot do it: without a key there is no service.
  static DtlsIdentity generate();

  // As in a session description: "sha-256 AB:CD:...".
  const std::string& fingerprint() const { return fingerprint_; }

  // For Dtls. Owned by this object, which must outlive every Dtls made of it. OpenSSL counts
  // references in it with atomics, but it is meant for one worker thread.
  ssl_ctx_st* context() const { return context_.get(); }
  bio_method_st* bio_method() const { return bio_method_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
    void operator()(bio_method_st* method) const;
  };

  DtlsIdentity() = default;

  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::unique_ptr<bio_method_st, Free> bio_method_;
  std::string fingerprint_;
};

}  // namespace loopcast::rtc
