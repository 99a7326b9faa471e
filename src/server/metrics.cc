#include "server/metrics.h"

#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace loopcast::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  void gauge(const std::string& name, const std::string& help, double value) {
    add(name, help, MetricType::Gauge, {}, value);
  }
  void counter(const std::string& name, const std::string& help, uint64_t value,
               std::vector<ClientMetric::Label> labels = {}) {
    add(name + "_total", help, MetricType::Counter, std::move(labels), static_cast<double>(value));
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  void add(const std::string& name, const std::string& help, MetricType type,
           std::vector<ClientMetric::Label> labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (type == MetricType::Gauge)
      metric.gauge.value = value;
    else
      metric.counter.value = value;
    if (families_.empty() || families_.back().name != "loopcast_" + name)
      families_.push_back({"loopcast_" + name, help, type, {}});
    families_.back().metric.push_back(std::move(metric));
  }
  std::vector<MetricFamily> families_;
};

void add_broadcasts(Families& out, const app::Broadcasts& broadcasts) {
  out.gauge("broadcasts", "Broadcasts on air", static_cast<double>(broadcasts.on_air()));
  out.gauge("viewers", "Viewers of all broadcasts", static_cast<double>(broadcasts.viewers()));
  const auto& c = broadcasts.counters();
  const std::pair<const char*, uint64_t> events[] = {
      {"broadcast_started", c.broadcasts_started},
      {"broadcast_ended", c.broadcasts_ended},
      {"viewer_entered", c.viewers_entered},
      {"viewer_left", c.viewers_left},
      {"media_connected", c.media_connected},
      {"media_lost", c.media_lost},
      {"media_refused", c.media_refused},
      {"request_refused", c.requests_refused},
      {"presenter_not_found", c.presenter_not_found},
      {"candidate_dropped", c.candidates_dropped},
      {"stale_media_event", c.stale_media_events},
  };
  for (const auto& [name, value] : events)
    out.counter("live_events", "What happened in live broadcasts", value, {{"event", name}});
}

void add_http(Families& out, const http::HttpCounters& c, const api::SignIn& sign_in) {
  out.gauge("http_connections", "HTTP connections", static_cast<double>(c.connections));
  out.gauge("http_websockets", "WebSocket connections", static_cast<double>(c.websockets));
  out.gauge("socketio_sockets", "Socket.IO sockets", static_cast<double>(c.sockets));
  const std::pair<const char*, uint64_t> events[] = {
      {"connection_accepted", c.connections_accepted},
      {"connection_over_limit", c.connections_over_limit},
      {"connection_over_ip_limit", c.connections_over_ip_limit},
      {"accept_error", c.accept_errors},
      {"tls_handshake_failed", c.tls_handshakes_failed},
      {"request", c.requests},
      {"request_malformed", c.requests_malformed},
      {"request_header_too_large", c.requests_header_too_large},
      {"request_body_too_large", c.requests_body_too_large},
      {"request_timed_out", c.requests_timed_out},
      {"response_4xx", c.responses_4xx},
      {"response_5xx", c.responses_5xx},
      {"handler_exception", c.handler_exceptions},
      {"engine_session_opened", c.engine_sessions_opened},
      {"engine_session_refused", c.engine_sessions_refused},
      {"engine_handshake_refused", c.engine_handshakes_refused},
      {"engine_upgrade", c.engine_upgrades},
      {"engine_ping_timeout", c.engine_ping_timeouts},
      {"engine_protocol_error", c.engine_protocol_errors},
      {"engine_queue_overflow", c.engine_queue_overflows},
      {"socket_event", c.socket_events},
      {"socket_event_overflow", c.socket_event_overflows},
      {"socket_protocol_error", c.socket_protocol_errors},
      {"login_rate_limited", sign_in.rate_limited()},
      {"login_overloaded", sign_in.overloaded()},
  };
  for (const auto& [name, value] : events)
    out.counter("http_events", "What happened in HTTP and Socket.IO", value, {{"event", name}});
  out.counter("http_sent_bytes", "Bytes of HTTP answers", c.bytes_sent);
}

void add_media(Families& out, const MediaHub& media) {
  const auto workers = media.figures();
  for (size_t i = 0; i < workers.size(); ++i) {
    const ClientMetric::Label worker{"worker", std::to_string(i)};
    for (size_t n = 0; n < static_cast<size_t>(rtc::Counter::kCount); ++n) {
      const auto counter = static_cast<rtc::Counter>(n);
      out.counter("media_events", "What happened to media packets",
                  workers[i].counters.get(counter),
                  {worker, {"event", std::string(rtc::counter_name(counter))}});
    }
  }
  for (size_t i = 0; i < workers.size(); ++i) {
    const ClientMetric::Label worker{"worker", std::to_string(i)};
    const auto& n = workers[i].network;
    uint64_t received = 0, sent = 0, sends = 0, segmented = 0, full = 0, unreachable = 0;
    uint64_t too_big = 0, other = 0, oversized = 0;
    for (const auto& udp : n.udp) {
      received += udp.received;
      sent += udp.sent;
      sends += udp.send_calls;
      segmented += udp.segmented_sends;
      full += udp.dropped_no_buffer;
      unreachable += udp.dropped_unreachable;
      too_big += udp.dropped_too_big;
      other += udp.dropped_other;
      oversized += udp.receive_oversized;
    }
    const std::pair<const char*, uint64_t> events[] = {
        {"udp_received", received},
        {"udp_sent", sent},
        {"udp_send_calls", sends},
        {"udp_segmented_sends", segmented},
        {"udp_drop_no_buffer", full},
        {"udp_drop_unreachable", unreachable},
        {"udp_drop_too_big", too_big},
        {"udp_drop_other", other},
        {"udp_drop_oversized", oversized},
        {"tcp_accepted", n.tcp.accepted},
        {"tcp_refused", n.tcp.refused},
        {"tcp_closed_bad", n.tcp.closed_bad},
        {"tcp_closed_idle", n.tcp.closed_idle},
        {"tcp_drop_queue_full", n.tcp.dropped_queue_full},
        {"tcp_drop_closed", n.tcp.dropped_closed},
        {"busy_us", n.busy_us},
    };
    for (const auto& [name, value] : events)
      out.counter("network_events", "What happened on the media ports", value,
                  {worker, {"event", name}});
  }
  double peers = 0;
  for (const auto& worker : workers) peers += static_cast<double>(worker.peers);
  out.gauge("media_peers", "Peers of the media workers", peers);
  out.counter("media_commands_refused", "Commands that a full mailbox refused",
              media.commands_refused());
  out.counter("media_handovers_refused", "Packets for another worker that could not keep up",
              media.handovers_refused());
}

}  // namespace

std::string metrics_text(const app::Broadcasts& broadcasts, const http::HttpCounters& http,
                         const api::SignIn& sign_in, const MediaHub& media) {
  Families out;
  add_broadcasts(out, broadcasts);
  add_http(out, http, sign_in);
  add_media(out, media);
  return out.text();
}

}  // namespace loopcast::server
