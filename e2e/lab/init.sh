#!/bin/bash
# Pid 1 of node ${NODE}. What is mounted here is seen by this node only; `ip netns exec` has put this network's /sys there.
set -e
exec >>"${FOLDER}/log/init.log" 2>&1
hostname "${NODE}"
mount --make-rprivate /
mount -t cgroup2 cgroup2 /sys/fs/cgroup   # cgroup2 only, and only this node's part of it
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing || echo "no tracefs"
mount -t tmpfs tmpfs /run
mkdir -p /run/containerd /run/lock /run/netns /run/node
mount --bind "${FOLDER}" /run/node
# The node's own layer over the machine's files: neither we nor a privileged pod write to the machine.
for part in etc opt var/lib; do
  layer="/run/layers/$part"
  mkdir -p "$layer/upper" "$layer/work"
  mount -t overlay overlay -o "lowerdir=/$part,upperdir=$layer/upper,workdir=$layer/work" "/$part"
done
cp --remove-destination /run/node/etc/* /etc/
own() { mkdir -p "$2"; mount --bind "/run/node/$1" "$2"; }
for part in kubelet containerd cni; do own "lib/$part" "/var/lib/$part"; done
own log /var/log
own cni /etc/cni/net.d
own cnibin /opt/cni/bin
# The kubelet insists on these; they are the machine's, so it sees files that say what it wants to hear.
for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1; do
  file="/run/node/sysctl/${setting%=*}"
  mkdir -p "$(dirname "$file")"
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done
mount --make-rshared /

export PATH="${RUNTIME}:${KUBE}:/usr/sbin:/usr/bin:/sbin:/bin"
unset KUBECONFIG
containerd -c "${FOLDER}/containerd.toml" >>/var/log/containerd.log 2>&1 &
runtime=$!
until [ -S /run/containerd/containerd.sock ]; do
  kill -0 $runtime   # else nobody waits for a node that cannot come up
  sleep 0.1
done
for image in ${IMAGES}; do ctr -n k8s.io images import "$image"; done
set +e
keep() { # as systemd would
  local log=$1
  shift
  while :; do
    "$@" >>"$log" 2>&1
    sleep 1
  done
}
keep /var/log/kubelet.log kubelet --config "${FOLDER}/kubelet.yaml" --kubeconfig "${FOLDER}/kubelet.kubeconfig" \
  --hostname-override "${NODE}" --node-ip "${ADDRESS}" --v=2 &
if [ -n "${PROXY}" ]; then
  keep /var/log/kube-proxy.log kube-proxy --config "${FOLDER}/kube-proxy.yaml" --v=1 &
fi
trap 'exit 0' TERM INT
while :; do wait -n || sleep 0.2; done   # as pid 1: reap what is left over
