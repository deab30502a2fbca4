/* connect, request, response, close over TCP: `crr server PORT`, or `crr client ADDRESS PORT COUNT`, which prints the
 * microseconds of each round, a line each. Each connection ends with a reset, so that no port is left waiting.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 64 };

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static double microseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void watch(int poll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

static void answer(int fd)
{
	char byte;
	if (recv(fd, &byte, 1, 0) != 1 || send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
		close(fd);
}

static int serve(int port)
{
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event ready[EVENTS];

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024))
		return fail("bind");
	watch(poll, listener);
	puts("listening");
	fflush(stdout);
	for (;;) {
		int count = epoll_wait(poll, ready, EVENTS, -1);
		for (int at = 0; at < count; at++) {
			if (ready[at].data.fd != listener)
				answer(ready[at].data.fd);
			else
				watch(poll, accept4(listener, NULL, NULL, 0));
		}
	}
}

static int ask(const struct sockaddr_in *there)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	struct linger reset = {.l_onoff = 1};
	char byte = 'x';

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (const struct sockaddr *)there, sizeof *there))
		return fail("connect");
	if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
		return fail("answer");
	close(fd);
	return 0;
}

int main(int count, char **words)
{
	if (count == 3 && !strcmp(words[1], "server"))
		return serve(atoi(words[2]));
	if (count != 5)
		return 2;
	struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(atoi(words[3]))};
	inet_pton(AF_INET, words[2], &there.sin_addr);
	for (int left = atoi(words[4]); left; left--) {
		double begun = microseconds();
		if (ask(&there))
			return 1;
		printf("%.2f\n", microseconds() - begun);
	}
	return 0;
}
