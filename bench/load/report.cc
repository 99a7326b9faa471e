#include "report.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace loopcast::load {
namespace {

namespace json = boost::json;

double lost_share(uint64_t expected, uint64_t delivered) {
  if (expected == 0 || delivered >= expected) return 0;
  return static_cast<double>(expected - delivered) / static_cast<double>(expected);
}

double ms(Duration d) { return static_cast<double>(d.us()) / 1000; }

json::object to_json(const JoinTimes& times) {
  return {{"joined", times.joined},
          {"failed", times.failed},
          {"first_packet_ms_p50", percentile(times.first_packet_ms, 0.5)},
          {"first_packet_ms_p95", percentile(times.first_packet_ms, 0.95)},
          {"first_keyframe_ms_p50", percentile(times.first_picture_ms, 0.5)},
          {"first_keyframe_ms_p95", percentile(times.first_picture_ms, 0.95)}};
}

json::object to_json(const StepResult& step) {
  const double seconds = step.seconds;
  return {{"viewers", step.viewers},
          {"seconds", seconds},
          {"published_packets", step.published},
          {"expected_packets", step.expected},
          {"delivered_packets", step.delivered},
          {"packets_per_second", static_cast<double>(step.delivered) / seconds},
          {"loss", step.loss()},
          {"server_us_per_packet", step.us_per_packet()},
          {"server_cpu", step.server_cpu.as_seconds() / seconds},
          {"server_softirq_cpu", step.softirq_cpu.as_seconds() / seconds},
          {"server_cpu_per_viewer",
           step.server_cpu.as_seconds() / seconds / static_cast<double>(step.viewers)},
          {"load_cpu", step.load_cpu.as_seconds() / seconds},
          {"server_memory", step.memory},
          {"memory_per_viewer", step.memory_per_viewer},
          {"join_cpu_ms", step.join_cpu_ms},
          {"late", to_json(step.late)},
          {"latency_ms_p50", ms(step.latency.percentile(0.5))},
          {"latency_ms_p99", ms(step.latency.percentile(0.99))},
          {"sampled_packets", step.latency.count()},
          {"sampled_missed", step.sampled_missed},
          {"viewers_with_transport_feedback", step.with_feedback}};
}

json::object to_json(const BurstResult& burst) {
  json::object object = to_json(burst.times);
  object["seconds"] = burst.seconds;
  object["server_cpu"] = burst.server_cpu.as_seconds() / burst.seconds;
  object["others_loss"] = burst.others_loss();
  return object;
}

json::object to_json(const ChurnResult& churn) {
  return {{"answered", churn.answered},
          {"refused", churn.refused},
          {"refusal", churn.refusal},
          {"no_picture", churn.no_picture},
          {"seconds", churn.seconds},
          {"answer_ms_p50", percentile(churn.answer_ms, 0.5)},
          {"answer_ms_p99", percentile(churn.answer_ms, 0.99)},
          {"answer_ms_max", percentile(churn.answer_ms, 1)}};
}

std::string to_text(const StepResult& step) {
  const auto delivered = static_cast<double>(step.delivered);
  std::string s = fmt::format(
      "{} viewers: {:.0f} packets/s, {:.4f} % lost, {:.3f} us of server CPU per packet "
      "({:.1f} % of a core, {:.2f} % softirq; load {:.1f} %)\n",
      step.viewers, delivered / step.seconds, step.loss() * 100, step.us_per_packet(),
      step.server_cpu.as_seconds() / step.seconds * 100,
      step.softirq_cpu.as_seconds() / step.seconds * 100,
      step.load_cpu.as_seconds() / step.seconds * 100);
  s += fmt::format("  latency p50 {:.2f} ms, p99 {:.2f} ms ({} packets, {} missed)\n",
                   ms(step.latency.percentile(0.5)), ms(step.latency.percentile(0.99)),
                   step.latency.count(), step.sampled_missed);
  s += fmt::format("  join {:.2f} ms of CPU, {:.1f} kB per viewer, {:.1f} MB in all\n",
                   step.join_cpu_ms, step.memory_per_viewer / 1000,
                   static_cast<double>(step.memory) / 1e6);
  const JoinTimes& late = step.late;
  if (late.joined + late.failed > 0)
    s += fmt::format(
        "  {} joined late: first packet p50 {:.0f} ms, p95 {:.0f} ms; first keyframe p50 {:.0f} "
        "ms, p95 {:.0f} ms; {} failed\n",
        late.joined, percentile(late.first_packet_ms, 0.5), percentile(late.first_packet_ms, 0.95),
        percentile(late.first_picture_ms, 0.5), percentile(late.first_picture_ms, 0.95),
        late.failed);
  return s;
}

std::string to_text(const BurstResult& burst) {
  const JoinTimes& times = burst.times;
  return fmt::format(
      "{} joined at once, {} failed, all in after {:.2f} s: first packet p50 {:.0f} ms, p95 {:.0f} "
      "ms; first keyframe p50 {:.0f} ms, p95 {:.0f} ms; the others lost {:.4f} %; server {:.1f} % "
      "of a core\n",
      times.joined, times.failed, burst.seconds, percentile(times.first_packet_ms, 0.5),
      percentile(times.first_packet_ms, 0.95), percentile(times.first_picture_ms, 0.5),
      percentile(times.first_picture_ms, 0.95), burst.others_loss() * 100,
      burst.server_cpu.as_seconds() / burst.seconds * 100);
}

std::string to_text(const ChurnResult& churn) {
  return fmt::format(
      "{} came and went within {:.0f} s, {} were refused, {} saw no picture: answer p50 {:.0f} ms, "
      "p99 {:.0f} ms, at most {:.0f} ms\n",
      churn.answered, churn.seconds, churn.refused, churn.no_picture,
      percentile(churn.answer_ms, 0.5), percentile(churn.answer_ms, 0.99),
      percentile(churn.answer_ms, 1));
}

}  // namespace

double StepResult::loss() const { return lost_share(expected, delivered); }

double StepResult::us_per_packet() const {
  return delivered == 0 ? 0 : static_cast<double>(server_cpu.us()) / static_cast<double>(delivered);
}

double BurstResult::others_loss() const { return lost_share(others_expected, others_delivered); }

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[std::min(sorted.size(), std::max<size_t>(1, static_cast<size_t>(rank))) - 1];
}

std::string to_json(const Options& options, const Report& report) {
  json::object object{{"server", options.janus ? "janus" : "loopcast"},
                      {"profile", options.profile == Profile::kLean ? "lean" : "browser"},
                      {"bitrate", options.bitrate.bps}};
  json::array steps, violations;
  for (const StepResult& step : report.steps) steps.push_back(to_json(step));
  for (const std::string& violation : report.violations) violations.emplace_back(violation);
  object["steps"] = std::move(steps);
  for (const BurstResult& burst : report.bursts) object["burst"] = to_json(burst);
  for (const ChurnResult& churn : report.churns) object["churn"] = to_json(churn);
  object["violations"] = std::move(violations);
  return json::serialize(object) + "\n";
}

std::string to_text(const Options&, const Report& report) {
  std::string s;
  for (const StepResult& step : report.steps) s += to_text(step);
  for (const BurstResult& burst : report.bursts) s += to_text(burst);
  for (const ChurnResult& churn : report.churns) s += to_text(churn);
  for (const std::string& violation : report.violations) s += "violation: " + violation + "\n";
  return s;
}

}  // namespace loopcast::load
