#include "measured_server.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace loopcast::load {
namespace {

pid_t find_process(const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "comm");
    std::string comm;
    if (std::getline(file, comm) && comm == name) return std::atoi(entry.path().filename().c_str());
  }
  return 0;
}

}  // namespace

MeasuredServer::MeasuredServer(pid_t pid, int core) : pid_(pid) {
  if (pid == 0) return;
  if (clock_getcpuclockid(pid, &clock_) != 0)
    throw std::runtime_error("no process " + std::to_string(pid));
  softirq_ = find_process("ksoftirqd/" + std::to_string(core));
}

Duration MeasuredServer::process_cpu() const {
  timespec t{};
  if (pid_ == 0 || clock_gettime(clock_, &t) != 0) return {};
  return Duration::micros(int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1000);
}

Duration MeasuredServer::softirq_cpu() const {
  if (softirq_ == 0) return {};
  std::ifstream file("/proc/" + std::to_string(softirq_) + "/schedstat");
  int64_t ns = 0;
  file >> ns;
  return Duration::micros(ns / 1000);
}

uint64_t MeasuredServer::memory() const {
  if (pid_ == 0) return 0;
  std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t packets_dropped_by_interface() {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      popen("nft list counter netdev loopcast_bench dropped 2>/dev/null", "r"), &pclose);
  if (!pipe) return 0;
  uint64_t packets = 0;
  char word[64];
  while (std::fscanf(pipe.get(), "%63s", word) == 1)
    if (std::string(word) == "packets" && std::fscanf(pipe.get(), "%lu", &packets) == 1) break;
  return packets;
}

}  // namespace loopcast::load
