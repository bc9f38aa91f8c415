# The reaper of one lease. A lease is a folder that several processes, its users, use at the same
# time. The reaper waits until the last user has ended. Then it removes every resource in the
# journal, the file `things`, and then the folder of the lease.
#
#   sh -c SCRIPT spanproof-reaper FOLDER [now]
#
# Standard input is the FIFO `users` of the folder. Every user has it open for writing and none
# writes, so a read blocks until the kernel has closed the FIFO for the last user. Several reapers
# may work on one lease at once, and one may continue where another was killed. So every step can be
# repeated, and the files that later steps need are removed last: first `things`, then `users`.
trap '' INT TERM HUP QUIT TSTP
export LC_ALL=C
folder=$1
now=${2-}

# Opens the journal now, so that it can be read even after another process removes the folder.
if [ -r "$folder/things" ]; then exec 3<"$folder/things"; else exec 3</dev/null; fi

pause() { sleep 0.01; }

# --- Processes ------------------------------------------------------------------------------

# Prints the fields of /proc/$1/stat that follow the process name. The first field is the state, the
# 20th is the start time.
stat_of() {
  IFS= read -r stat <"/proc/$1/stat" || return 1
  printf '%s\n' "${stat##*) }"
}

# Tests whether process $1 runs. A zombie does not: in a container it may never be reaped.
runs() {
  IFS= read -r stat <"/proc/$1/stat" || return 1
  case ${stat##*) } in [ZX]*) return 1 ;; esac
}

# Tests whether process $1 runs and started at $2.
is_same() { runs "$1" && set -- "$2" ${stat##*) } && [ "$1" = "${21}" ]; }

# Prints the ids of the processes whose standard input is the file `input` of the lease.
with_input() {
  ls -ld /proc/[0-9]*/fd/0 | input="$(real_path "$folder")/input" awk '{
    at = index($0, " -> "); from = substr($0, 1, at - 1)
    if (substr($0, at + 4) == ENVIRON["input"]) { gsub(/^.*\/proc\/|\/fd\/0$/, "", from); print from }
  }'
}

# Prints a line `id state start name` for each process to kill: the members of the groups in
# $groups (lines `leader start session`), the processes whose standard input is the file `input`, and
# the descendants of both. If the leader's start time differs, its id was reused and the group is not
# ours. If the leader has ended, only members of its session that started after it are killed. Reapers
# are not killed: each works on its own lease.
to_kill() {
  reapers=$(grep -ls spanproof-reaper /proc/[0-9]*/cmdline | tr -dc '0-9\n')
  cat /proc/[0-9]*/stat | groups=$groups reapers=$reapers holders=$(with_input) awk -v self=$$ '
    BEGIN {
      n = split(ENVIRON["groups"], line, "\n")
      for (i = 1; i <= n; i++) if (split(line[i], f, " ") == 3) { start[f[1]] = f[2]; session[f[1]] = f[3] }
      n = split(ENVIRON["reapers"], line, "\n")
      for (i = 1; i <= n; i++) reaper[line[i]] = 1
      n = split(ENVIRON["holders"], line, "\n")
      for (i = 1; i <= n; i++) holder[line[i]] = 1
    }
    {
      rest = $0; sub(/^.*\) /, "", rest); split(rest, f, " "); id = $1
      name[id] = substr($0, length(id) + 3, length($0) - length(rest) - length(id) - 4)
      state[id] = f[1]; parent[id] = f[2]; group[id] = f[3]; within[id] = f[4]; since[id] = f[20]
    }
    function member(id,    g) {
      if (id in holder) return 1
      g = group[id]
      if (!(g in start)) return 0
      if (g in since) return since[g] == start[g]
      return within[id] == session[g] && since[id] >= start[g]
    }
    END {
      for (id in parent) {
        hit = member(id)
        if (!hit && (id in reaper || group[id] in reaper)) continue
        up = id
        for (i = 0; !hit && i < 100 && (parent[up] in parent); i++) { up = parent[up]; hit = member(up) }
        if (hit && id != self && state[id] !~ /[ZX]/) print id, state[id], since[id], name[id]
      }
    }' | sort
}

# Prints the ids of the processes with the name $3 that use a data directory. The journal names the
# directory $1; the kernel names it $2, without symbolic links. A process uses the directory if its
# working directory is $2, or if it has not entered the directory yet and has $1 or $2 as an
# argument.
processes_of_data() {
  cwds=
  for id in $(grep -lxs "$3" /proc/[0-9]*/comm | tr -dc '0-9\n'); do
    cwds="$cwds /proc/$id/cwd"
  done
  [ -n "$cwds" ] || return 0
  # shellcheck disable=SC2086 # a list of names without spaces
  inside=$(ls -ld $cwds | data=$2 awk '{
    at = index($0, " -> "); to = substr($0, at + 4); from = substr($0, 1, at - 1)
    if (to == ENVIRON["data"] || to == ENVIRON["data"] " (deleted)") {
      sub(/\/cwd$/, "", from); sub(/^.*\/proc\//, "", from); print from
    } }')
  for id in $inside; do if runs "$id"; then echo "$id"; fi; done
  for cwd in $cwds; do
    # Skips other servers, which are in their own directories, and processes of other users.
    [ -e "$cwd/." ] && ! [ -e "$cwd/postmaster.pid" ] || continue
    id=${cwd#/proc/} id=${id%/cwd}
    case "
$inside
" in *"
$id
"*) continue ;; esac
    if tr '\0' '\n' <"/proc/$id/cmdline" | grep -qxF -e "$1" -e "$2"; then echo "$id"; fi
  done
}

# --- Shared memory --------------------------------------------------------------------------

# Notes that the processes $@ may have created shared memory of Postgres: adds each process with its
# start time to $makers (for SysV segments), and its user with that time to $users (for names in
# /dev/shm).
note_memory() {
  for id in "$@"; do
    user=$(stat -c %u "/proc/$id") || continue
    # shellcheck disable=SC2046 # words
    set -- $(stat_of "$id")
    [ $# -ge 20 ] || continue
    since=$((booted + ${20} / 100 - 2))
    makers="$makers
$id $since"
    users="$users
$user $since"
  done
}

# Reads the lock file of data directory $1, and adds the process id, start time and segment in it to
# $makers. Sets $owner to the process id, or to nothing if there is no valid lock file. The id of a
# single-user server, as during initdb, is negative.
note_lock() {
  owner= since= segment=
  [ -r "$1/postmaster.pid" ] || return 0
  { read -r owner; read -r _; read -r since; read -r _; read -r _; read -r _; read -r _ segment; } \
    <"$1/postmaster.pid"
  case ${owner#-}:$since in :* | *: | *[!0-9:]*) owner= && return 0 ;; esac
  makers="$makers
${owner#-} $((since - 1)) $segment"
}

# Removes the noted memory that no process uses. A segment is removed only if the noted process
# created it, and not an earlier process with the same id.
remove_memory() {
  [ -z "$users" ] || remove_names
  for id in $(makers=$makers awk '
    BEGIN { n = split(ENVIRON["makers"], line, "\n") }
    NR > 1 && $7 == 0 { for (i = 1; i <= n; i++) { k = split(line[i], f, " ")
      if (k > 1 && f[1] == $5 && (k > 2 ? f[3] == $2 : $14 >= f[2])) { print $2; break } } }
    ' /proc/sysvipc/shm); do
    ipcrm -m "$id"
  done
}

# Removes the names in /dev/shm that the noted users created since the noted times and that no
# process has open or mapped. A server keeps its memory mapped, so no server uses these names.
remove_names() {
  mine=$(stat -c '%u %Y %n' /dev/shm/PostgreSQL.* | users=$users awk '
    BEGIN { n = split(ENVIRON["users"], line, "\n") }
    { for (i = 1; i <= n; i++) if (split(line[i], f, " ") == 2 && f[1] == $1 && $2 >= f[2]) {
      print $3; break } }')
  [ -n "$mine" ] || return 0
  # Lists open files first, then mappings, because a server opens a file before it maps the file.
  used=$({ ls -l /proc/[0-9]*/fd; cat /proc/[0-9]*/maps; } | grep -o '/dev/shm/PostgreSQL\.[0-9]*')
  for name in $mine; do
    printf '%s\n' "$used" | grep -qxF "$name" || rm -f -- "$name"
  done
}

# --- Removal --------------------------------------------------------------------------------

# Sets $victims to the processes to kill and sends SIGSTOP to each of them, so that none starts
# another process or creates memory before it is killed. Gives up after 20 rounds: a process that
# waits for a disk, for example, can't be stopped.
freeze() {
  tries=0 before=
  while victims=$(to_kill) && [ -n "$victims" ]; do
    moving=$(printf '%s\n' "$victims" | sed -n '/^[0-9]* [Tt] /d;s/ .*//p')
    [ -n "$moving" ] || break
    for id in $moving; do kill -STOP "$id"; done
    tries=$((tries + 1))
    [ "$tries" -lt 20 ] || break
  done
}

# Kills the processes that to_kill prints. Gives up after three seconds.
kill_groups() {
  [ -n "$groups" ] || [ -e "$folder/input" ] || return 0
  freeze
  # shellcheck disable=SC2046 # numbers
  note_memory $(printf '%s\n' "$victims" | sed -n 's/^\([0-9]*\) . [0-9]* \(postgres\|initdb\)$/\1/p')
  tries=0
  while [ -n "$victims" ] && [ "$tries" -lt 300 ]; do
    for id in $(printf '%s\n' "$victims" | sed 's/ .*//'); do kill -KILL "$id"; done
    tries=$((tries + 1))
    pause
    victims=$(to_kill)
  done
}

# Waits until none of the processes $@ runs; gives up after three seconds.
await_exit() {
  tries=0
  for id in "$@"; do
    while runs "$id"; do
      [ "$tries" -lt 300 ] || return 1
      tries=$((tries + 1))
      pause
    done
  done
}

# Prints the path of directory $1 with symbolic links resolved.
real_path() { (cd -P -- "$1" && pwd -P) || printf '%s\n' "$1"; }

# Stops the server of data directory $1. First its postmaster gets SIGQUIT, an immediate shutdown.
# Processes that remain, or that have no postmaster, get SIGSTOP, then their shared memory is noted,
# then they get SIGKILL.
stop_server() {
  data=$(real_path "$1")
  rounds=0
  note_lock "$data"
  while ids=$(processes_of_data "$1" "$data" postgres) && [ -n "$ids" ] && [ "$rounds" -lt 10 ]; do
    postmaster=
    for id in $ids; do [ "$id" != "$owner" ] || postmaster=$id; done
    if [ "$rounds" -eq 0 ] && [ -n "$postmaster" ]; then
      # shellcheck disable=SC2086 # numbers
      note_memory $ids
      kill -QUIT "$owner"
    else
      for id in $ids; do kill -STOP "$id"; done
      # shellcheck disable=SC2086 # numbers
      note_memory $ids
      for id in $ids; do kill -KILL "$id"; done
    fi
    # shellcheck disable=SC2086 # numbers
    await_exit $ids
    rounds=$((rounds + 1))
  done
  # A killed server leaves its lock file. The server may have changed it after we read it above.
  note_lock "$data"
}

# Removes folder $1. Tries again for three seconds, because a process that was just killed may still
# finish a write.
remove_folder() {
  tries=0
  while rm -rf -- "$1"; [ -e "$1" ] && [ "$tries" -lt 60 ]; do
    tries=$((tries + 1)); sleep 0.05
  done
}

# Removes the folder of the lease. The files by which a sweep finds the folder, `things` and
# `users`, are removed last.
remove_lease() {
  for entry in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do
    case ${entry#"$folder"/} in
      things | users) ;;
      *) if [ -e "$entry" ] || [ -L "$entry" ]; then remove_folder "$entry"; fi ;;
    esac
  done
  for entry in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do
    case ${entry#"$folder"/} in
      things | users) ;;
      *) ! [ -e "$entry" ] || return 0 ;;
    esac
  done
  rm -f -- "$folder/things"
  remove_folder "$folder"
}

# Prints the resources in the journal that are still registered, in the order of their registration.
registered() {
  awk '
    { line = substr($0, 3) }
    /^\+ / { if (!(line in live)) order[++n] = line; live[line]++ }
    /^- / { if (live[line] > 0) live[line]-- }
    END { for (i = 1; i <= n; i++) if (live[order[i]] > 0) print order[i] }' <&3
}

# Prints the names of the registered resources of kind $1, one per line.
names() { printf '%s\n' "$resources" | sed -n "s/^$1 //p"; }

# Stops the registered processes. The caller checks that the journal was written since the last
# boot: after a reboot, its process ids belong to different processes. Each running initdb process
# is treated as the leader of a group.
stop_processes() {
  booted=$(sed -n 's/^btime //p' /proc/stat)
  users= makers=
  groups=$(names group
    names server | while IFS= read -r data; do
      for id in $(processes_of_data "$data" "$(real_path "$data")" initdb); do
        # shellcheck disable=SC2046 # words
        set -- $(stat_of "$id")
        echo "$id ${20-} ${4-}"
      done
    done)
  kill_groups
  # No pipe here: the loop would run in a subshell and its variables would be lost.
  servers=$(names server)
  while IFS= read -r data; do
    [ -z "$data" ] || stop_server "$data"
  done <<END
$servers
END
  [ -z "$makers" ] || remove_memory
}

remove_everything() {
  resources=$(registered)
  if [ -n "$resources" ] || [ -e "$folder/input" ]; then
    read -r this_boot </proc/sys/kernel/random/boot_id
    [ "$boot" != "$this_boot" ] || stop_processes
    names container | while IFS= read -r id; do timeout 20 docker rm -f -v "$id" </dev/null; done
    names folder | while IFS= read -r path; do remove_folder "$path"; done
  fi
  remove_lease
}

# --- Users ----------------------------------------------------------------------------------

# Waits until no process has the FIFO open for writing.
await_users() { while IFS= read -r _; do :; done; }

# Removes the record, the file that tells other processes where the folder is, unless it now names a
# different folder.
remove_record() {
  [ -n "$record" ] || return 0
  IFS= read -r first <"$record" || return 0
  [ "$first" = "$folder" ] || return 0
  rm -f -- "$record"
}

boot= record= parent=
while IFS= read -r line; do
  case $line in
    "boot "*) boot=${line#boot } ;;
    "record "*) record=${line#record } ;;
    "parent "*) parent=${line#parent } ;;
    *) break ;;
  esac
done <"$folder/things"
# shellcheck disable=SC2086 # two numbers
set -- $parent
if [ -z "$now" ]; then
  await_users
  while [ $# -eq 2 ] && is_same "$1" "$2"; do
    sleep 0.05
    await_users
  done
  ! [ -e "$folder/kept" ] || exit 0
fi
remove_record
# Once this file exists, no process can join. Some may have joined before, so waits for them again.
: >"$folder/over"
await_users
[ -n "$now" ] || ! [ -e "$folder/kept" ] || exit 0
exec </dev/null
remove_everything
