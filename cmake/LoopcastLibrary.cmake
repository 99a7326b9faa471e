# loopcast_library(NAME [DEPS lib...] [LINK target...])
#
# One static library from the sources of the current folder, with its unit tests (*_test.cc, beside
# the code) as NAME_test. Its headers are seen as "NAME/file.h" only by itself and by those that name
# it in DEPS: each library has an include folder that holds nothing but a link to its own sources,
# so that a wrong include does not build.
function(loopcast_library NAME)
  cmake_parse_arguments(ARG "" "" "DEPS;LINK" ${ARGN})
  file(GLOB_RECURSE SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(TESTS ${SOURCES})
  list(FILTER SOURCES EXCLUDE REGEX "_test\\.cc$")
  list(FILTER TESTS INCLUDE REGEX "_test\\.cc$")

  set(INCLUDE_DIR ${CMAKE_BINARY_DIR}/include/${NAME})
  file(MAKE_DIRECTORY ${INCLUDE_DIR})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${INCLUDE_DIR}/${NAME} SYMBOLIC)

  if(SOURCES)
    set(SCOPE PUBLIC)
    add_library(${NAME} STATIC ${SOURCES})
  else()
    set(SCOPE INTERFACE)
    add_library(${NAME} INTERFACE)
  endif()
  target_include_directories(${NAME} ${SCOPE} ${INCLUDE_DIR})
  target_link_libraries(${NAME} ${SCOPE} ${ARG_DEPS} ${ARG_LINK})

  if(LOOPCAST_TESTS AND TESTS AND NOT LOOPCAST_FUZZ)
    add_executable(${NAME}_test ${TESTS})
    target_link_libraries(${NAME}_test PRIVATE ${NAME} GTest::gmock GTest::gtest_main)
    add_dependencies(test_programs ${NAME}_test)
    add_test(NAME unit.${NAME} COMMAND ${NAME}_test)
    set_tests_properties(unit.${NAME} PROPERTIES LABELS unit)
  endif()
endfunction()
