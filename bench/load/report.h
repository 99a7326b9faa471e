// What a run found out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "options.h"
#include "sim/latency.h"

namespace loopcast::load {

// Times from the beginning of the signalling.
struct JoinTimes {
  size_t joined = 0;
  size_t failed = 0;
  std::vector<double> first_packet_ms;   // sorted
  std::vector<double> first_picture_ms;  // sorted
};

struct StepResult {
  size_t viewers = 0;
  double seconds = 0;
  uint64_t published = 0;  // packets
  uint64_t expected = 0;   // published for each viewer
  uint64_t delivered = 0;
  Duration server_cpu;   // of the process and its processor's softirqs
  Duration softirq_cpu;  // of them the latter
  Duration load_cpu;
  uint64_t memory = 0;           // bytes, of the whole server
  double join_cpu_ms = 0;        // of each viewer that joined for this step
  double memory_per_viewer = 0;  // bytes
  JoinTimes late;
  sim::LatencyHistogram latency;  // of the sampled viewers
  uint64_t sampled_missed = 0;    // packets that they gave up
  size_t with_feedback = 0;       // viewers that agreed on transport-wide feedback

  double loss() const;
  double us_per_packet() const;
};

struct BurstResult {
  JoinTimes times;
  double seconds = 0;
  Duration server_cpu;
  uint64_t others_expected = 0, others_delivered = 0;

  double others_loss() const;
};

// Viewers that came and went.
struct ChurnResult {
  size_t answered = 0;
  size_t refused = 0;     // offers without an answer that can be used
  size_t no_picture = 0;  // answered, and gone before a picture came
  double seconds = 0;
  std::vector<double> answer_ms;  // from the offer to its answer, sorted
  std::string refusal;            // the last one
};

struct Report {
  std::vector<StepResult> steps;
  std::vector<BurstResult> bursts;      // none or one
  std::vector<ChurnResult> churns;      // none or one
  std::vector<std::string> violations;  // of what sampled viewers may rely on
};

// The value that `share` of the sorted values lie at or below; 0 if there are none.
double percentile(const std::vector<double>& sorted, double share);

std::string to_json(const Options& options, const Report& report);
std::string to_text(const Options& options, const Report& report);

}  // namespace loopcast::load
