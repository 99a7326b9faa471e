// fanout floor|worker: CPU time for each forwarded packet of a bare fan-out, and of the worker,
// with the same packets to the same addresses.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>

#include "fanout.h"

namespace {

using namespace loopcast;

void print(const char* name, const bench::Cost& cost, const bench::Options& options) {
  const auto packets = static_cast<double>(cost.packets);
  std::printf("%-7s %7zu viewers %10llu packets %6.3f us/packet %5.2f packets/send %llu unsent",
              name, options.viewers, static_cast<unsigned long long>(cost.packets),
              static_cast<double>(cost.cpu.us()) / packets,
              packets / static_cast<double>(cost.sends),
              static_cast<unsigned long long>(cost.unsent));
  if (cost.latency > Duration()) std::printf(" %5.1f ms p99", cost.latency.as_seconds() * 1000);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  bench::Options options;
  double seconds = 5;
  std::string to, from;
  bool no_segmentation = false, no_rtx = false;
  CLI::App app{"CPU time for each forwarded packet"};
  app.require_subcommand(1, 2);
  auto* floor = app.add_subcommand("floor", "a bare fan-out");
  auto* worker = app.add_subcommand("worker", "the media worker");
  app.add_option("--viewers", options.viewers);
  app.add_option("--workers", options.workers, "that share the viewers, by turns on one processor")
      ->check(CLI::Range(1, 64));
  app.add_option("--seconds", seconds, "of media");
  app.add_option("--bitrate", options.bitrate.bps, "bit/s of video");
  app.add_flag("--whole-frames", options.whole_frames, "keyframes are sent at once");
  app.add_option("--to", to, "address of the viewers; without it nothing is sent");
  app.add_option("--from", from, "address that the worker sends from");
  app.add_option("--first-port", options.first_port, "of viewer 0; one for each");
  app.add_flag("--paced", options.paced, "in real time");
  app.add_flag("--no-gso", no_segmentation);
  app.add_flag("--no-rtx", no_rtx);
  CLI11_PARSE(app, argc, argv);
  options.duration = Duration::micros(static_cast<int64_t>(seconds * 1e6));
  options.segmentation = !no_segmentation;
  options.rtx = !no_rtx;
  if (!to.empty()) {
    options.to = IpAddress::parse(to);
    if (!options.to) return std::fprintf(stderr, "--to: not an address\n"), 2;
  }
  if (!from.empty()) options.from = IpAddress::parse(from).value_or(IpAddress());
  if (floor->parsed()) print("floor", bench::measure_floor(options), options);
  if (worker->parsed()) print("worker", bench::measure_worker(options), options);
  return 0;
}
