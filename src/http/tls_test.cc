#include "http/tls.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace loopcast::http {
namespace {

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "loopcast-tls-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    certificate_ = pattern + "/cert.pem";
    key_ = pattern + "/key.pem";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  std::string certificate_;
  std::string key_;
};

TEST_F(TlsTest, SelfSignedCertificateIsForItsNames) {
  ASSERT_TRUE(make_self_signed(certificate_, key_, {"live.example.org", "192.0.2.7", "::1"}));
  std::FILE* file = std::fopen(certificate_.c_str(), "r");
  ASSERT_NE(file, nullptr);
  X509* certificate = PEM_read_X509(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_check_host(certificate, "live.example.org", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate, "other.example.org", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate, "192.0.2.7", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "::1", 0), 1);
  EXPECT_EQ(X509_check_ca(certificate), 0) << "who trusts it trusts a server and no authority";
  int days = 0;
  int seconds = 0;
  ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate),
                           X509_get0_notAfter(certificate)),
            1);
  EXPECT_LE(days, 825);
  X509_free(certificate);
  for (const std::string& path : {certificate_, key_}) {
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
  }
  EXPECT_TRUE(load_tls(certificate_, key_));
}

TEST_F(TlsTest, AGoodOneIsKept) {
  const std::vector<std::string> names = {"live.example.org", "192.0.2.7", "2001:db8::7"};
  EXPECT_FALSE(is_good_self_signed(certificate_, names));
  ASSERT_TRUE(make_self_signed(certificate_, key_, names));
  EXPECT_TRUE(is_good_self_signed(certificate_, names));
  EXPECT_TRUE(is_good_self_signed(certificate_, {"2001:db8::7", "192.0.2.7", "live.example.org"}));
  EXPECT_FALSE(is_good_self_signed(certificate_, {"live.example.org", "192.0.2.8", "2001:db8::7"}));
  EXPECT_FALSE(is_good_self_signed(certificate_, {"live.example.org"}));
  std::ofstream(certificate_) << "not a certificate";
  EXPECT_FALSE(is_good_self_signed(certificate_, names));
}

TEST_F(TlsTest, ExistingFilesAreReplaced) {
  ASSERT_TRUE(make_self_signed(certificate_, key_, {"a.example"}));
  std::filesystem::permissions(key_, std::filesystem::perms::all);
  ASSERT_TRUE(make_self_signed(certificate_, key_, {"b.example"}));
  EXPECT_TRUE(load_tls(certificate_, key_));
}

TEST_F(TlsTest, NamesCannotCarryOtherExtensions) {
  EXPECT_FALSE(make_self_signed(certificate_, key_, {"a,IP:127.0.0.1"}));
  EXPECT_FALSE(make_self_signed(certificate_, key_, {}));
}

TEST_F(TlsTest, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(load_tls(certificate_, key_).error().code, "tls_invalid");
  ASSERT_TRUE(make_self_signed(certificate_, key_, {"a.example"}));
  const std::string other = key_ + ".other";
  ASSERT_TRUE(make_self_signed(other + ".cert", other, {"a.example"}));
  EXPECT_FALSE(load_tls(certificate_, other));
  std::ofstream(key_) << "not a key";
  EXPECT_FALSE(load_tls(certificate_, key_));
}

}  // namespace
}  // namespace loopcast::http
