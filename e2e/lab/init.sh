#!/bin/bash
# Pid 1 of node ${NODE}. What is mounted here is seen by this node only.
exec >>"${FOLDER}/log/init.log" 2>&1
hostname "${NODE}"
mount --make-rprivate /
mount -t sysfs sysfs /sys                 # this network's devices
mkdir -p /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup   # cgroup2 only, and only this node's part of it
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
mount -t tmpfs tmpfs /run
mkdir -p /run/containerd /run/lock /run/netns
for part in kubelet containerd cni; do
  mkdir -p "/var/lib/$part"
  mount --bind "${FOLDER}/lib/$part" "/var/lib/$part"
done
mkdir -p /etc/cni/net.d /opt/cni/bin
mount --bind "${FOLDER}/log" /var/log
mount --bind "${FOLDER}/cni" /etc/cni/net.d
mount --bind "${FOLDER}/cnibin" /opt/cni/bin
for file in resolv.conf hosts; do mount --bind "${FOLDER}/etc/$file" "/etc/$file"; done
# The kubelet insists on these; they are the machine's, so it sees files that say what it wants to hear.
for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1; do
  file="${FOLDER}/etc/$(basename "${setting%=*}")"
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done
mount --make-rshared /
export PATH="${RUNTIME}:${KUBE}:/usr/sbin:/usr/bin:/sbin:/bin"
unset KUBECONFIG
containerd -c "${FOLDER}/containerd.toml" >>"${FOLDER}/log/containerd.log" 2>&1 &
until [ -S /run/containerd/containerd.sock ]; do sleep 0.1; done
for image in ${IMAGES}; do ctr -n k8s.io images import "$image"; done
kubelet --config "${FOLDER}/kubelet.yaml" --kubeconfig "${FOLDER}/kubelet.kubeconfig" --hostname-override "${NODE}" \
  --node-ip "${ADDRESS}" --v=2 >>"${FOLDER}/log/kubelet.log" 2>&1 &
if [ -n "${PROXY}" ]; then
  kube-proxy --config "${FOLDER}/kube-proxy.yaml" --v=1 >>"${FOLDER}/log/kube-proxy.log" 2>&1 &
fi
trap 'exit 0' TERM INT
while :; do wait -n || sleep 0.2; done   # as pid 1: reap what is left over
