# The supervisor (supervisord) of one stack. It restarts every program that exits, however often.
# All paths are relative to the directory of the stack, which is the working directory of all its processes.
# The socket's path goes through /proc because the path of a Unix socket is limited to 107 bytes.

supervisor() { /usr/bin/supervisorctl -c config/supervisor.conf "$@"; }

# belongs_to_stack <process id>: succeeds if the process runs and its working directory is in this stack.
# The directory is compared because the kernel reuses process ids.
belongs_to_stack() {
    local where
    where=$(readlink "/proc/$1/cwd" 2>/dev/null) && [[ $where == "$stack" || $where == "$stack"/* ]]
}

pid_of() { cat "run/$1.pid" 2>/dev/null || echo none; }
is_running() { belongs_to_stack "$(pid_of "$1")"; }
has_exited() { ! belongs_to_stack "$1"; } # <process id>

start_supervisor() {
    rm -f run/* config/programs/*
    mkdir -p config/programs log run
    cat >config/supervisor.conf <<-EOF
	[supervisord]
	pidfile=run/supervisor.pid
	logfile=log/supervisor.log
	logfile_maxbytes=1MB
	logfile_backups=1
	$([[ $EUID != 0 ]] || echo user=root)
	[unix_http_server]
	file=/proc/self/cwd/run/supervisor.sock
	chmod=0600
	[supervisorctl]
	serverurl=unix:///proc/self/cwd/run/supervisor.sock
	[rpcinterface:supervisor]
	supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
	[include]
	files=programs/*.conf
	EOF
    # Restores the default signal handling: programs that inherit blocked or ignored signals would never stop.
    (
        close_descriptors
        env --default-signal /usr/bin/supervisord -c config/supervisor.conf
    )
    wait_until 10 supervisor pid || die "the supervisor did not start; see $stack/log/supervisor.log"
}

# Closes all descriptors but the standard three. Otherwise pipes and locks of the caller would stay open for
# as long as the servers run.
close_descriptors() {
    local descriptor
    for descriptor in /proc/self/fd/*; do
        descriptor=${descriptor##*/}
        ((descriptor < 3)) || eval "exec $descriptor>&-"
    done
}

# configure_program <name> <priority> <stop signal> <arguments of launch.sh>
# Programs with a lower priority start first and stop last. With `startsecs=0` the supervisor treats an exit
# right after the start like any other and always restarts the program.
configure_program() {
    cat >"config/programs/$1.conf" <<-EOF
	[program:$1]
	command=/bin/bash scripts/launch.sh $4
	priority=$2
	stopsignal=$3
	stopwaitsecs=30
	killasgroup=true
	autorestart=true
	startsecs=0
	startretries=1000000000
	redirect_stderr=true
	stdout_logfile=log/$1.log
	stdout_logfile_maxbytes=10MB
	stdout_logfile_backups=1
	EOF
}

# Starts programs whose configuration was added and stops those whose configuration was removed.
apply_programs() { supervisor update >/dev/null; }

stop_supervisor() {
    local pid
    pid=$(pid_of supervisor)
    if belongs_to_stack "$pid"; then
        supervisor shutdown >/dev/null || true
        wait_until 240 has_exited "$pid" || log "The supervisor did not stop within 240 s; killing it."
    fi
    kill_leftovers
    rm -f run/*
}

# Kills programs that a killed supervisor left running. All servers and services recover from SIGKILL.
kill_leftovers() {
    local file pid
    for file in run/*.pid; do
        pid=$(cat "$file")
        belongs_to_stack "$pid" || continue
        kill -9 "$pid" || true
        wait_until 10 has_exited "$pid"
    done
}
