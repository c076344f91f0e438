#include "../core/word.h"

#include <doctest/doctest.h>

#include "support/script.h"

namespace freeze_state::test {

TEST_SUITE("word") {
  TEST_CASE("an epoch and its bit come back from the word") {
    for (const std::uint64_t epoch : {std::uint64_t{0}, std::uint64_t{1}, word::kMaxEpoch - 1, word::kMaxEpoch}) {
      CHECK(word::epochOf(word::running(epoch)) == epoch);
      CHECK(word::epochOf(word::frozen(epoch)) == epoch);
      CHECK_FALSE(word::isFrozen(word::running(epoch)));
      CHECK(word::isFrozen(word::frozen(epoch)));
    }
  }

  TEST_CASE("freezes and thaws make a word grow, and nothing makes it smaller") {
    for (const std::uint64_t epoch : {std::uint64_t{0}, word::kMaxEpoch}) {
      CHECK(word::frozen(epoch) == word::running(epoch) + 1);
      CHECK(word::thawed(word::frozen(epoch)) == word::running(epoch + 1));
      CHECK(word::thawed(word::running(epoch)) == word::running(epoch + 1));
    }
  }

  TEST_CASE("the closed word reads as running and lies beyond every epoch") {
    CHECK_FALSE(word::isFrozen(word::kClosed));
    CHECK(word::epochOf(word::kClosed) > word::kMaxEpoch);
    CHECK(word::kClosed > word::frozen(word::kMaxEpoch));
    CHECK(word::thawed(word::frozen(word::kMaxEpoch)) < word::kClosed);
  }

  TEST_CASE("a new state runs at epoch 0, and the largest epoch is one like any other") {
    ScriptedState scripted(1);
    CHECK(scripted.state.word() == word::running(0));
    CHECK_FALSE(scripted.state.freezeAtEpoch(word::kMaxEpoch).frozen);
    CHECK(scripted.state.word() == word::running(0));
  }

  TEST_CASE("a word goes to JavaScript and back as one number, exact at both ends of the range") {
    for (const std::uint64_t epoch : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 52, word::kMaxEpoch}) {
      CAPTURE(epoch);
      CHECK(word::toNumber(word::running(epoch)) == static_cast<double>(epoch));
      CHECK(word::toNumber(word::frozen(epoch)) == -1 - static_cast<double>(epoch));
      CHECK(word::fromNumber(word::toNumber(word::running(epoch))) == word::running(epoch));
      CHECK(word::fromNumber(word::toNumber(word::frozen(epoch))) == word::frozen(epoch));
    }
  }
}

}  // namespace freeze_state::test
