#pragma once

#include <atomic>
#include <string>

#include <openssl/pem.h>
#include <openssl/ui.h>

#include "common/base/check.h"

namespace heal::test {

/// Writes the private key in the file at `path` to PATH.encrypted, with a password; gives that path.
inline std::string encrypted_copy(const std::string& path) {
  FILE* file = std::fopen(path.c_str(), "r");
  EVP_PKEY* key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  HEAL_CHECK(key != nullptr, "the key of a test can be read");
  file = std::fopen((path + ".encrypted").c_str(), "w");
  const std::string password = "secret";
  PEM_write_PKCS8PrivateKey(file, key, EVP_aes_256_cbc(), password.data(), static_cast<int>(password.size()), nullptr,
                            nullptr);
  std::fclose(file);
  EVP_PKEY_free(key);
  return path + ".encrypted";
}

/// Stands in for the terminal that OpenSSL asks for passwords, and answers nothing. One at a time.
class PasswordTerminal {
 public:
  PasswordTerminal() : method_(UI_create_method("a test's")) {
    asked() = 0;
    UI_method_set_opener(method_, [](UI*) {
      ++asked();
      return 0;
    });
    UI_set_default_method(method_);
  }
  ~PasswordTerminal() {
    UI_set_default_method(UI_OpenSSL());
    UI_destroy_method(method_);
  }
  PasswordTerminal(const PasswordTerminal&) = delete;
  PasswordTerminal& operator=(const PasswordTerminal&) = delete;

  /// How often it was asked.
  int times_asked() const { return asked(); }

 private:
  static std::atomic<int>& asked() {
    static std::atomic<int> times{0};
    return times;
  }

  UI_METHOD* method_;
};

}  // namespace heal::test
