#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "fault_list.h"

namespace freeze_state::test {

/// The names of these errors in alphabetical order, as a cell of docs/faults.md has them.
template <typename Errors>
std::string namesOf(const Errors& errors) {
  std::set<std::string> names;
  for (const int error : errors) names.insert(nameOfError(error));
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// docs/faults.md has this table as it is. Where it does not, the message is the table to paste there.
inline void checkFaultsPageShows(const std::string& table) {
  std::ifstream file(FAULTS_PAGE);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  INFO("the table is to be:\n" << table);
  CHECK(page.find(table) != std::string::npos);
}

}  // namespace freeze_state::test
