# Static archives of device code, for the cores that boards have. Flags are those of firmware (src/board/core.cpp), optimized
# for size, a section for each function, so that firmware takes only what it calls (-Wl,--gc-sections).
#
#   mote_device_archive(mote_update_crypto cortex-m4f
#     SOURCES ...             # .c and .cpp
#     LIBRARY_SOURCES ...     # those of others, compiled without warnings; in ours, warnings are errors
#     INCLUDES ... SYSTEM ... # folders; SYSTEM: of others
#     DEFINITIONS NAME=VALUE ...)
#
# makes the target mote_update_crypto_cortex-m4f, which is built when something depends on it, and sets
# mote_update_crypto_cortex-m4f_ARCHIVE to the file in the caller's scope.

set(mote_core_flags_cortex-m0plus -mthumb -mcpu=cortex-m0plus)
set(mote_core_flags_cortex-m4 -mthumb -mcpu=cortex-m4)
set(mote_core_flags_cortex-m4f -mthumb -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16)
set(mote_core_flags_cortex-m33 -mthumb -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16)
set(mote_core_flags_rv32imc -march=rv32imc -mabi=ilp32 -mcmodel=medany -mno-relax -mstrict-align -msmall-data-limit=0)

function(mote_device_archive name core)
  cmake_parse_arguments(A "" "" "SOURCES;LIBRARY_SOURCES;INCLUDES;SYSTEM;DEFINITIONS" ${ARGN})
  set(tools arm-none-eabi-)
  if(core MATCHES "^rv32")
    set(tools riscv64-unknown-elf-)
  endif()
  set(flags ${mote_core_flags_${core}} -Os -ffreestanding -ffunction-sections -fdata-sections)
  list(TRANSFORM A_DEFINITIONS PREPEND -D)
  list(TRANSFORM A_INCLUDES PREPEND -I)
  list(TRANSFORM A_SYSTEM PREPEND -isystem)

  set(target ${name}_${core})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target})
  file(MAKE_DIRECTORY ${folder})
  set(objects)
  foreach(source IN LISTS A_SOURCES A_LIBRARY_SOURCES)
    set(warnings ${mote_warnings})
    if(source IN_LIST A_LIBRARY_SOURCES)
      set(warnings -w)
    endif()
    cmake_path(ABSOLUTE_PATH source)
    cmake_path(GET source FILENAME file)
    set(language ${tools}gcc -std=c11)
    if(file MATCHES "\\.cpp$")
      set(language ${tools}g++ -std=c++17 -fno-exceptions -fno-rtti -fno-threadsafe-statics)
    endif()
    set(object ${folder}/${file}.o)
    add_custom_command(OUTPUT ${object} DEPENDS ${source} DEPFILE ${object}.d VERBATIM
      COMMAND ${language} ${flags} ${warnings} ${A_DEFINITIONS} ${A_INCLUDES} ${A_SYSTEM} -MD -MF ${object}.d -c ${source} -o ${object}
      COMMENT "Compiling ${file} for ${core}")
    list(APPEND objects ${object})
  endforeach()
  set(archive ${folder}/lib${target}.a)
  add_custom_command(OUTPUT ${archive} DEPENDS ${objects} VERBATIM
    COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
    COMMAND ${tools}ar qc ${archive} ${objects}
    COMMAND ${tools}ranlib ${archive}
    COMMENT "Archive ${target}")
  add_custom_target(${target} DEPENDS ${archive})
  set(${target}_ARCHIVE ${archive} PARENT_SCOPE)
endfunction()
