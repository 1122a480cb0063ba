# The supervisor (supervisord) of one stack: it restarts whatever dies and never gives up.
# All paths are relative to the stack's directory, which is the working directory of everything in it; the socket
# goes through /proc because the path of a Unix socket may have 107 bytes at most.

supervisor() { /usr/bin/supervisorctl -c config/supervisor.conf "$@"; }

# Whether a process is alive and works in this stack (process ids are used again by others).
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
    # Whoever starts us may have signals blocked or ignored, which every program would inherit, and then never stop.
    (
        close_descriptors
        env --default-signal /usr/bin/supervisord -c config/supervisor.conf
    )
    wait_until 10 supervisor pid || die "the supervisor did not start; see $stack/log/supervisor.log"
}

# Closes all but the standard three: a pipe or a lock of whoever starts us must not stay open for as long as the servers live.
close_descriptors() {
    local descriptor
    for descriptor in /proc/self/fd/*; do
        descriptor=${descriptor##*/}
        ((descriptor < 3)) || eval "exec $descriptor>&-"
    done
}

# program <name> <priority> <stop signal> <arguments of launch.sh>: lower priorities start first and stop last.
# `startsecs=0` makes every end a mere exit, which is always followed by a restart.
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

# Starts the programs that were added and stops those that were taken away.
apply_programs() { supervisor update >/dev/null; }

stop_supervisor() {
    local pid
    pid=$(pid_of supervisor)
    if belongs_to_stack "$pid"; then
        supervisor shutdown >/dev/null || true
        wait_until 240 has_exited "$pid" || log "the supervisor does not stop; ending it"
    fi
    kill_leftovers
    rm -f run/*
}

# What a killed supervisor left running. Everything here is made to survive this.
kill_leftovers() {
    local file pid
    for file in run/*.pid; do
        pid=$(cat "$file")
        belongs_to_stack "$pid" || continue
        kill -9 "$pid" || true
        wait_until 10 has_exited "$pid"
    done
}
