/* All maps. Pinned by name below the node's root, so that the next version of the agent takes them over as they are. */
#pragma once

#include "abi.h"

#define PINNED __uint(pinning, LIBBPF_PIN_BY_NAME)

/* frontends: service address -> which service. Written by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct frontend_key);
	__type(value, struct frontend);
	PINNED;
} frontends SEC(".maps");

/* slots: (service, slot) -> backend. Written by the agent: slots first, then the frontend's count; removed the other way round. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 524288);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slot_key);
	__type(value, struct backend);
	PINNED;
} slots SEC(".maps");

/* members: (service, backend id) -> backend, of services with affinity. Written by the agent, together with slots. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct member_key);
	__type(value, struct backend);
	PINNED;
} members SEC(".maps");

/* originals: (socket, backend) -> the address that the client asked for. Written here; the oldest go when it is full. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct original_key);
	__type(value, struct original);
	PINNED;
} originals SEC(".maps");

/* affinities: (client, service) -> its backend. Written here; the oldest go when it is full. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct affinity_key);
	__type(value, struct affinity);
	PINNED;
} affinities SEC(".maps");

/* counters: enum counter -> how often, per CPU. Written here. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
	PINNED;
} counters SEC(".maps");
