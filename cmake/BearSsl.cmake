# BearSSL, the embedded library behind device/update/crypto.hpp (docs/adr/0002-device-crypto.md): its source is no part of
# the project. Sets MOTE_BEARSSL_DIR to the unpacked source. Where the tarball comes from, in this order:
#
#   -DMOTE_BEARSSL_TARBALL=FILE   one that is at hand
#   the cache                     $XDG_CACHE_HOME/mote/sources, or ~/.cache/mote/sources: fetched by an earlier build
#   Debian's archive              the one that apt is configured with (debian_source.sh)
#
# Debian 12 and 13 have the same tarball; anything else than its SHA-256 is refused.

set(MOTE_BEARSSL_TARBALL "" CACHE FILEPATH "bearssl_0.6+dfsg.1.orig.tar.xz, if it is not to be fetched")

function(mote_find_bearssl out)
  set(sha256 102a625bd8f6155260867a50c508df8d8c3f796985dd744df1a68e5cd1a79004)
  set(folder ${CMAKE_BINARY_DIR}/_sources/bearssl)
  set(${out} ${folder}/bearssl-0.6 PARENT_SCOPE)
  set(done ${folder}/${sha256})
  if(EXISTS ${done})
    return()
  endif()

  set(tarball "${MOTE_BEARSSL_TARBALL}")
  if(NOT tarball)
    if(DEFINED ENV{XDG_CACHE_HOME})
      set(cache $ENV{XDG_CACHE_HOME})
    elseif(DEFINED ENV{HOME})
      set(cache $ENV{HOME}/.cache)
    else()
      set(cache ${CMAKE_BINARY_DIR})
    endif()
    set(tarball ${cache}/mote/sources/bearssl_0.6+dfsg.1.orig.tar.xz)
    if(NOT EXISTS ${tarball})
      message(STATUS "Fetching BearSSL's source from Debian's archive")
      execute_process(COMMAND ${CMAKE_SOURCE_DIR}/cmake/debian_source.sh bearssl ${sha256} ${tarball}
        OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE failed)
      if(failed)
        message(FATAL_ERROR "BearSSL's source could not be fetched with apt-get; give the file bearssl_0.6+dfsg.1.orig.tar.xz of "
          "Debian 12 or 13 with -DMOTE_BEARSSL_TARBALL=FILE\n${said}")
      endif()
    endif()
  endif()
  if(NOT EXISTS "${tarball}")
    message(FATAL_ERROR "MOTE_BEARSSL_TARBALL: ${tarball} does not exist")
  endif()
  file(SHA256 "${tarball}" found)
  if(NOT found STREQUAL sha256)
    message(FATAL_ERROR "${tarball} is not Debian's bearssl_0.6+dfsg.1.orig.tar.xz: its SHA-256 is ${found}")
  endif()
  file(ARCHIVE_EXTRACT INPUT "${tarball}" DESTINATION ${folder} PATTERNS "*/src/*" "*/inc/*" "*/LICENSE.txt")
  file(TOUCH ${done})
endfunction()

mote_find_bearssl(MOTE_BEARSSL_DIR)
