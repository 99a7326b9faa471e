#include "janus_server.h"

#include <chrono>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "http_client.h"
#include "net/clock.h"

namespace loopcast::load {
namespace {

namespace json = boost::json;

constexpr const char* kPlugin = "janus.plugin.videoroom";
constexpr int kRoom = 1;
constexpr std::chrono::seconds kEventTimeout{30};

// A request and its answer, whose "janus" must be `expected`.
Expected<json::object> call(HttpClient& http, const std::string& path, json::object request,
                            std::string_view expected) {
  request["transaction"] = "load";
  const auto response =
      http.send("POST", path, json::serialize(request), {{"content-type", "application/json"}});
  if (!response) return response.error();
  boost::system::error_code error;
  json::value value = json::parse(response->body, error);
  const json::object* object = error ? nullptr : value.if_object();
  const json::value* kind = object ? object->if_contains("janus") : nullptr;
  if (!kind || !kind->is_string() || kind->as_string() != expected)
    return Error{"refused", fmt::format("Janus: {}", response->body)};
  return *object;
}

Expected<uint64_t> created_id(const Expected<json::object>& answer) {
  if (!answer) return answer.error();
  const json::value* data = answer->if_contains("data");
  const json::object* object = data ? data->if_object() : nullptr;
  const json::value* number = object ? object->if_contains("id") : nullptr;
  if (!number) return Error{"refused", "Janus: an answer without an id"};
  return number->to_number<uint64_t>();
}

}  // namespace

class JanusServer::Connection final : public Signalling {
 public:
  explicit Connection(JanusServer& server) : server_(server), http_(server.address_) {}

  Status publish(sim::Browser& browser) override {
    const auto handle = attach();
    if (!handle) return handle.error();
    const auto event = request(*handle,
                               {{"request", "joinandconfigure"},
                                {"room", kRoom},
                                {"ptype", "publisher"},
                                {"audio", true},
                                {"video", true}},
                               "offer", browser.offer());
    if (!event) return event.error();
    const auto sdp = description(*event);
    if (!sdp) return sdp.error();
    if (!browser.set_answer(net::now(), *sdp))
      return Error{"bad_answer", "an answer that cannot be used: " + *sdp};
    server_.feed_ = event->at("plugindata").at("data").at("id").to_number<int64_t>();
    return ok();
  }

  Expected<std::string> watch(sim::Browser& browser) override {
    const auto handle = attach();
    if (!handle) return handle.error();
    const auto event = request(*handle,
                               {{"request", "join"},
                                {"room", kRoom},
                                {"ptype", "subscriber"},
                                {"streams", json::array{json::object{{"feed", server_.feed_}}}}},
                               "", "");
    if (!event) return event.error();
    const auto offer = description(*event);
    if (!offer) return offer.error();
    const std::string answer = browser.accept_offer(net::now(), *offer);
    if (answer.empty()) return Error{"bad_offer", "an offer that cannot be used: " + *offer};
    const auto started = request(*handle, {{"request", "start"}}, "answer", answer);
    if (!started) return started.error();
    return std::to_string(*handle);
  }

  Status leave(const std::string& session) override {
    const auto left =
        call(http_, server_.session_ + "/" + session, {{"janus", "detach"}}, "success");
    if (!left) return left.error();
    return ok();
  }

  Expected<uint64_t> attach() {
    return created_id(
        call(http_, server_.session_, {{"janus", "attach"}, {"plugin", kPlugin}}, "success"));
  }

  // One that is answered at once.
  Expected<json::object> ask(uint64_t handle, json::object body) {
    return call(http_, path_of(handle), {{"janus", "message"}, {"body", std::move(body)}},
                "success");
  }

 private:
  std::string path_of(uint64_t handle) const {
    return server_.session_ + "/" + std::to_string(handle);
  }

  // One that is answered by an event.
  Expected<json::object> request(uint64_t handle, json::object body, const char* type,
                                 const std::string& sdp) {
    json::object message{{"janus", "message"}, {"body", std::move(body)}};
    if (!sdp.empty()) message["jsep"] = json::object{{"type", type}, {"sdp", sdp}};
    const auto answer = call(http_, path_of(handle), std::move(message), "ack");
    if (!answer) return answer.error();
    return server_.wait_event(handle);
  }

  static Expected<std::string> description(const json::object& event) {
    const json::value* jsep = event.if_contains("jsep");
    if (!jsep) return Error{"refused", "Janus: " + json::serialize(event)};
    return std::string(jsep->at("sdp").as_string());
  }

  JanusServer& server_;
  HttpClient http_;
};

JanusServer::JanusServer(const SocketAddress& address, bool congestion_control)
    : address_(address), congestion_control_(congestion_control) {}

JanusServer::~JanusServer() {
  stopping_ = true;
  if (!poller_.joinable()) return;
  // The long poll ends with the session.
  HttpClient http(address_);
  (void)call(http, session_, {{"janus", "destroy"}}, "success");
  poller_.join();
}

Status JanusServer::prepare() {
  HttpClient http(address_);
  const auto id = created_id(call(http, "/janus", {{"janus", "create"}}, "success"));
  if (!id) return id.error();
  session_ = "/janus/" + std::to_string(*id);
  poller_ = std::thread([this] { poll(); });
  Connection connection(*this);
  const auto handle = connection.attach();
  if (!handle) return handle.error();
  const auto created = connection.ask(*handle, {{"request", "create"},
                                                {"room", kRoom},
                                                {"publishers", 2},
                                                {"bitrate", 0},
                                                {"audiocodec", "opus"},
                                                {"videocodec", "vp8"},
                                                {"audiolevel_ext", false},
                                                {"videoorient_ext", false},
                                                {"playoutdelay_ext", false},
                                                {"transport_wide_cc_ext", congestion_control_}});
  if (!created) return created.error();
  return ok();
}

std::unique_ptr<Signalling> JanusServer::connect() { return std::make_unique<Connection>(*this); }

void JanusServer::poll() {
  HttpClient http(address_);
  while (!stopping_) {
    const auto response = http.send("GET", session_ + "?maxev=100", "", {});
    boost::system::error_code error;
    const json::value value = response ? json::parse(response->body, error) : json::value();
    const json::array* list = value.if_array();
    if (!list) return;  // the session is gone
    const std::lock_guard lock(mutex_);
    for (const json::value& event : *list) {
      const json::object* object = event.if_object();
      if (!object || !object->contains("sender") || object->at("janus") != "event") continue;
      events_[object->at("sender").to_number<uint64_t>()].push_back(*object);
    }
    arrived_.notify_all();
  }
}

Expected<json::object> JanusServer::wait_event(uint64_t handle) {
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return !events_[handle].empty(); };
  if (!arrived_.wait_for(lock, kEventTimeout, ready))
    return Error{"refused", "Janus: no event in time"};
  json::object event = std::move(events_[handle].front());
  events_[handle].pop_front();
  return event;
}

}  // namespace loopcast::load
