#include "convllava/core/edit_distance.h"

#include "tests/catch.h"

namespace convllava::core {

TEST_CASE("edit distance counts insertions, deletions and substitutions", "[core]") {
  CHECK(edit_distance(U"", U"") == 0);
  CHECK(edit_distance(U"", U"abc") == 3);
  CHECK(edit_distance(U"abc", U"") == 3);
  CHECK(edit_distance(U"abc", U"abc") == 0);
  CHECK(edit_distance(U"kitten", U"sitting") == 3);
  CHECK(edit_distance(U"flaw", U"lawn") == 2);
  CHECK(edit_distance(U"é", U"e") == 1);
}

}  // namespace convllava::core
