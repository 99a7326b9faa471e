// loopcast-load: see --help and docs/DEVELOPMENT.md, Benchmarks.
#include <cstdio>
#include <exception>
#include <memory>

#include <sys/resource.h>

#include "janus_server.h"
#include "options.h"
#include "report.h"
#include "scenario.h"
#include "whip_server.h"

int main(int argc, char** argv) {
  using namespace loopcast::load;
  const Options options = parse_options(argc, argv);
  // A socket for each viewer.
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  try {
    std::unique_ptr<Server> server;
    if (options.janus)
      server = std::make_unique<JanusServer>(options.server, options.profile == Profile::kBrowser);
    else
      server = std::make_unique<WhipServer>(options.server, options.streams());
    const Report report = Scenario(options, *server).run();
    std::fputs((options.json ? to_json(options, report) : to_text(options, report)).c_str(),
               stdout);
    return report.violations.empty() ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "loopcast-load: %s\n", e.what());
    return 2;
  }
}
