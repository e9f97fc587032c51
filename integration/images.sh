#!/bin/sh
# Makes sure that the local Docker engine has the images that the tests name.
#
# An image that is there is left alone, and one that can be pulled is pulled.
# Where none can, the same server is unpacked, with the libraries it needs, from
# the Debian mirror that this machine uses, and imported under the image's name.
# That name then stands for it until it is removed: docker rmi IMAGE.
#
# Needs: a running Docker engine; to unpack also Debian, root, and the package
# debian-archive-keyring. The machine's own package state is not touched.
set -eu

say() { echo "images.sh: $*"; }
fail() {
    say "$*" >&2
    exit 1
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
tmp= mirror= offline=
trap '[ -z "$tmp" ] || rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

command -v docker >/dev/null || fail "the docker command is missing"
docker version >/dev/null 2>&1 || fail "the Docker engine does not answer: is it running, and may you use it?"

# pull IMAGE: pulls it; after the first failure nothing is tried any more.
pull() {
    [ -z "$offline" ] || return 1
    if why=$(docker pull -q "$1" 2>&1); then return; fi
    say "$1 cannot be pulled: $(echo "$why" | tail -n 1)"
    offline=yes
    return 1
}

# prepare: makes sure, once, that this machine can unpack packages.
prepare() {
    [ -z "$mirror" ] || return 0
    for tool in apt-get dpkg-deb tar; do
        command -v "$tool" >/dev/null || fail "$1 can be made on Debian only: $tool is missing"
    done
    [ "$(id -u)" = 0 ] || fail "$1 can be made by root only"
    [ -r "$keyring" ] || fail "$keyring is missing: install debian-archive-keyring"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || fail "apt knows no Debian source: apt-get update first"
    tmp=$(mktemp -d)
}

# suite_apt SUITE ARG...: apt-get on SUITE alone, as if nothing were installed,
# with a state of its own.
suite_apt() {
    dir=$tmp/$1
    if [ ! -d "$dir" ]; then
        mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
        : >"$dir/status"
        echo "deb [signed-by=$keyring] $mirror $1 main" >"$dir/sources.list"
        suite_apt "$1" update
    fi
    shift
    # The Release file of a suite that nobody updates any more is soon past its
    # date: that of a mirror that was frozen, too.
    apt-get -qq -o Dir::Etc::SourceList="$dir/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null \
        -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State::Lists="$dir/lists" -o Dir::State::status="$dir/status" \
        -o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root \
        -o APT::Install-Recommends=false -o Acquire::Retries=3 \
        -o Acquire::Check-Valid-Until=false "$@"
}

# unpack SUITE NAME: makes the file tree $tmp/root of SUITE's package of NAME.
unpack() {
    root=$tmp/root
    suite_apt "$1" clean
    # NAME-tools holds the server itself: NAME-server is a link to its NAME-check-rdb.
    suite_apt "$1" -y --download-only install "$2-tools" busybox-static

    rm -rf "$root"
    mkdir -p "$root/data" "$root/tmp" "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64"
    chmod 1777 "$root/tmp"
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
    for deb in "$tmp/$1"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
            --exclude=./usr/share
    done
    ln -s busybox "$root/bin/sh"
    ln -s "$2-check-rdb" "$root/bin/$2-server"
    # As in the public images: options alone, or a .conf file, are the server's;
    # and protected mode is off (theirs is compiled so; the last option wins).
    cat >"$root/bin/docker-entrypoint.sh" <<SH
#!/bin/sh
case \${1-} in -* | *.conf) set -- $2-server "\$@" ;; esac
[ "\${1-}" != $2-server ] || set -- "\$@" --protected-mode no
exec "\$@"
SH
    chmod 755 "$root/bin/docker-entrypoint.sh"
}

# image IMAGE SUITE NAME: makes sure that there is IMAGE, whose server is the one
# in SUITE's package of NAME.
image() {
    if docker image inspect "$1" >/dev/null 2>&1; then
        say "$1 is there"
        return
    fi
    if pull "$1"; then
        say "$1 was pulled"
        return
    fi
    prepare "$1"
    say "$1 is made from the packages of Debian $2"
    unpack "$2" "$3"
    tar -C "$tmp/root" -c . >"$tmp/root.tar"
    id=$(docker import -c 'ENTRYPOINT ["docker-entrypoint.sh"]' -c "CMD [\"$3-server\"]" \
        -c 'EXPOSE 6379' -c 'VOLUME /data' -c 'WORKDIR /data' "$tmp/root.tar")
    version=$(docker run --rm "$id" --version)
    case $version in
    *" v=${1##*:}."*) docker tag "$id" "$1" ;;
    *)
        docker rmi "$id" >/dev/null
        fail "$1 cannot be made: Debian $2 has another version: $version"
        ;;
    esac
    say "$1 is there: $version"
}

image redis:7.0 bookworm redis
image redis:8.0 trixie redis
image valkey/valkey:8.1 trixie valkey
image valkey/valkey:9.1 sid valkey
