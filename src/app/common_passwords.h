// The list of common_passwords.txt, as a part of the program.
#pragma once

#include <string_view>

namespace loopcast::app {

std::string_view common_passwords();

}  // namespace loopcast::app
