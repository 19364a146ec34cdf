/*
 * datagrams: how many UDP datagrams a second are asked and answered. Runs on the lab's client; prints
 * one JSON object at the end.
 *
 *   datagrams --to ADDRESS:PORT [--sockets N] [--duration S]
 *
 *   --sockets   so many flows, each with one datagram on its way (default 8)
 *   --duration  seconds (default 5)
 *
 * The report: {"answered", "lost", "seconds"}. A datagram without an answer for 500 ms is lost, and the
 * next one is sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SOCKETS = 256, PATIENCE_US = 500000, EXIT_USAGE = 64 };

static struct sockaddr_in to = {.sin_family = AF_INET};
static int sockets = 8;
static double duration = 5;

static long long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void usage(const char *problem, const char *value)
{
    fprintf(stderr, "datagrams: %s%s; see the head of test/tools/datagrams.c\n", problem, value);
    exit(EXIT_USAGE);
}

static void read_flags(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char *flag = argv[i], *value = argv[i + 1];
        if (!value)
            usage("expected a value after ", flag);
        if (!strcmp(flag, "--to")) {
            char address[64];
            int port;
            if (sscanf(value, "%63[0-9.]:%d", address, &port) != 2 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
                usage("expected ADDRESS:PORT, got ", value);
            to.sin_port = htons(port);
        } else if (!strcmp(flag, "--sockets")) {
            sockets = atoi(value);
        } else if (!strcmp(flag, "--duration")) {
            duration = atof(value);
        } else {
            usage("unknown flag ", flag);
        }
    }
    if (!to.sin_port || sockets < 1 || sockets > MAX_SOCKETS || duration <= 0)
        usage("expected --to, 1 to 256 sockets, a positive duration", "");
}

int main(int argc, char **argv)
{
    read_flags(argc, argv);
    struct pollfd watched[MAX_SOCKETS];
    long long sent_us[MAX_SOCKETS], answered = 0, lost = 0;
    for (int i = 0; i < sockets; i++) {
        watched[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), .events = POLLIN};
        if (connect(watched[i].fd, (struct sockaddr *)&to, sizeof to)) {
            perror("datagrams: connect");
            return 1;
        }
        sent_us[i] = -PATIENCE_US;
    }
    long long begun_us = now_us(), end_us = begun_us + (long long)(duration * 1e6), now;
    int first = 1;
    while ((now = now_us()) < end_us) {
        for (int i = 0; i < sockets; i++) {
            char answer[2048];
            if (!first && recv(watched[i].fd, answer, sizeof answer, 0) > 0)
                answered++;
            else if (first || now - sent_us[i] > PATIENCE_US)
                lost += !first;
            else
                continue;
            sent_us[i] = now;
            if (send(watched[i].fd, "hello", 5, 0) < 0)
                sent_us[i] = now - PATIENCE_US + 1000; /* refused: again in a millisecond */
        }
        first = 0;
        poll(watched, sockets, 10);
    }
    printf("{\"answered\": %lld, \"lost\": %lld, \"seconds\": %.3f}\n", answered, lost, (now - begun_us) / 1e6);
    return 0;
}
