#include "rtc/openssl_context.h"

#include <array>
#include <string_view>
#include <vector>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

namespace loopcast::rtc {
namespace {

// The first of an algorithm's names.
bool is_named(const OSSL_ALGORITHM& algorithm, std::string_view name) {
  const std::string_view names = algorithm.algorithm_names;
  return names.substr(0, names.find(':')) == name;
}

bool is_wanted_key(const OSSL_ALGORITHM& key) {
  return is_named(key, "EC") || is_named(key, "RSA") || is_named(key, "X25519");
}
// A certificate holds its key as SubjectPublicKeyInfo (RFC 5280, section 4.1).
bool is_wanted_decoder(const OSSL_ALGORITHM& decoder) {
  return (is_named(decoder, "EC") || is_named(decoder, "RSA")) &&
         std::string_view(decoder.property_definition).find("SubjectPublicKeyInfo") !=
             std::string_view::npos;
}

// What the default provider offers, without most keys and decoders. Its functions work with its own
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
    keys_ = filtered(OSSL_OP_KEYMGMT, is_wanted_key);
    decoders_ = filtered(OSSL_OP_DECODER, is_wanted_decoder);
    return keys_.size() > 1 && decoders_.size() > 1;
  }
  static int init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
                  void** context);

 private:
  static const OSSL_ALGORITHM* query(void* context, int operation, int* no_cache);
  std::vector<OSSL_ALGORITHM> filtered(int operation, bool (*wanted)(const OSSL_ALGORITHM&)) const {
    std::vector<OSSL_ALGORITHM> some;
    int no_cache = 0;
    for (const OSSL_ALGORITHM* a = query_(context_, operation, &no_cache); a && a->algorithm_names;
         ++a)
      if (wanted(*a)) some.push_back(*a);
    some.push_back({nullptr, nullptr, nullptr, nullptr});
    return some;
  }

  void* context_ = nullptr;
  OSSL_FUNC_provider_query_operation_fn* query_ = nullptr;
  void (*capabilities_)() = nullptr;
  std::array<OSSL_DISPATCH, 3> dispatch_{};
  std::vector<OSSL_ALGORITHM> keys_, decoders_;
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
  if (operation == OSSL_OP_KEYMGMT) return lean().keys_.data();
  if (operation == OSSL_OP_DECODER) return lean().decoders_.data();
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
