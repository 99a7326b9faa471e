#include "app/unicode.h"

#include <cstdlib>
#include <memory>

#include <utf8proc.h>

namespace loopcast::app {
namespace {

std::string normalise(std::string_view text, int options) {
  struct Free {
    void operator()(utf8proc_uint8_t* p) const { std::free(p); }
  };
  utf8proc_uint8_t* raw = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw,
                   static_cast<utf8proc_option_t>(options | UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, Free> owned(raw);
  if (length <= 0) return {};
  return {reinterpret_cast<const char*>(raw), static_cast<size_t>(length)};
}

}  // namespace

std::string nfc(std::string_view text) { return normalise(text, 0); }

std::string nfkc_casefold(std::string_view text) {
  return normalise(text, UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
}

}  // namespace loopcast::app
