# Sourced by the scripts at the top: finds a Java of version 25 or newer.
# shellcheck shell=sh
jvm_folder=${JOBWORKER_JVM_FOLDER:-/usr/lib/jvm}
java_home=
java_version=

# Whether $1 is one, by its release file: starting each Java to ask would be slow.
is_good_java() {
  [ -x "$1/bin/java" ] && [ -r "$1/release" ] || return 1
  java_version=0
  while IFS='=' read -r name value; do
    if [ "$name" = JAVA_VERSION ]; then
      value=${value#\"}
      java_version=${value%\"}
    fi
  done <"$1/release"
  major=${java_version%%[!0-9]*}
  [ "${major:-0}" -ge 25 ]
}

# Sets java_home and java_version.
find_java() {
  java_home=${JAVA_HOME:-}
  if [ -n "$java_home" ] && is_good_java "$java_home"; then
    return 0
  fi
  if java_home=$(command -v java) && java_home=$(readlink -f -- "$java_home"); then
    java_home=${java_home%/bin/java}
    if is_good_java "$java_home"; then
      return 0
    fi
  fi
  for java_home in "$jvm_folder"/*; do
    if is_good_java "$java_home"; then
      return 0
    fi
  done
  return 1
}
