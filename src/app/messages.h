// What users read when something does not work: for each error code one sentence or two in Chinese
// and in English, saying what happened and what to do about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/error_codes.h"
#include "base/expected.h"
#include "base/time.h"

namespace loopcast::app {

enum class Language : uint8_t { kChinese, kEnglish };

// "nickname_taken" of Code::kNicknameTaken: the stable name that programs see.
std::string_view name_of(Code code);
std::optional<Code> code_of(std::string_view name);

std::string_view message(Code code, Language language);
// The sentence of an Error's code, whoever made it; that of `internal` if the code is not known, so
// that the user never reads a bare identifier.
std::string_view message(std::string_view code, Language language);

// The error with its English sentence.
Error make_error(Code code);
// The same with a detail for the operator's log: users are shown message(code), never the detail.
Error make_error(Code code, std::string_view detail);

// The error of what may succeed after this long.
Error make_error(Code code, Duration retry_after);

// The best of the two languages for an Accept-Language header (RFC 9110, section 12.5.4);
// `otherwise` if it names neither.
Language choose_language(std::string_view accept_language, Language otherwise);

}  // namespace loopcast::app
