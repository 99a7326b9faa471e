#include "app/unicode.h"

#include <cstdlib>
#include <memory>

#include <unicode/uspoof.h>
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

std::string confusable_skeleton(std::string_view text) {
  // Reads its tables once, and may then be used by several threads.
  static const USpoofChecker* const kChecker = [] {
    UErrorCode status = U_ZERO_ERROR;
    return uspoof_open(&status);
  }();
  if (kChecker == nullptr || text.empty()) return {};
  // Some characters become several.
  std::string skeleton(4 * text.size() + 16, '\0');
  for (int tries = 0; tries < 2; ++tries) {
    UErrorCode status = U_ZERO_ERROR;
    constexpr uint32_t kAnyType = 0;
    const int32_t length =
        uspoof_getSkeletonUTF8(kChecker, kAnyType, text.data(), static_cast<int32_t>(text.size()),
                               skeleton.data(), static_cast<int32_t>(skeleton.size()), &status);
    if (status == U_BUFFER_OVERFLOW_ERROR) {
      skeleton.resize(static_cast<size_t>(length));
      continue;
    }
    if (U_FAILURE(status)) return {};
    skeleton.resize(static_cast<size_t>(length));
    return skeleton;
  }
  return {};
}

bool is_mark(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME;
}

}  // namespace loopcast::app
