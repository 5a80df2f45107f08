# libFuzzer targets with coverage, address and undefined-behaviour sanitizers, of parsers and of the sources that they
# are made of. Included where MOTE_FUZZ is on; needs clang.
option(MOTE_FUZZ_VOLUME "fuzz for many executions (edges alone; comparisons are not traced) instead of depth" OFF)
set(mote_fuzz_sanitizers -fsanitize=address,undefined)
if(MOTE_FUZZ_VOLUME)
  set(mote_fuzz_coverage -fsanitize-coverage=inline-8bit-counters,pc-table)
else()
  set(mote_fuzz_coverage -fsanitize=fuzzer-no-link)
endif()
set(mote_fuzz_options ${mote_fuzz_coverage} ${mote_fuzz_sanitizers} -fno-sanitize-recover=undefined -g -O2)

# Compiles libraries of ours so that targets see into them. clang's -Wconversion also means -Wsign-conversion, which the
# house does not ask for.
function(mote_fuzz_libraries)
  foreach(library IN LISTS ARGN)
    target_compile_options(${library} PRIVATE ${mote_fuzz_options} -Wno-sign-conversion -Wno-error)
    target_link_options(${library} PUBLIC ${mote_fuzz_sanitizers})
  endforeach()
endfunction()

# fuzz_NAME of NAME_fuzz.cpp.
#   mote_fuzz_target(query SOURCES ../parcel_list.cpp LIBRARIES mote::base)
function(mote_fuzz_target name)
  cmake_parse_arguments(F "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(fuzz_${name} ${name}_fuzz.cpp ${F_SOURCES})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/.. ${CMAKE_CURRENT_SOURCE_DIR}/../include)
  target_compile_options(fuzz_${name} PRIVATE ${mote_fuzz_options})
  target_link_libraries(fuzz_${name} PRIVATE ${F_LIBRARIES})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer ${mote_fuzz_sanitizers})
endfunction()
