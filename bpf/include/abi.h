/* What both sides read: every struct, enum and map name. No logic. Python's mirrors are in bpf/maps/ and tested against
 * this file's BTF. Fixed widths, explicit padding; __be16 and __be32 are network order, everything else is the host's.
 * Addresses are always 16 bytes: IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that one map serves both families.
 */
#pragma once

struct address {
	__be32 words[4];
};

/* Who may use a frontend. The numbers are part of map keys. */
enum scope {
	SCOPE_CLUSTER = 0,  /* clients in the cluster, wherever they are */
	SCOPE_EXTERNAL = 1, /* clients from outside, at this node */
};

enum service_flag {
	SERVICE_AFFINITY = 1 << 0, /* a client stays with its backend for affinity_seconds */
};

/* A service address that clients use. */
struct frontend_key {
	struct address address;
	__be16 port;
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 scope;    /* enum scope */
};

struct frontend {
	__u32 service; /* names the slots of its backends; never 0 */
	__u32 count;   /* slots 0..count-1; 0: refuse */
	__u32 flags;   /* enum service_flag */
	__u32 affinity_seconds;
};

struct slot_key {
	__u32 service;
	__u32 slot;
};

struct backend {
	struct address address;
	__be16 port;
	__u16 padding;
	__u32 id; /* stays with the backend through changes of its service's other backends; never 0 */
};

/* A backend of a service with affinity, by its id. */
struct member_key {
	__u32 service;
	__u32 backend;
};

/* Where a client's datagrams and connections really go, to show it the address that it asked for. */
struct original_key {
	__u64 cookie; /* of the socket */
	struct address address;
	__be16 port; /* of the backend */
	__u16 padding[3];
};

struct original {
	struct address address;
	__be16 port; /* of the frontend */
	__u16 padding;
	__u32 service;
	__u32 backend; /* its id: an entry of a backend that is gone is of no use */
	__u32 padding_end;
};

struct affinity_key {
	__u64 netns; /* cookie of the client's network namespace: a pod, or the node itself */
	__u32 service;
	__u32 padding;
};

struct affinity {
	__u64 last_ns; /* bpf_ktime_get_ns when it was last used */
	__u32 backend; /* id */
	__u32 padding;
};

/* Index of the per-CPU counters. */
enum counter {
	COUNTER_TRANSLATED,
	COUNTER_REFUSED,    /* the service has no backend */
	COUNTER_NO_SLOT,    /* a frontend said that a slot is there and it was not: the maps were being changed */
	COUNTER_MAP_FULL,   /* an original address could not be kept; the client will see the backend's */
};
#define COUNTERS 4
