#include "whip_server.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/random.h"
#include "http_client.h"
#include "net/clock.h"

namespace loopcast::load {
namespace {

// Below the server's limit.
constexpr size_t kStreamsPerAccount = 40;

Error refused(std::string_view what, const HttpResponse& response) {
  return {"refused", fmt::format("{}: {} {}", what, response.status, response.body)};
}

}  // namespace

class WhipServer::Connection final : public Signalling {
 public:
  explicit Connection(WhipServer& server) : server_(server), http_(server.address_) {}

  Status publish(sim::Browser& browser) override {
    const auto response = offer("/whip?record=false", server_.tokens_.front(), browser);
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
    const size_t account = server_.next_token_++ % server_.tokens_.size();
    const auto response = offer("/whep/" + server_.broadcast_, server_.tokens_[account], browser);
    if (!response) return response.error();
    return std::to_string(account) + " " + response->location;
  }

  Status leave(const std::string& session) override {
    size_t path = 0;
    const std::string& token = server_.tokens_[std::stoul(session, &path)];
    const auto response =
        http_.send("DELETE", session.substr(path + 1), "", {authorization(token)});
    if (!response) return response.error();
    return ok();
  }

 private:
  static std::pair<std::string, std::string> authorization(const std::string& token) {
    return {"authorization", "Bearer " + token};
  }

  Expected<HttpResponse> offer(const std::string& target, const std::string& token,
                               sim::Browser& browser) {
    auto response = http_.send("POST", target, browser.offer(),
                               {authorization(token), {"content-type", "application/sdp"}});
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
  const uint32_t run = random.below(1'000'000);
  for (size_t i = 0; i * kStreamsPerAccount < streams_; ++i) {
    const boost::json::object account{{"nickname", fmt::format("load{}-{}", run, i)},
                                      {"password", random.token(16)}};
    const auto response =
        http.send("POST", "/api/v2/users", boost::json::serialize(account),
                  {{"content-type", "application/json"},
                   {"x-forwarded-for", fmt::format("198.19.{}.{}", i / 250, i % 250 + 1)}});
    if (!response) return response.error();
    boost::system::error_code error;
    const auto value = boost::json::parse(response->body, error);
    const auto* object = value.if_object();
    if (response->status != 201 || error || !object || !object->contains("token"))
      return refused("POST /api/v2/users", *response);
    tokens_.emplace_back(object->at("token").as_string());
  }
  return ok();
}

std::unique_ptr<Signalling> WhipServer::connect() { return std::make_unique<Connection>(*this); }

}  // namespace loopcast::load
