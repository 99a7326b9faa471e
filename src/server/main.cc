#include <cstdio>

#include "server/options.h"
#include "server/server.h"

int main(int argc, char** argv) {
  const auto options = loopcast::server::parse_options(argc, argv);
  if (!options) {
    std::fputs(options.error().text.c_str(), options.error().status == 0 ? stdout : stderr);
    return options.error().status;
  }
  const auto served = loopcast::server::run(*options);
  if (served) return 0;
  std::fprintf(stderr, "loopcast: %s\n", served.error().message.c_str());
  return 1;
}
