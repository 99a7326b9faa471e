#include "http/static_files.h"

#include <array>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/range.h"

namespace loopcast::http {
namespace {

namespace fs = std::filesystem;

TEST(Range, OneRange) {
  const auto part = [](uint64_t first, uint64_t length) {
    return RangeResult{RangeKind::kPart, {first, length}};
  };
  EXPECT_EQ(parse_range("bytes=0-4", 10), part(0, 5));
  EXPECT_EQ(parse_range("bytes=5-", 10), part(5, 5));
  EXPECT_EQ(parse_range("bytes=-3", 10), part(7, 3));
  EXPECT_EQ(parse_range("bytes=-30", 10), part(0, 10));
  EXPECT_EQ(parse_range("bytes=8-100", 10), part(8, 2));
  EXPECT_EQ(parse_range("bytes=0-", 10), part(0, 10));
}

TEST(Range, Unsatisfiable) {
  for (const std::string_view value : {"bytes=10-", "bytes=10-20", "bytes=-0"})
    EXPECT_EQ(parse_range(value, 10).kind, RangeKind::kUnsatisfiable) << value;
  EXPECT_EQ(parse_range("bytes=0-", 0).kind, RangeKind::kUnsatisfiable);
}

TEST(Range, NotUnderstoodMeansEverything) {
  for (const std::string_view value :
       {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,3-4", "lines=0-1",
        "bytes=1-2x", "bytes=99999999999999999999-", "bytes=--1"})
    EXPECT_EQ(parse_range(value, 10).kind, RangeKind::kWhole) << value;
}

TEST(HttpDate, ReadsWhatItWrites) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(parse_http_date("yesterday"), std::nullopt);
  EXPECT_EQ(parse_http_date(""), std::nullopt);
}

class StaticFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "loopcast-static-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    write("root/index.html", "<html>page</html>");
    write("root/assets/app-1a2b.js", "0123456789");
    write("root/assets/app-1a2b.js.br", "brotli");
    write("root/assets/app-1a2b.js.gz", "gzip");
    write("root/.secret", "secret");
    write("root/.git/config", "secret");
    write("outside.txt", "secret");
    fs::create_symlink(folder_ / "outside.txt", folder_ / "root/link.txt");
    fs::create_directory_symlink(folder_, folder_ / "root/up");
    ::mkfifo((folder_ / "root/pipe").c_str(), 0600);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }

  Response get(const std::string& path,
               const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    const StaticFiles files(
        {.root = folder_ / "root", .content_security_policy = "default-src 'self'"});
    Request request;
    request.method = "GET";
    request.path = path;
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    return files.handle(request);
  }

  static std::string content(const Response& response) {
    if (!response.file) return response.body;
    std::string text(response.file->length(), '\0');
    const ssize_t got = ::pread(response.file->fd(), text.data(), text.size(),
                                static_cast<off_t>(response.file->offset()));
    EXPECT_EQ(got, static_cast<ssize_t>(text.size()));
    return text;
  }

  fs::path folder_;
};

TEST_F(StaticFilesTest, ServesAFile) {
  const Response response = get("/assets/app-1a2b.js");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(content(response), "0123456789");
  EXPECT_EQ(response.headers.get("content-type"), "text/javascript; charset=UTF-8");
  EXPECT_EQ(response.headers.get("cache-control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(response.headers.get("x-content-type-options"), "nosniff");
  EXPECT_EQ(response.headers.get("content-security-policy"), "default-src 'self'");
}

TEST_F(StaticFilesTest, PagesAreAskedForAgain) {
  const Response response = get("/");
  EXPECT_EQ(content(response), "<html>page</html>");
  EXPECT_EQ(response.headers.get("cache-control"), "no-cache");
}

TEST_F(StaticFilesTest, UnknownPagesAreTheAppsOwn) {
  EXPECT_EQ(get("/watch/42", {{"Accept", "text/html,*/*"}}).status, 200u);
  EXPECT_EQ(get("/watch/42").status, 200u) << "previews and checks ask for nothing in particular";
  EXPECT_EQ(get("/watch/42", {{"Accept", "*/*"}}).status, 200u);
  EXPECT_EQ(get("/watch/42", {{"Accept", "image/png"}, {"Accept", "text/*;q=0.1"}}).status, 200u);
  for (const char* accept : {"application/json", "image/*", "text/html;q=0, */*", "text/css"})
    EXPECT_EQ(get("/watch/42", {{"Accept", accept}}).status, 404u) << accept;
  EXPECT_EQ(get("/assets/missing.js", {{"Accept", "*/*"}}).status, 404u);
  EXPECT_EQ(get("/api/v2/nothing", {{"Accept", "text/html"}}).status, 404u);
}

TEST_F(StaticFilesTest, NeverLeavesTheFolder) {
  for (const char* path :
       {"/.secret", "/.git/config", "/link.txt", "/up/outside.txt", "/up/root/index.html",
        "/assets", "/pipe", "/../outside.txt", "/index.html/x"}) {
    EXPECT_EQ(get(path, {{"Accept", "text/plain"}}).status, 404u) << path;
    const Response page = get(path);
    EXPECT_TRUE(page.status == 404 || content(page) == "<html>page</html>") << path;
  }
  EXPECT_EQ(get("/.git/config", {{"Accept", "text/html"}}).status, 404u);
}

TEST_F(StaticFilesTest, Conditions) {
  const Response first = get("/index.html");
  const std::string etag(first.headers.get("etag"));
  const std::string modified(first.headers.get("last-modified"));
  EXPECT_EQ(get("/index.html", {{"If-None-Match", "\"x\", W/" + etag}}).status, 304u);
  EXPECT_EQ(get("/index.html", {{"If-None-Match", "\"x\""}}).status, 200u);
  EXPECT_EQ(get("/index.html", {{"If-None-Match", "*"}}).status, 304u);
  EXPECT_EQ(get("/index.html", {{"If-None-Match", "\"x\""}, {"If-None-Match", etag}}).status, 304u);
  EXPECT_EQ(get("/index.html", {{"If-Match", "\"x\", " + etag}}).status, 200u);
  EXPECT_EQ(get("/index.html", {{"If-Match", "\"x\""}}).status, 412u);
  EXPECT_EQ(get("/index.html", {{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}).status,
            412u);
  EXPECT_EQ(get("/index.html", {{"If-Modified-Since", modified}}).status, 304u);
  EXPECT_EQ(get("/index.html", {{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}).status,
            200u);
}

TEST_F(StaticFilesTest, Ranges) {
  const Response part = get("/assets/app-1a2b.js", {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206u);
  EXPECT_EQ(content(part), "234");
  EXPECT_EQ(part.headers.get("content-range"), "bytes 2-4/10");

  const Response none = get("/assets/app-1a2b.js", {{"Range", "bytes=10-"}});
  EXPECT_EQ(none.status, 416u);
  EXPECT_EQ(none.headers.get("content-range"), "bytes */10");

  const std::string etag(part.headers.get("etag"));
  EXPECT_EQ(get("/assets/app-1a2b.js", {{"Range", "bytes=2-4"}, {"If-Range", etag}}).status, 206u);
  EXPECT_EQ(get("/assets/app-1a2b.js", {{"Range", "bytes=2-4"}, {"If-Range", "\"old\""}}).status,
            200u);
}

TEST_F(StaticFilesTest, PrefersACompressedSibling) {
  const auto with = [&](const char* accepted) {
    return get("/assets/app-1a2b.js", {{"Accept-Encoding", accepted}});
  };
  EXPECT_EQ(content(with("gzip, deflate, br")), "brotli");
  EXPECT_EQ(with("br").headers.get("content-encoding"), "br");
  EXPECT_EQ(with("br").headers.get("content-type"), "text/javascript; charset=UTF-8");
  EXPECT_EQ(content(with("gzip;q=1.0, br;q=0")), "gzip");
  EXPECT_EQ(content(with("*")), "brotli");
  EXPECT_EQ(content(with("br;q=0, *;q=0.1")), "gzip");
  EXPECT_EQ(content(get("/assets/app-1a2b.js",
                        {{"Accept-Encoding", "deflate"}, {"Accept-Encoding", "br"}})),
            "brotli");
  EXPECT_EQ(content(with("identity")), "0123456789");
  EXPECT_EQ(with("identity").headers.get("vary"), "Accept-Encoding");
  EXPECT_EQ(
      content(get("/assets/app-1a2b.js", {{"Accept-Encoding", "br"}, {"Range", "bytes=0-1"}})),
      "01");
}

}  // namespace
}  // namespace loopcast::http
