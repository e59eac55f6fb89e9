#include "convllava/core/fingerprint.h"

#include "tests/catch.h"

namespace convllava::core {

TEST_CASE("fingerprints are those of FNV-1a, in one piece or in several", "[core]") {
  CHECK(Fingerprint().value() == 0xCBF29CE484222325);
  Fingerprint whole;
  whole.add("foobar");
  CHECK(whole.value() == 0x85944171F73967E8);  // from the authors' list of test vectors
  Fingerprint parts;
  parts.add("foo");
  parts.add("bar");
  CHECK(parts.value() == whole.value());
}

}  // namespace convllava::core
