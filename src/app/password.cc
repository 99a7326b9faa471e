#include "app/password.h"

#include <algorithm>
#include <set>
#include <vector>

#include "app/common_passwords.h"
#include "app/messages.h"
#include "app/search_key.h"
#include "app/unicode.h"
#include "app/utf8.h"

namespace loopcast::app {
namespace {

// The lines of the list that are no comments, in their order, which is that of their bytes.
std::vector<std::string_view> parse_list(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (!line.empty() && line.front() != '#') lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_play(std::string_view text) {
  std::set<char32_t> distinct;
  while (const auto c = next_code_point(text)) distinct.insert(*c);
  return distinct.size() <= 2;
}

}  // namespace

std::string prepare_password(std::string_view password) {
  std::string mapped;
  for (std::string_view rest = password; !rest.empty();) {
    const std::string_view before = rest;
    const auto c = next_code_point(rest);
    if (!c) return std::string(password);
    if (is_space_separator(*c))
      mapped += ' ';
    else
      mapped.append(before.substr(0, before.size() - rest.size()));
  }
  std::string composed = nfc(mapped);
  return composed.empty() ? mapped : composed;
}

bool is_common_password(std::string_view prepared) {
  static const std::vector<std::string_view> kList = parse_list(common_passwords());
  std::string lower(prepared);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return is_play(lower) || std::ranges::binary_search(kList, std::string_view(lower));
}

Status check_new_password(std::string_view password, std::string_view nickname) {
  // So much is too long whatever it is, and not worth normalising.
  if (password.size() > 4 * kMaxPasswordBytes) return make_error(Code::kPasswordTooLong);
  const std::string prepared = prepare_password(password);
  const size_t length = count_code_points(prepared);
  if (length < kMinPasswordCharacters) return make_error(Code::kPasswordTooShort);
  if (length > kMaxPasswordCharacters || prepared.size() > kMaxPasswordBytes)
    return make_error(Code::kPasswordTooLong);
  if (is_common_password(prepared) || search_key(prepared) == search_key(nickname))
    return make_error(Code::kPasswordCommon);
  return ok();
}

}  // namespace loopcast::app
