#include "convllava/core/crc32c.h"

#include <string>

#include "tests/catch.h"

namespace convllava::core {

TEST_CASE("crc32c gives the values of RFC 3720", "[core]") {
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43);
  CHECK(crc32c(ascending) == 0x46DD794E);
}

TEST_CASE("crc32c of parts is that of the whole, wherever it is cut", "[core]") {
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  for (size_t cut = 0; cut <= ascending.size(); ++cut) {
    CHECK(crc32c(ascending.substr(cut), crc32c(ascending.substr(0, cut))) == 0x46DD794E);
  }
}

}  // namespace convllava::core
