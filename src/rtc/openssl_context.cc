#include "rtc/openssl_context.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <vector>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

namespace loopcast::rtc {
namespace {

// Of these operations only these algorithms are wanted, by the first of their names. DTLS 1.2 with
// ECDHE and AEAD (DtlsIdentity), certificates with keys of EC or RSA, fingerprints of RFC 8122.
struct Wanted {
  int operation;
  std::array<std::string_view, 5> names;  // as many as are not empty
  size_t count() const { return names.size() - std::count(names.begin(), names.end(), ""); }
};
constexpr Wanted kWanted[] = {
    {OSSL_OP_DIGEST, {"SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"}},
    {OSSL_OP_CIPHER, {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"}},
    {OSSL_OP_MAC, {"HMAC"}},
    {OSSL_OP_KDF, {"TLS1-PRF"}},
    {OSSL_OP_KEYMGMT, {"EC", "RSA", "X25519"}},
    {OSSL_OP_KEYEXCH, {"ECDH", "X25519"}},
    {OSSL_OP_SIGNATURE, {"ECDSA", "RSA"}},
    {OSSL_OP_DECODER, {"EC", "RSA"}},
};

bool is_wanted(const Wanted& wanted, const OSSL_ALGORITHM& algorithm) {
  const std::string_view names = algorithm.algorithm_names;
  const std::string_view name = names.substr(0, names.find(':'));
  if (std::find(wanted.names.begin(), wanted.names.end(), name) == wanted.names.end()) return false;
  // A certificate holds its key as SubjectPublicKeyInfo (RFC 5280, section 4.1).
  return wanted.operation != OSSL_OP_DECODER ||
         std::string_view(algorithm.property_definition).find("SubjectPublicKeyInfo") !=
             std::string_view::npos;
}

// What the default provider offers, without most algorithms. Its functions work with its own
// context, whichever provider names them.
class Lean {
 public:
  bool load() {
    OSSL_PROVIDER* const whole = OSSL_PROVIDER_load(nullptr, "default");
    if (!whole) return false;
    context_ = OSSL_PROVIDER_get0_provider_ctx(whole);
    for (const OSSL_DISPATCH* d = OSSL_PROVIDER_get0_dispatch(whole); d && d->function_id; ++d) {
      if (d->function_id == OSSL_FUNC_PROVIDER_QUERY_OPERATION)
        query_ = OSSL_FUNC_provider_query_operation(d);
      else if (d->function_id == OSSL_FUNC_PROVIDER_GET_CAPABILITIES)
        capabilities_ = d->function;
    }
    if (!query_ || !capabilities_) return false;
    dispatch_ = {{{OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(&query)},
                  {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, capabilities_},
                  {0, nullptr}}};
    for (const Wanted& wanted : kWanted) {
      const std::vector<OSSL_ALGORITHM>& some = some_[wanted.operation] = filtered(wanted);
      // And the one that ends the list.
      if (some.size() < wanted.count() + 1) return false;
    }
    return true;
  }
  static int init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
                  void** context);

 private:
  static const OSSL_ALGORITHM* query(void* context, int operation, int* no_cache);
  std::vector<OSSL_ALGORITHM> filtered(const Wanted& wanted) const {
    std::vector<OSSL_ALGORITHM> some;
    int no_cache = 0;
    for (const OSSL_ALGORITHM* a = query_(context_, wanted.operation, &no_cache);
         a && a->algorithm_names; ++a)
      if (is_wanted(wanted, *a)) some.push_back(*a);
    some.push_back({nullptr, nullptr, nullptr, nullptr});
    return some;
  }

  void* context_ = nullptr;
  OSSL_FUNC_provider_query_operation_fn* query_ = nullptr;
  void (*capabilities_)() = nullptr;
  std::array<OSSL_DISPATCH, 3> dispatch_{};
  std::map<int, std::vector<OSSL_ALGORITHM>> some_;  // by operation
};

Lean& lean() {
  static Lean provider;
  return provider;
}

int Lean::init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
               void** context) {
  *out = lean().dispatch_.data();
  *context = lean().context_;
  return 1;
}

const OSSL_ALGORITHM* Lean::query(void* context, int operation, int* no_cache) {
  *no_cache = 0;
  const auto some = lean().some_.find(operation);
  if (some != lean().some_.end()) return some->second.data();
  return lean().query_(context, operation, no_cache);
}

OSSL_LIB_CTX* make() {
  if (!lean().load()) return nullptr;
  OSSL_LIB_CTX* const made = OSSL_LIB_CTX_new();
  if (made && OSSL_PROVIDER_add_builtin(made, "lean", &Lean::init) == 1 &&
      OSSL_PROVIDER_load(made, "lean"))
    return made;
  OSSL_LIB_CTX_free(made);
  return nullptr;
}

}  // namespace

OSSL_LIB_CTX* lean_openssl_context() {
  static OSSL_LIB_CTX* const context = make();
  return context;
}

}  // namespace loopcast::rtc
