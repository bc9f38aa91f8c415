# The reaper of one lease: waits until the last user has gone, then removes everything in the
# journal, and the folder of the lease at last.
#
#   sh -c SCRIPT spanproof-reaper FOLDER [now]
#
# Standard input is the FIFO `users` of the folder. Every user holds it open for writing and nobody
# writes, so a read blocks until the kernel has closed the last user's end. Several reapers may end
# one lease at once, and one may take over where another was killed: every step may be repeated,
# and what later steps need (`things`, then `users`) goes last.
trap '' INT TERM HUP QUIT TSTP
export LC_ALL=C
folder=$1
now=${2-}

# The journal stays readable for us when somebody removes the folder under us.
if [ -r "$folder/things" ]; then exec 3<"$folder/things"; else exec 3</dev/null; fi

nap() { sleep 0.01; }

# --- Processes ------------------------------------------------------------------------------

# What follows the name in /proc/$1/stat: the state is the first word, the start time the 20th.
stat_of() {
  IFS= read -r stat <"/proc/$1/stat" || return 1
  printf '%s\n' "${stat##*) }"
}

# Whether process $1 runs. A zombie does not: in a container nobody may ever wait for it.
runs() {
  IFS= read -r stat <"/proc/$1/stat" || return 1
  case ${stat##*) } in [ZX]*) return 1 ;; esac
}

# Whether process $1 is the one that started at $2, and runs.
is_same() { runs "$1" && set -- "$2" ${stat##*) } && [ "$1" = "${21}" ]; }

# Who is to be killed, a line `id state start name` each: the members of the groups in $groups
# (lines `leader start session`) and whoever descends from one of them. A leader whose start time
# differs is a stranger with a recycled id. A leader that is gone proves nothing, so its group
# must be in the same session and younger. Reapers are spared: each ends its own lease.
doomed() {
  reapers=$(grep -ls spanproof-reaper /proc/[0-9]*/cmdline | tr -dc '0-9\n')
  cat /proc/[0-9]*/stat | groups=$groups reapers=$reapers awk -v self=$$ '
    BEGIN {
      n = split(ENVIRON["groups"], line, "\n")
      for (i = 1; i <= n; i++) if (split(line[i], f, " ") == 3) { start[f[1]] = f[2]; session[f[1]] = f[3] }
      n = split(ENVIRON["reapers"], line, "\n")
      for (i = 1; i <= n; i++) reaper[line[i]] = 1
    }
    {
      rest = $0; sub(/^.*\) /, "", rest); split(rest, f, " "); id = $1
      name[id] = substr($0, length(id) + 3, length($0) - length(rest) - length(id) - 4)
      state[id] = f[1]; parent[id] = f[2]; group[id] = f[3]; within[id] = f[4]; since[id] = f[20]
    }
    function member(id,    g) {
      g = group[id]
      if (!(g in start)) return 0
      if (g in since) return since[g] == start[g]
      return within[id] == session[g] && since[id] >= start[g]
    }
    END {
      for (id in parent) {
        doom = member(id)
        if (!doom && (id in reaper || group[id] in reaper)) continue
        up = id
        for (i = 0; !doom && i < 100 && (parent[up] in parent); i++) { up = parent[up]; doom = member(up) }
        if (doom && id != self && state[id] !~ /[ZX]/) print id, state[id], since[id], name[id]
      }
    }' | sort
}

# Of the data directory $1 (as it was given) and $2 (as the kernel calls it): the processes with
# the name $3 that work in it, or that were told its name and have not come to it yet.
of_data() {
  there=
  for id in $(grep -lxs "$3" /proc/[0-9]*/comm | tr -dc '0-9\n'); do
    there="$there /proc/$id/cwd"
  done
  [ -n "$there" ] || return 0
  # shellcheck disable=SC2086 # a list of names without spaces
  settled=$(ls -ld $there | data=$2 awk '{
    at = index($0, " -> "); to = substr($0, at + 4); from = substr($0, 1, at - 1)
    if (to == ENVIRON["data"] || to == ENVIRON["data"] " (deleted)") {
      sub(/\/cwd$/, "", from); sub(/^.*\/proc\//, "", from); print from
    } }')
  for id in $settled; do if runs "$id"; then echo "$id"; fi; done
  for cwd in $there; do
    # Another server is in its own directory, and the directories of other users can't be seen.
    [ -e "$cwd/." ] && ! [ -e "$cwd/postmaster.pid" ] || continue
    id=${cwd#/proc/} id=${id%/cwd}
    case "
$settled
" in *"
$id
"*) continue ;; esac
    if tr '\0' '\n' <"/proc/$id/cmdline" | grep -qxF -e "$1" -e "$2"; then echo "$id"; fi
  done
}

# --- Shared memory --------------------------------------------------------------------------

# Who may have made memory of Postgres, the processes $@: for SysV segments each process with the time
# since which to $makers, for names in /dev/shm its user with that time to $users.
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

# The owner's id, its start and the segment that the lock file of data directory $1 names. A single
# user, as when a data directory is made, has a negative id.
note_lock() {
  owner= since= segment=
  [ -r "$1/postmaster.pid" ] || return 0
  { read -r owner; read -r _; read -r since; read -r _; read -r _; read -r _; read -r _ segment; } \
    <"$1/postmaster.pid"
  case ${owner#-}:$since in :* | *: | *[!0-9:]*) owner= && return 0 ;; esac
  makers="$makers
${owner#-} $((since - 1)) $segment"
}

# Removes what was noted and is nobody's any more. A segment must have been made by the noted
# process while it lived and be attached to nobody: an id alone may be a stranger's by now.
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

# Removes the names in /dev/shm that the noted users have made since then and that no process has: a
# server keeps what it uses mapped, so what nobody has is left, whoever was killed at which moment.
remove_names() {
  mine=$(stat -c '%u %Y %n' /dev/shm/PostgreSQL.* | users=$users awk '
    BEGIN { n = split(ENVIRON["users"], line, "\n") }
    { for (i = 1; i <= n; i++) if (split(line[i], f, " ") == 2 && f[1] == $1 && $2 >= f[2]) {
      print $3; break } }')
  [ -n "$mine" ] || return 0
  # First who has it open, then who has it mapped: that is the order in which it is made.
  had=$({ ls -l /proc/[0-9]*/fd; cat /proc/[0-9]*/maps; } | grep -o '/dev/shm/PostgreSQL\.[0-9]*')
  for name in $mine; do
    printf '%s\n' "$had" | grep -qxF "$name" || rm -f -- "$name"
  done
}

# --- Endings --------------------------------------------------------------------------------

# Stops everybody who is doomed, so that nobody starts another or makes memory behind our back,
# and leaves them in $victims. Who can't be stopped (it waits for a disk) is not waited for long.
freeze() {
  tries=0 before=
  while victims=$(doomed) && [ -n "$victims" ]; do
    moving=$(printf '%s\n' "$victims" | sed -n '/^[0-9]* [Tt] /d;s/ .*//p')
    [ -n "$moving" ] || break
    for id in $moving; do kill -STOP "$id"; done
    tries=$((tries + 1))
    [ "$tries" -lt 20 ] || break
  done
}

end_groups() {
  [ -n "$groups" ] || return 0
  freeze
  # shellcheck disable=SC2046 # numbers
  note_memory $(printf '%s\n' "$victims" | sed -n 's/^\([0-9]*\) . [0-9]* \(postgres\|initdb\)$/\1/p')
  tries=0
  while [ -n "$victims" ] && [ "$tries" -lt 300 ]; do
    for id in $(printf '%s\n' "$victims" | sed 's/ .*//'); do kill -KILL "$id"; done
    tries=$((tries + 1))
    nap
    victims=$(doomed)
  done
}

# Waits until none of the processes $@ runs; gives up after three seconds.
await_end() {
  tries=0
  for id in "$@"; do
    while runs "$id"; do
      [ "$tries" -lt 300 ] || return 1
      tries=$((tries + 1))
      nap
    done
  done
}

# The name that the kernel has for directory $1.
real() { (cd -P -- "$1" && pwd -P) || printf '%s\n' "$1"; }

# Ends the server of data directory $1: its postmaster is asked for an immediate shutdown; what is
# left after that, and who has no postmaster, is stopped, looked at and killed.
end_server() {
  data=$(real "$1")
  rounds=0
  note_lock "$data"
  while ids=$(of_data "$1" "$data" postgres) && [ -n "$ids" ] && [ "$rounds" -lt 10 ]; do
    asked=
    for id in $ids; do [ "$id" != "$owner" ] || asked=$id; done
    if [ "$rounds" -eq 0 ] && [ -n "$asked" ]; then
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
    await_end $ids
    rounds=$((rounds + 1))
  done
  # Who was killed leaves the lock file, which may be younger than our first look.
  note_lock "$data"
}

# What was killed a moment ago may still end a write: until nothing is left, for three seconds.
remove_folder() {
  tries=0
  while rm -rf -- "$1"; [ -e "$1" ] && [ "$tries" -lt 60 ]; do
    tries=$((tries + 1)); sleep 0.05
  done
}

# The folder of the lease; `things` and `users`, by which a sweep finds it, go last.
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

# What is in the journal and was not struck off, in its order.
left_over() {
  awk '
    { line = substr($0, 3) }
    /^\+ / { if (!(line in live)) order[++n] = line; live[line]++ }
    /^- / { if (live[line] > 0) live[line]-- }
    END { for (i = 1; i <= n; i++) if (live[order[i]] > 0) print order[i] }' <&3
}
of() { printf '%s\n' "$left" | sed -n "s/^$1 //p"; }

# The processes of this boot. Those that are making a data directory go as groups do.
end_processes() {
  booted=$(sed -n 's/^btime //p' /proc/stat)
  users= makers=
  groups=$(of group
    of server | while IFS= read -r data; do
      for id in $(of_data "$data" "$(real "$data")" initdb); do
        # shellcheck disable=SC2046 # words
        set -- $(stat_of "$id")
        echo "$id ${20-} ${4-}"
      done
    done)
  end_groups
  # Not through a pipe, whose loop would keep what it notes to itself.
  servers=$(of server)
  while IFS= read -r data; do
    [ -z "$data" ] || end_server "$data"
  done <<END
$servers
END
  [ -z "$makers" ] || remove_memory
}

end_everything() {
  left=$(left_over)
  if [ -n "$left" ]; then
    read -r this_boot </proc/sys/kernel/random/boot_id
    [ "$boot" != "$this_boot" ] || end_processes
    of container | while IFS= read -r id; do timeout 20 docker rm -f -v "$id" </dev/null; done
    of folder | while IFS= read -r path; do remove_folder "$path"; done
  fi
  remove_lease
}

# --- Users ----------------------------------------------------------------------------------

await_users() { while IFS= read -r _; do :; done; }

# Others find the lease by this file. It may name another lease by now.
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
# From here on nobody may join; who did so until now is served.
: >"$folder/over"
await_users
[ -n "$now" ] || ! [ -e "$folder/kept" ] || exit 0
exec </dev/null
end_everything
