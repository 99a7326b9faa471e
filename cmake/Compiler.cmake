option(LOOPCAST_TESTS "Build unit, simulation and corpus tests" ON)
option(LOOPCAST_BENCH "Build the benchmarks" OFF)
option(LOOPCAST_FUZZ "Build the fuzz targets with libFuzzer (needs clang)" OFF)
set(LOOPCAST_SANITIZE "" CACHE STRING "Sanitizers, comma separated")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                    -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these in libstdc++ and Boost at -O2.
  add_compile_options(-Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds
                      -Wno-restrict -Wno-dangling-pointer)
endif()
add_compile_options(-fno-strict-aliasing -fstack-protector-strong)
add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
# Line tables only: a third of the compile time of a test is its debug information.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1 -fno-omit-frame-pointer")

if(LOOPCAST_SANITIZE)
  add_compile_options(-fsanitize=${LOOPCAST_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LOOPCAST_SANITIZE})
endif()
if(LOOPCAST_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
