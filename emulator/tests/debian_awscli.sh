#!/bin/sh
# Unpacks Debian's AWS CLI, version 2, into a directory, without root and without installing anything.
#
# Usage: debian_awscli.sh DIRECTORY
#
# PyPI has version 1 only. What Debian's package is made of and the Python packages that it needs are downloaded by
# apt-get, which checks them, and unpacked; they run on the Python of this Debian, /usr/bin/python3, for which they
# were built. Afterwards DIRECTORY/aws runs, and DIRECTORY/.made exists; or DIRECTORY/missing says why not.
set -eu

mkdir -p "$1"
cd "$1"
rm -rf .made aws missing usr packages

missing() {
	echo "$1" >missing
	echo "No AWS CLI version 2: $1" >&2
	exit 0
}

for needed in apt-get apt-cache dpkg-deb /usr/bin/python3; do
	command -v "$needed" >/dev/null || missing "this machine has no $needed"
done

version=$(apt-cache show --no-all-versions awscli 2>/dev/null | sed -n 's/^Version: //p')
case $version in
2.*) ;;
"") missing "apt-get knows no package awscli (apt-get update, as root, may help)" ;;
*) missing "apt-get's awscli is version $version" ;;
esac

packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
	--no-enhances awscli | grep -E '^(awscli|python3-[a-z0-9.+-]+)$' | grep -vx python3-minimal | sort -u)

mkdir packages
cd packages
# shellcheck disable=SC2086 -- one word is one package
apt-get download -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=10 -o APT::Sandbox::User= $packages >log 2>&1 ||
	{ cd ..; missing "apt-get could not download: $(grep -v '^W:' packages/log | tail -n 1)"; }
cd ..
for package in packages/*.deb; do
	dpkg-deb -x "$package" . || missing "dpkg-deb can't unpack $package"
done
rm -rf packages

cat >aws <<'END'
#!/bin/sh
# Debian's aws, unmodified, on the Python that Debian built it for.
here=$(cd "$(dirname "$0")" && pwd)
PYTHONPATH=$here/usr/lib/python3/dist-packages exec /usr/bin/python3 -s "$here/usr/bin/aws" "$@"
END
chmod +x aws
said=$(./aws --version 2>&1) || missing "Debian's awscli $version does not start: $(echo "$said" | tail -n 1)"
case $said in
aws-cli/2.*) touch .made ;;
*) missing "Debian's awscli $version says that it is $said" ;;
esac
