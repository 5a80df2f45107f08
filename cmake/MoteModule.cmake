# One function describes a module: src/<name>/ = target mote_<name> = namespace mote::<name>.
#
#   mote_module(data
#     SOURCES dataset.cpp ...
#     DEPENDS base                # other modules whose headers our public headers or sources use
#     LIBRARIES ZLIB::ZLIB        # third-party, private: no header of ours exposes them
#     TESTS dataset_test.cpp ...  # unit tests beside the code; label "fast" unless SLOW_TESTS
#     SLOW_TESTS big_test.cpp)
#
# Each test source becomes its own executable mote_<name>_<source>, registered with CTest case by case.

find_program(MOTE_CCACHE ccache)
if(MOTE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MOTE_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${MOTE_CCACHE})
endif()

find_package(GTest REQUIRED)
include(GoogleTest)

# -Wconversion and -Wshadow find real bugs in integer kernels; nothing is disabled globally.
set(mote_warnings -Wall -Wextra -Wconversion -Wshadow -Werror)
set(CMAKE_CXX_FLAGS_RELEASE "-O2")

option(MOTE_SANITIZE "build with address and undefined-behaviour sanitizers" OFF)
if(MOTE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=address,undefined)
endif()

# Where tests find the optional development data (never part of the project); absent -> those tests skip.
set(MOTE_SHARED_DATA "${CMAKE_SOURCE_DIR}/../shared/data" CACHE PATH "development data, optional")

function(mote_add_test target source label)
  add_executable(${target} ${source})
  target_compile_options(${target} PRIVATE ${mote_warnings})
  target_compile_definitions(${target} PRIVATE MOTE_SHARED_DATA="${MOTE_SHARED_DATA}" MOTE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE ${ARGN} GTest::gtest GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${target} PROPERTIES LABELS ${label} TIMEOUT 600 DISCOVERY_TIMEOUT 60)
endfunction()

function(mote_module name)
  cmake_parse_arguments(M "" "" "SOURCES;DEPENDS;LIBRARIES;TESTS;SLOW_TESTS" ${ARGN})
  set(target mote_${name})
  add_library(${target} STATIC ${M_SOURCES})
  add_library(mote::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_compile_options(${target} PRIVATE ${mote_warnings})
  foreach(dep IN LISTS M_DEPENDS)
    target_link_libraries(${target} PUBLIC mote::${dep})
  endforeach()
  target_link_libraries(${target} PRIVATE ${M_LIBRARIES})
  foreach(source IN LISTS M_TESTS)
    cmake_path(GET source STEM stem)
    mote_add_test(mote_${name}_${stem} ${source} fast mote::${name} ${M_LIBRARIES})
  endforeach()
  foreach(source IN LISTS M_SLOW_TESTS)
    cmake_path(GET source STEM stem)
    mote_add_test(mote_${name}_${stem} ${source} slow mote::${name} ${M_LIBRARIES})
  endforeach()
endfunction()
