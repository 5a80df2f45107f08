# Installs the package described in SOURCE into PACKAGE and leaves the file `installed`; or leaves `missing` with the reason, and is tried again
# by the next build. NAME says whose it is.
file(MAKE_DIRECTORY ${PACKAGE})
file(REMOVE ${PACKAGE}/missing)
if(NOT NPM)
  file(WRITE ${PACKAGE}/missing "npm is not installed")
  message(STATUS "${NAME} as an oracle is not available: npm is not installed")
  return()
endif()
file(COPY ${SOURCE}/package.json ${SOURCE}/package-lock.json DESTINATION ${PACKAGE})
# TensorFlow Lite's asks for a framework beside it that only its browser interface uses.
execute_process(
  COMMAND ${NPM} ci --legacy-peer-deps --ignore-scripts --no-audit --no-fund
  WORKING_DIRECTORY ${PACKAGE}
  RESULT_VARIABLE failed
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output
  TIMEOUT 300)
if(failed)
  string(REGEX REPLACE "\n.*" "" reason "${output}")
  file(WRITE ${PACKAGE}/missing "npm ci failed: ${reason}")
  message(STATUS "${NAME} as an oracle is not available: npm ci failed: ${reason}")
else()
  file(WRITE ${PACKAGE}/installed "")
endif()
