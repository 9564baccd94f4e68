#!/usr/bin/env bash
# A Docker engine of the project's own, for a bare Debian machine (12 or newer, root) that has none and where no
# registry with images is reachable. Needs Debian's package mirror only.
#
# usage: build-support/engine.sh up     install and start it, make the stand-in base images (minutes once, then seconds)
#        build-support/engine.sh env    print what a shell has to evaluate to use it
#        build-support/engine.sh down   stop it, and take its bridge and its firewall rules away again
#
# HUNTAZE_ENGINE names the directory it lives in. The images and the cache stay there; delete it to be rid of them.
set -euo pipefail
state=${HUNTAZE_ENGINE:-/var/lib/huntaze-engine}
socket=$state/docker.sock # short enough: the path of a socket has at most 107 characters
export DOCKER_HOST=unix://$socket DOCKER_CONFIG=$state/config
python_image=huntaze/stand-in-python:3.13
postgres_image=huntaze/stand-in-postgres:17
say() { printf 'engine: %s\n' "$*" >&2; }
# Exit 69: it cannot be had here.
unavailable() { say "$*"; exit 69; }

mirror() {
    awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null ||
        awk '/^deb / {print $2; exit}' /etc/apt/sources.list
}

install_packages() {
    [ "$(id -u)" = 0 ] || unavailable "only root can start a Docker engine; start yours and set DOCKER_HOST"
    command -v apt-get >/dev/null || unavailable "this script knows Debian only; start a Docker engine yourself"
    if ! command -v dockerd >/dev/null || ! command -v mmdebstrap >/dev/null || ! command -v iptables >/dev/null; then
        say "installing docker.io, iptables and mmdebstrap"
        # Installing must not start a system-wide engine.
        local policy=/usr/sbin/policy-rc.d
        if [ -e "$policy" ]; then
            policy=/dev/null
        else
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod 755 "$policy"
        fi
        local status=0
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            docker.io iptables mmdebstrap >/dev/null || status=$?
        [ "$policy" = /dev/null ] || rm -f "$policy"
        [ "$status" = 0 ] || unavailable "Debian's mirror did not give the packages"
    fi
    mkdir -p "$DOCKER_CONFIG/cli-plugins"
    [ -x "$DOCKER_CONFIG/cli-plugins/docker-compose" ] && [ -x "$DOCKER_CONFIG/cli-plugins/docker-buildx" ] ||
        unpack_plugins
}

# Debian 12 lacks compose and buildx; Debian 13's are static enough to run there, unpacked and not installed.
unpack_plugins() {
    say "getting compose and buildx"
    local apt=$state/apt
    mkdir -p "$apt"/{sources,lists/partial,cache/archives/partial,packages}
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' \
        "$(mirror)" /usr/share/keyrings/debian-archive-keyring.gpg >"$apt/sources/trixie.sources"
    local options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources"
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update -qq
    (
        cd "$apt/packages"
        apt-get "${options[@]}" download -qq docker-compose docker-buildx
        for package in *.deb; do dpkg -x "$package" unpacked; done
        cp unpacked/usr/libexec/docker/cli-plugins/* "$DOCKER_CONFIG/cli-plugins/"
    )
    rm -rf "$apt"
}

start() {
    docker info >/dev/null 2>&1 && return
    say "starting"
    sysctl -n net.ipv4.ip_forward >"$state/ip_forward.before"
    iptables -S FORWARD | awk '$1 == "-P" {print $3}' >"$state/forward.before"
    # --ip: a port that is published without an address is for this machine only.
    setsid dockerd --data-root "$state/data" --exec-root "$state/exec" --pidfile "$state/dockerd.pid" \
        --host "$DOCKER_HOST" --ip 127.0.0.1 --storage-driver overlay2 >"$state/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 200); do
        docker info >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail -20 "$state/dockerd.log" >&2
    unavailable "dockerd did not start"
}

stop() {
    local pid
    if [ -s "$state/dockerd.pid" ]; then
        pid=$(cat "$state/dockerd.pid")
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 300); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        rm -f "$state/dockerd.pid"
    fi
    [ -e "$state/forward.before" ] || return 0
    # dockerd leaves its bridges, its rules and a FORWARD policy of DROP behind. Others' rules stay.
    for bridge in $(ip -brief link show type bridge | awk '$1 == "docker0" || $1 ~ /^br-[0-9a-f]{12}$/ {print $1}'); do
        ip link delete "$bridge"
    done
    iptables-save | grep -Evi 'docker|br-[0-9a-f]{12}' |
        sed "s/^:FORWARD DROP/:FORWARD $(cat "$state/forward.before")/" | iptables-restore
    sysctl -q -w "net.ipv4.ip_forward=$(cat "$state/ip_forward.before")"
    rm -f "$state"/*.before
    say "stopped"
}

# bootstrap NAME PACKAGES HOOK-COMMAND: a Debian 13 root with what slim images leave out left out, into NAME.tar
bootstrap() {
    say "making the stand-in for $1 from Debian's packages"
    local left_out=()
    for path in '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' '/usr/share/info/*' '/usr/share/lintian/*'; do
        left_out+=(--dpkgopt="path-exclude=$path")
    done
    mmdebstrap --quiet --variant=minbase --include="$2,ca-certificates" "${left_out[@]}" \
        --customize-hook="$3" \
        --customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs' \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/*' \
        trixie "$work/$1.tar" "$(mirror)"
}

# What `python:3.13-slim-trixie` is, as far as our Dockerfile uses it: python and pip in /usr/local/bin, on Debian 13.
python_stand_in() {
    bootstrap python python3,python3-pip,tzdata,netbase '
        rm -f "$1"/usr/lib/python3.13/EXTERNALLY-MANAGED
        mkdir -p "$1"/usr/local/lib/python3.13/dist-packages
        mv "$1"/usr/lib/python3/dist-packages/pip* "$1"/usr/local/lib/python3.13/dist-packages
        mv "$1"/usr/bin/pip* "$1"/usr/local/bin
        for name in python python3 python3.13; do ln -s /usr/bin/python3.13 "$1/usr/local/bin/$name"; done'
    docker import --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' \
        --change 'CMD ["python3"]' "$work/python.tar" "$python_image" >/dev/null
}

# What `postgres:17-trixie` is, as far as our compose file uses it.
postgres_stand_in() {
    install -m 755 build-support/postgres-stand-in.sh "$work/docker-entrypoint.sh"
    bootstrap postgres postgresql-17 "copy-in $work/docker-entrypoint.sh /usr/local/bin"
    docker import --change 'ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8' \
        --change 'ENV PGDATA=/var/lib/postgresql/data' --change 'VOLUME /var/lib/postgresql/data' \
        --change 'ENTRYPOINT ["docker-entrypoint.sh"]' --change 'CMD ["postgres"]' \
        "$work/postgres.tar" "$postgres_image" >/dev/null
}

up() {
    mkdir -p "$state"
    install_packages
    start
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    docker image inspect "$python_image" >/dev/null 2>&1 || python_stand_in
    docker image inspect "$postgres_image" >/dev/null 2>&1 || postgres_stand_in
}

cd "$(dirname "$0")/.."
case ${1:-} in
    up) up ;;
    down) stop ;;
    env)
        printf 'export DOCKER_HOST=%s DOCKER_CONFIG=%s PYTHON_IMAGE=%s POSTGRES_IMAGE=%s\n' \
            "$DOCKER_HOST" "$DOCKER_CONFIG" "$python_image" "$postgres_image"
        ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
