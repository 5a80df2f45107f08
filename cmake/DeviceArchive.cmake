# Static archives of device code, for the cores that boards have. Flags are those of firmware (src/board/core.cpp), optimized
# for size, a section for each function, so that firmware takes only what it calls (-Wl,--gc-sections).
#
#   mote_device_archive(mote_update_crypto cortex-m4f
#     SOURCES ...             # .c and .cpp
#     LIBRARY_SOURCES ...     # those of others, compiled without warnings; in ours, warnings are errors
#     INCLUDES ... SYSTEM ... # folders; SYSTEM: of others
#     DEFINITIONS NAME=VALUE ...)
#
# makes the target mote_update_crypto_cortex-m4f, which is built when something depends on it; its property MOTE_FILE
# is the archive.
#
#   mote_device_firmware(mote_crypto_firmware cortex-m4f
#     SOURCES ... ARCHIVES mote_update_crypto DEFINITIONS ... LINK -Wl,--defsym=mote_flash_bytes=524288)
#
# makes an ELF of them and device/boards (startup, memory functions, markers, bench.ld): the target
# mote_crypto_firmware_cortex-m4f, with the ELF as MOTE_FILE.

set(mote_core_flags_cortex-m0plus -mthumb -mcpu=cortex-m0plus)
set(mote_core_flags_cortex-m4 -mthumb -mcpu=cortex-m4)
set(mote_core_flags_cortex-m4f -mthumb -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16)
set(mote_core_flags_cortex-m33 -mthumb -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16)
set(mote_core_flags_rv32imc -march=rv32imc -mabi=ilp32 -mcmodel=medany -mno-relax -mstrict-align -msmall-data-limit=0)

# What makes code smaller beyond -Os, with gcc 12.2: the agent by 50 to 150 bytes each (docs/updates.md, "Size").
set(mote_small_flags -fno-move-loop-invariants -fmerge-all-constants -fno-tree-tail-merge -fno-schedule-insns2)

function(mote_device_archive name core)
  cmake_parse_arguments(A "" "" "SOURCES;LIBRARY_SOURCES;INCLUDES;SYSTEM;DEFINITIONS" ${ARGN})
  set(tools arm-none-eabi-)
  if(core MATCHES "^rv32")
    set(tools riscv64-unknown-elf-)
  endif()
  # The call graph, a file beside the object, is for tests that reckon how deep stacks get.
  set(flags ${mote_core_flags_${core}} -Os ${mote_small_flags} -ffreestanding -ffunction-sections -fdata-sections
    -fcallgraph-info=su)
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
  set_property(TARGET ${target} PROPERTY MOTE_FILE ${archive})
endfunction()

function(mote_device_firmware name core)
  cmake_parse_arguments(A "" "" "SOURCES;ARCHIVES;DEFINITIONS;LINK" ${ARGN})
  set(boards ${PROJECT_SOURCE_DIR}/device/boards)
  set(startup startup.cpp)
  if(core MATCHES "^rv32")
    set(startup startup_riscv32.cpp)
  endif()
  mote_device_archive(${name}_objects ${core}
    SOURCES ${A_SOURCES} ${boards}/${startup} ${boards}/memory.cpp ${boards}/markers.cpp
    INCLUDES ${PROJECT_SOURCE_DIR}/device SYSTEM ${PROJECT_SOURCE_DIR}/device/freestanding DEFINITIONS ${A_DEFINITIONS})
  get_property(archives TARGET ${name}_objects_${core} PROPERTY MOTE_FILE)
  foreach(archive IN LISTS A_ARCHIVES)
    get_property(file TARGET ${archive}_${core} PROPERTY MOTE_FILE)
    list(APPEND archives ${file})
  endforeach()
  set(tools arm-none-eabi-)
  if(core MATCHES "^rv32")
    set(tools riscv64-unknown-elf-)
  endif()
  set(elf ${CMAKE_CURRENT_BINARY_DIR}/${name}_${core}.elf)
  add_custom_command(OUTPUT ${elf} DEPENDS ${archives} ${boards}/bench.ld VERBATIM
    COMMAND ${tools}g++ ${mote_core_flags_${core}} -nostdlib -Wl,--gc-sections -Wl,--no-warn-rwx-segments
      ${A_LINK} -T ${boards}/bench.ld -Wl,--start-group ${archives} -Wl,--end-group -lgcc -o ${elf}
    COMMENT "Linking ${name} for ${core}")
  add_custom_target(${name}_${core} DEPENDS ${elf})
  foreach(archive IN LISTS A_ARCHIVES)
    add_dependencies(${name}_${core} ${archive}_${core})
  endforeach()
  set_property(TARGET ${name}_${core} PROPERTY MOTE_FILE ${elf})
endfunction()
