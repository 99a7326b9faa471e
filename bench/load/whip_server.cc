#include "whip_server.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/random.h"
#include "http_client.h"
#include "net/clock.h"

namespace loopcast::load {
namespace {

Error refused(std::string_view what, const HttpResponse& response) {
  return {"refused", fmt::format("{}: {} {}", what, response.status, response.body)};
}

}  // namespace

class WhipServer::Connection final : public Signalling {
 public:
  explicit Connection(WhipServer& server) : server_(server), http_(server.address_) {}

  Status publish(sim::Browser& browser) override {
    const auto response = offer("/whip", browser);
    if (!response) return response.error();
    // "</api/v2/broadcasts/ID>; rel=..."
    constexpr std::string_view kBroadcasts = "broadcasts/";
    const size_t at = response->link.find(kBroadcasts);
    if (at == std::string::npos) return Error{"refused", "the answer names no broadcast"};
    const size_t from = at + kBroadcasts.size();
    server_.broadcast_ = response->link.substr(from, response->link.find('>', from) - from);
    return ok();
  }

  Expected<std::string> watch(sim::Browser& browser) override {
    const auto response = offer("/whep/" + server_.broadcast_, browser);
    if (!response) return response.error();
    return response->location;
  }

  Status leave(const std::string& session) override {
    const auto response = http_.send("DELETE", session, "", {authorization()});
    if (!response) return response.error();
    return ok();
  }

 private:
  std::pair<std::string, std::string> authorization() const {
    return {"authorization", "Bearer " + server_.token_};
  }

  Expected<HttpResponse> offer(const std::string& target, sim::Browser& browser) {
    auto response = http_.send("POST", target, browser.offer(),
                               {authorization(), {"content-type", "application/sdp"}});
    if (!response) return response;
    if (response->status != 201) return refused("POST " + target, *response);
    if (!browser.set_answer(net::now(), response->body))
      return Error{"bad_answer", "an answer that cannot be used: " + response->body};
    return response;
  }

  WhipServer& server_;
  HttpClient http_;
};

Status WhipServer::prepare() {
  Random::Seed seed;
  store_u64(seed.data(), static_cast<uint64_t>(net::wall_now().us));
  Random random(seed);
  HttpClient http(address_);
  const boost::json::object account{{"nickname", "load" + std::to_string(random.below(1'000'000))},
                                    {"password", random.token(16)}};
  const auto response = http.send("POST", "/api/v2/users", boost::json::serialize(account),
                                  {{"content-type", "application/json"}});
  if (!response) return response.error();
  boost::system::error_code error;
  const auto value = boost::json::parse(response->body, error);
  if (response->status != 201 || error || !value.is_object() ||
      !value.as_object().contains("token"))
    return refused("POST /api/v2/users", *response);
  token_ = std::string(value.as_object().at("token").as_string());
  return ok();
}

std::unique_ptr<Signalling> WhipServer::connect() { return std::make_unique<Connection>(*this); }

}  // namespace loopcast::load
