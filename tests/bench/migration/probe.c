/* Sends one ICMP echo request each so many microseconds and notes what comes back, until SIGTERM or its limit.
 *
 *     probe ADDRESS INTERVAL_US FILE
 *
 * Run in the client's namespace by crossing.py. C, because at 5,000 packets a second a Python program takes as much
 * processor as the emulated guest that is measured; this is one thread that sleeps to the next turn and empties its
 * socket every few milliseconds, and most of what it takes is the network's part of its packets. It asks for real-time priority, so that a busy machine delays the
 * guest and not the clock that the guest is measured by.
 *
 * FILE, times in nanoseconds of the real-time clock, received ones the kernel's:
 *     probe SENT RECEIVED                  in order of sending; RECEIVED 0: no answer
 *     error AT SENDER TYPE CODE            an ICMP error
 * A turn that was missed, because this program did not get the processor, is left out and not sent late.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	SECOND = 1000000000,
	LIMIT_SECONDS = 150,
	DRAIN_EVERY = 5000000, /* ns */
	GRACE = 500000000,     /* ns; how long answers are awaited after the last probe */
	ERRORS = 4096,
	BATCH = 64,
	IDENTIFIER = 8282,
};

struct packet {
	struct icmphdr header;
	uint32_t number;
};

struct error {
	int64_t at;
	struct in_addr sender;
	int type, code;
};

static volatile sig_atomic_t ended;
static int64_t *sent, *received;
static uint32_t count;
static struct error errors[ERRORS];
static int error_count;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static int64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

/* RFC 1071. */
static uint16_t checksum(const void *data, size_t words)
{
	const uint16_t *word = data;
	uint32_t sum = 0;

	while (words--)
		sum += *word++;
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void send_probe(int fd, const struct sockaddr_in *address)
{
	struct packet packet = {.header = {.type = ICMP_ECHO}, .number = htonl(count)};

	packet.header.un.echo.id = htons(IDENTIFIER);
	packet.header.un.echo.sequence = htons((uint16_t)count);
	packet.header.checksum = checksum(&packet, sizeof packet / 2);
	sent[count++] = now(CLOCK_REALTIME);
	/* What cannot be sent, without a route for one, is a probe without an answer. */
	(void)!sendto(fd, &packet, sizeof packet, 0, (const struct sockaddr *)address, sizeof *address);
}

static void take(const uint8_t *data, size_t length, struct in_addr sender, int64_t at)
{
	size_t header = length ? (size_t)(data[0] & 15) * 4 : 0;
	struct packet packet;

	if (length < header + sizeof packet)
		return;
	memcpy(&packet, data + header, sizeof packet);
	if (packet.header.type == ICMP_DEST_UNREACH || packet.header.type == ICMP_TIME_EXCEEDED) {
		if (error_count < ERRORS)
			errors[error_count++] = (struct error){at, sender, packet.header.type, packet.header.code};
	} else if (packet.header.type == ICMP_ECHOREPLY && packet.header.un.echo.id == htons(IDENTIFIER)) {
		uint32_t number = ntohl(packet.number);

		if (number < count && !received[number])
			received[number] = at;
	}
}

static int64_t arrival(struct msghdr *message)
{
	for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
		if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec time;

			memcpy(&time, CMSG_DATA(each), sizeof time);
			return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
		}
	}
	return now(CLOCK_REALTIME);
}

static void drain(int fd)
{
	static uint8_t data[BATCH][256], control[BATCH][64];
	static struct sockaddr_in senders[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec places[BATCH];
	int got;

	do {
		memset(messages, 0, sizeof messages);
		for (int i = 0; i < BATCH; i++) {
			places[i] = (struct iovec){data[i], sizeof data[i]};
			messages[i].msg_hdr = (struct msghdr){.msg_name = &senders[i], .msg_namelen = sizeof senders[i],
				.msg_iov = &places[i], .msg_iovlen = 1, .msg_control = control[i], .msg_controllen = sizeof control[i]};
		}
		got = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < got; i++)
			take(data[i], messages[i].msg_len, senders[i].sin_addr, arrival(&messages[i].msg_hdr));
	} while (got == BATCH);
}

static void sleep_until(int64_t time)
{
	struct timespec until = {time / SECOND, time % SECOND};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void report(const char *path)
{
	FILE *file = fopen(path, "w");
	char text[INET_ADDRSTRLEN];

	if (!file)
		err(1, "%s", path);
	for (uint32_t i = 0; i < count; i++)
		fprintf(file, "probe %lld %lld\n", (long long)sent[i], (long long)received[i]);
	for (int i = 0; i < error_count; i++)
		fprintf(file, "error %lld %s %d %d\n", (long long)errors[i].at,
			inet_ntop(AF_INET, &errors[i].sender, text, sizeof text), errors[i].type, errors[i].code);
	if (fclose(file))
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct sched_param priority = {.sched_priority = 10};
	int on = 1, size = 8 << 20;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1 || atoi(argv[2]) < 50)
		errx(2, "usage: probe ADDRESS INTERVAL_US FILE; the interval is at least 50");
	int64_t interval = atoi(argv[2]) * 1000LL;
	uint32_t limit = (uint32_t)((int64_t)LIMIT_SECONDS * SECOND / interval);

	sent = calloc(limit, sizeof *sent);
	received = calloc(limit, sizeof *received);
	if (!sent || !received)
		err(1, "memory for %u probes", limit);

	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd < 0)
		err(1, "ICMP socket");
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on)
	    || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
		err(1, "socket options");
	if (sched_setscheduler(0, SCHED_FIFO, &priority))
		warn("no real-time priority, the pace may suffer");
	signal(SIGTERM, end);
	signal(SIGINT, end);

	int64_t due = now(CLOCK_MONOTONIC), drained = due;
	while (!ended && count < limit) {
		int64_t time = now(CLOCK_MONOTONIC);

		if (time >= due) {
			send_probe(fd, &address);
			due += interval * (1 + (time - due) / interval);
		}
		if (time - drained >= DRAIN_EVERY) {
			drain(fd);
			drained = time;
		}
		sleep_until(due);
	}
	for (int64_t last = now(CLOCK_MONOTONIC), time = last; time < last + GRACE; time = now(CLOCK_MONOTONIC)) {
		sleep_until(time + DRAIN_EVERY);
		drain(fd);
	}
	report(argv[3]);
	return 0;
}
