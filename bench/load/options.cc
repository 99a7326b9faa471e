#include "options.h"

#include <cstdlib>
#include <iostream>

#include <CLI/CLI.hpp>

#include "../presenter.h"

namespace loopcast::load {
namespace {

SocketAddress parse_url(std::string url) {
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with(kScheme)) url.erase(0, kScheme.size());
  while (url.ends_with('/')) url.pop_back();
  const auto address = SocketAddress::parse(url);
  if (!address) {
    std::cerr << "Not an address and port: " << url << '\n';
    std::exit(2);
  }
  return *address;
}

// A server keeps viewers that have vanished until their consent expires (RFC 7675: 30 s).
constexpr Duration kVanishedAreKept = Duration::seconds(30);

sim::SessionOptions session(Profile profile, bool send) {
  sim::SessionOptions session;
  session.send = send;
  session.receive = !send;
  session.codec = wire::Codec::kVp8;
  session.rtx = session.congestion_control = profile == Profile::kBrowser;
  return session;
}

}  // namespace

size_t Options::streams() const {
  const double vanished = join_rate * (kChurnStay + kVanishedAreKept).as_seconds();
  return 1 + steps.back() + late * steps.size() + burst +
         std::min(churn, static_cast<size_t>(vanished));
}

sim::BrowserOptions Options::publisher() const {
  sim::BrowserOptions options;
  options.session = session(profile, true);
  options.session.active = janus;
  options.sender = bench::presenter(bitrate, whole_frames);
  return options;
}

sim::BrowserOptions Options::viewer(bool sampled) const {
  sim::BrowserOptions options;
  options.session = session(profile, false);
  options.transport_feedback = profile == Profile::kBrowser;
  options.count_only = !sampled;
  options.counts_every = static_cast<uint16_t>(thin == 0 ? 1 : thin);
  return options;
}

Options parse_options(int argc, char** argv) {
  Options options;
  std::string server, janus, bind = "0.0.0.0", profile = "lean";
  uint64_t bitrate = 2'500'000;
  double seconds = 8;
  CLI::App app{
      "One WebRTC publisher and many viewers against a running server: what they receive, and what "
      "it costs the server."};
  auto* loopcast = app.add_option("--server", server, "URL of a Loopcast server");
  app.add_option("--janus", janus, "URL of a Janus server's HTTP API, without its path")
      ->excludes(loopcast);
  app.add_option("--bind", bind, "address of the publisher and the viewers")->capture_default_str();
  app.add_option("--viewers", options.steps, "how many, or several numbers to measure in turn")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--bitrate", bitrate, "of video, bit/s")
      ->capture_default_str()
      ->transform(
          CLI::AsNumberWithUnit(std::map<std::string, uint64_t>{{"k", 1000}, {"m", 1000000}},
                                CLI::AsNumberWithUnit::CASE_INSENSITIVE));
  app.add_flag("--whole-frames", options.whole_frames,
               "the publisher sends keyframes at once, as hardware may, not spread as browsers do");
  app.add_option("--profile", profile, "what viewers negotiate: lean or browser")
      ->capture_default_str()
      ->check(CLI::IsMember({"lean", "browser"}));
  app.add_option("--sample", options.sample, "viewers that decrypt and check every packet")
      ->capture_default_str();
  app.add_option("--late", options.late, "viewers of each step that join while media flows")
      ->capture_default_str();
  app.add_option("--join-burst", options.burst, "viewers that join within one second, at the end")
      ->capture_default_str();
  app.add_option("--churn", options.churn,
                 "viewers that come and go at the join rate, at the end; every other one vanishes")
      ->capture_default_str();
  app.add_option("--join-rate", options.join_rate, "joins per second otherwise")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 2000.0));
  app.add_option("--seconds", seconds, "measured in each step")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 3600.0));
  app.add_option("--server-pid", options.server_pid, "process whose CPU and memory are measured");
  app.add_option("--server-core", options.server_core, "processor that it is pinned to")
      ->capture_default_str();
  app.add_option("--thin", options.thin,
                 "the interface drops all but each so many-th packet (a power of two)");
  app.add_flag("--json", options.json, "one JSON object on standard output");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e));
  }
  if (server.empty() == janus.empty()) {
    std::cerr << "Either --server or --janus, please.\n";
    std::exit(2);
  }
  options.janus = !janus.empty();
  options.server = parse_url(options.janus ? janus : server);
  options.bind = IpAddress::parse(bind).value_or(IpAddress::v4(0, 0, 0, 0));
  options.bitrate = Bitrate{static_cast<int64_t>(bitrate)};
  options.profile = profile == "lean" ? Profile::kLean : Profile::kBrowser;
  options.measured = Duration::micros(static_cast<int64_t>(seconds * 1e6));
  return options;
}

}  // namespace loopcast::load
