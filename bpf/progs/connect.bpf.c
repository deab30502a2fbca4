/* Cgroup hooks on sockets: a service address becomes a backend's before there is a packet, and the client is shown the
 * address that it asked for. Attached to the node's cgroup, so that all pods and the node itself are served.
 */
#include "../include/kernel.h"
#include "../include/services.h"

#define ALLOW 1
#define REFUSE 0

INLINE struct endpoint of_ipv4(const struct bpf_sock_addr *ctx)
{
	return (struct endpoint){
		.address = mapped(ctx->user_ip4),
		.port = (__be16)ctx->user_port,
		.protocol = (__u8)ctx->protocol,
	};
}

INLINE struct endpoint of_ipv6(const struct bpf_sock_addr *ctx)
{
	return (struct endpoint){
		.address = {.words = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}},
		.port = (__be16)ctx->user_port,
		.protocol = (__u8)ctx->protocol,
	};
}

INLINE void put_ipv4(struct bpf_sock_addr *ctx, const struct address *address, __be16 port)
{
	ctx->user_ip4 = address->words[3];
	ctx->user_port = port;
}

INLINE void put_ipv6(struct bpf_sock_addr *ctx, const struct address *address, __be16 port)
{
	ctx->user_ip6[0] = address->words[0];
	ctx->user_ip6[1] = address->words[1];
	ctx->user_ip6[2] = address->words[2];
	ctx->user_ip6[3] = address->words[3];
	ctx->user_port = port;
}

/* The backend for what the client asks for. `*verdict` is REFUSE where it must be told at once that nobody serves. */
INLINE const struct backend *translate(struct bpf_sock_addr *ctx, const struct endpoint *asked, int *verdict)
{
	*verdict = ALLOW;
	const struct frontend *frontend = find_frontend(asked, SCOPE_CLUSTER);
	if (!frontend)
		return NULL;
	const struct backend *backend = choose_backend(frontend, bpf_get_netns_cookie(ctx));
	if (!backend) {
		count(COUNTER_REFUSED);
		bpf_set_retval(-ECONNREFUSED);
		*verdict = REFUSE;
		return NULL;
	}
	remember_original(bpf_get_socket_cookie(ctx), backend, asked, frontend->service);
	count(COUNTER_TRANSLATED);
	return backend;
}

INLINE int to_backend_ipv4(struct bpf_sock_addr *ctx)
{
	struct endpoint asked = of_ipv4(ctx);
	int verdict;
	const struct backend *backend = translate(ctx, &asked, &verdict);
	if (backend)
		put_ipv4(ctx, &backend->address, backend->port);
	return verdict;
}

INLINE int to_backend_ipv6(struct bpf_sock_addr *ctx)
{
	struct endpoint asked = of_ipv6(ctx);
	int verdict;
	const struct backend *backend = translate(ctx, &asked, &verdict);
	if (backend)
		put_ipv6(ctx, &backend->address, backend->port);
	return verdict;
}

INLINE int to_original_ipv4(struct bpf_sock_addr *ctx)
{
	struct endpoint backend = of_ipv4(ctx);
	const struct original *original = find_original(bpf_get_socket_cookie(ctx), &backend);
	if (original)
		put_ipv4(ctx, &original->address, original->port);
	return ALLOW;
}

INLINE int to_original_ipv6(struct bpf_sock_addr *ctx)
{
	struct endpoint backend = of_ipv6(ctx);
	const struct original *original = find_original(bpf_get_socket_cookie(ctx), &backend);
	if (original)
		put_ipv6(ctx, &original->address, original->port);
	return ALLOW;
}

SEC("cgroup/connect4")
int connect_ipv4(struct bpf_sock_addr *ctx)
{
	return to_backend_ipv4(ctx);
}

SEC("cgroup/connect6")
int connect_ipv6(struct bpf_sock_addr *ctx)
{
	return to_backend_ipv6(ctx);
}

/* Each datagram of a socket that is not connected. */
SEC("cgroup/sendmsg4")
int send_ipv4(struct bpf_sock_addr *ctx)
{
	return to_backend_ipv4(ctx);
}

SEC("cgroup/sendmsg6")
int send_ipv6(struct bpf_sock_addr *ctx)
{
	return to_backend_ipv6(ctx);
}

SEC("cgroup/recvmsg4")
int receive_ipv4(struct bpf_sock_addr *ctx)
{
	return to_original_ipv4(ctx);
}

SEC("cgroup/recvmsg6")
int receive_ipv6(struct bpf_sock_addr *ctx)
{
	return to_original_ipv6(ctx);
}

SEC("cgroup/getpeername4")
int peer_ipv4(struct bpf_sock_addr *ctx)
{
	return to_original_ipv4(ctx);
}

SEC("cgroup/getpeername6")
int peer_ipv6(struct bpf_sock_addr *ctx)
{
	return to_original_ipv6(ctx);
}

char object_license[] SEC("license") = "GPL";
