#include <cstdio>
#include <exception>
#include <string_view>

#include "record/pictures.h"
#include "server/options.h"
#include "server/server.h"

namespace {

int serve(int argc, char** argv) {
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

}  // namespace

int main(int argc, char** argv) {
  // The same program, started by itself to decode what strangers have sent.
  if (argc == 2 && std::string_view(argv[1]) == loopcast::record::kPictureMaker)
    return loopcast::record::run_picture_maker();
  try {
    return serve(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "loopcast: %s\n", e.what());
    return 1;
  }
}
