# Writes OUT: the files of STARTERS ("LANGUAGE=FILE" each) as text of the program.
set(entries "")
foreach(starter ${STARTERS})
  string(REGEX MATCH "^([a-z]+)=(.*)$" matched "${starter}")
  get_filename_component(name "${CMAKE_MATCH_2}" NAME)
  file(READ "${CMAKE_MATCH_2}" text)
  string(APPEND entries "    {\"${CMAKE_MATCH_1}\", \"${name}\", R\"starter(${text})starter\"},\n")
endforeach()
file(WRITE ${OUT} "// Made by starters.cmake.
#include \"cli/starters.hpp\"

namespace flow::cli {

const std::vector<starter_file>& starter_files() {
  static const std::vector<starter_file> all{
${entries}  };
  return all;
}

} // namespace flow::cli
")
