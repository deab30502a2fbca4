/* Service load balancing: which backend serves a client that asks for a service address, and what the client is shown. */
#pragma once

#include "counters.h"

#define SECOND_NS 1000000000ULL

/* What is asked for, or answered. */
struct endpoint {
	struct address address;
	__be16 port;
	__u8 protocol;
};

INLINE struct address mapped(__be32 ipv4)
{
	return (struct address){.words = {0, 0, bpf_htonl(0xffff), ipv4}};
}

INLINE bool is_mapped(const struct address *address)
{
	return !address->words[0] && !address->words[1] && address->words[2] == bpf_htonl(0xffff);
}

INLINE const struct frontend *find_frontend(const struct endpoint *wanted, enum scope scope)
{
	struct frontend_key key = {
		.address = wanted->address,
		.port = wanted->port,
		.protocol = wanted->protocol,
		.scope = scope,
	};
	return bpf_map_lookup_elem(&frontends, &key);
}

INLINE const struct backend *find_backend(__u32 service, __u32 slot)
{
	struct slot_key key = {.service = service, .slot = slot};
	return bpf_map_lookup_elem(&slots, &key);
}

/* The client's backend, if it has one that still is the service's and was used not too long ago. */
INLINE const struct backend *affine_backend(const struct frontend *frontend, const struct affinity_key *client, __u64 now)
{
	struct affinity *known = bpf_map_lookup_elem(&affinities, client);
	if (!known || now - known->last_ns > frontend->affinity_seconds * SECOND_NS)
		return NULL;
	struct member_key key = {.service = frontend->service, .backend = known->backend};
	const struct backend *backend = bpf_map_lookup_elem(&members, &key);
	if (!backend)
		return NULL;
	known->last_ns = now;
	return backend;
}

/* Which backend serves this client now; NULL where there is none. */
INLINE const struct backend *choose_backend(const struct frontend *frontend, __u64 netns)
{
	if (!frontend->count)
		return NULL;
	struct affinity_key client = {.netns = netns, .service = frontend->service};
	__u64 now = bpf_ktime_get_ns();
	if (frontend->flags & SERVICE_AFFINITY) {
		const struct backend *same = affine_backend(frontend, &client, now);
		if (same)
			return same;
	}
	__u32 slot = bpf_get_prandom_u32() % frontend->count;
	const struct backend *backend = find_backend(frontend->service, slot);
	if (!backend) {
		count(COUNTER_NO_SLOT);
		return NULL;
	}
	if (frontend->flags & SERVICE_AFFINITY) {
		struct affinity chosen = {.last_ns = now, .backend = backend->id};
		bpf_map_update_elem(&affinities, &client, &chosen, BPF_ANY);
	}
	return backend;
}

INLINE void remember_original(__u64 cookie, const struct backend *backend, const struct endpoint *asked, __u32 service)
{
	struct original_key key = {.cookie = cookie, .address = backend->address, .port = backend->port};
	struct original value = {
		.address = asked->address,
		.port = asked->port,
		.service = service,
		.backend = backend->id,
	};
	if (bpf_map_update_elem(&originals, &key, &value, BPF_ANY))
		count(COUNTER_MAP_FULL);
}

INLINE const struct original *find_original(__u64 cookie, const struct endpoint *backend)
{
	struct original_key key = {.cookie = cookie, .address = backend->address, .port = backend->port};
	return bpf_map_lookup_elem(&originals, &key);
}
