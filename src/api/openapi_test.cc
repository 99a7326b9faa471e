#include "api/openapi.h"

#include <filesystem>
#include <set>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "api/library.h"
#include "api/live.h"
#include "api/rest_accounts.h"
#include "api/rest_calls.h"
#include "api/rest_recordings.h"
#include "api/rest_v2.h"
#include "api/whip.h"
#include "app/argon2.h"
#include "http/router.h"
#include "store/sqlite_store.h"

namespace loopcast::api {
namespace {

struct NoMedia final : app::MediaControl {
  void publish(app::MediaId, std::string) override {}
  void watch(app::MediaId, app::MediaId, std::string) override {}
  void add_candidate(app::MediaId, std::string) override {}
  void restart_ice(app::MediaId, std::string) override {}
  void stop(app::MediaId) override {}
};

struct NoRecorder final : app::Recorder {
  void start(const std::string&, app::MediaId) override {}
  void finish(const std::string&) override {}
  void remove(const std::string&) override {}
};

// The description and the routes name the same operations.
TEST(OpenApi, DescribesEveryRoute) {
  http::asio::io_context context;
  NoMedia media;
  Random random = Random::from_number(1);
  app::Broadcasts broadcasts(media, {}, random.fork());
  Live live(context, broadcasts, [] { return app::Moment{}; }, {});
  http::Router router;
  const std::string file = testing::TempDir() + "/openapi_test-" + std::to_string(::getpid());
  const auto store = store::SqliteStore::open(file);
  ASSERT_TRUE(store);
  // It lives on as long as it is open, and for nobody else.
  for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(file + part);
  const app::Argon2 hasher;
  app::Accounts accounts(**store, hasher, random.fork());
  http::Pool database(1), hashing(1), pictures(1);
  const SignIn::Clocks clocks{[] { return Instant(); }, [] { return WallTime(); }};
  AuditLog audit([](const std::string&) { return true; },
                 {[] { return Instant(); }, [] { return WallTime(); }}, random.fork());
  SignIn sign_in(accounts, hasher, database, hashing, clocks, {}, audit, random.fork());
  AccountChanges changes(sign_in, accounts, database, pictures, clocks, {}, random.fork());
  add_rest_v2(router, sign_in, live);
  add_rest_accounts(router, sign_in, changes);
  NoRecorder recorder;
  app::Recordings recordings(recorder, random.fork());
  Library library(context, (*store)->recordings(), recordings, database, {}, {});
  add_rest_recordings(router, sign_in, library, testing::TempDir());
  Whip whip(context, sign_in, live, library, random);
  whip.add_routes(router);
  app::Presence presence;
  app::Calls calls(presence, {}, random.fork());
  CallHistory history((*store)->calls(), presence, database, random.fork());
  const CallEvents::Parts parts{sign_in, live, presence, calls, history, {}};
  CallEvents events(context, parts, {[] { return Instant(); }, [] { return WallTime(); }});
  add_rest_calls(router, sign_in, history, events, [] { return WallTime(); });
  std::set<std::string> routes;
  for (const auto& route : router.routes()) routes.insert(route.method + " " + route.pattern);

  std::set<std::string> described;
  const auto document = boost::json::parse(openapi_document());
  EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
  for (const auto& path : document.at("paths").as_object()) {
    for (const auto& operation : path.value().as_object()) {
      if (operation.key() == "parameters") continue;
      std::string method(operation.key());
      for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
      described.insert(method + " " + std::string(path.key()));
    }
  }
  EXPECT_EQ(described, routes);
}

}  // namespace
}  // namespace loopcast::api
