/*
 * probe: when does each published port answer first? Runs on the lab's client; asks every port of
 * every address until each has answered once, and prints one JSON object.
 *
 *   probe --address A [--address A ...] --ports FIRST[-LAST] [--seconds S]
 *
 *   --address  an IPv4 address; several are all asked
 *   --ports    TCP ports, all of them on all addresses
 *   --seconds  gives up after so long (default 300)
 *
 * The report
 *   answered  how many of the pairs of address and port have answered
 *   missing   how many have not
 *   first_us, last_us   when the first and the last of them did, in microseconds since 1970
 *   addresses {address: when its last port did}
 *
 * An answer is a byte that comes back for a request: a socket that only listens is none. What fails is
 * asked again, pair after pair, and the pause is between failures rather than per pair: the machine
 * that is measured is emulated and shared, and three hundred ports that are asked every few
 * milliseconds would leave little of it. Pairs that have answered are asked no more, so the last ones
 * are asked the most often.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ADDRESSES = 16, MAX_PAIRS = 16 * 4096, AT_ONCE = 32, PAUSE_US = 10000, PATIENCE_US = 500000 };
enum { EXIT_MISSING = 1, EXIT_USAGE = 64 };

struct pair {
    struct sockaddr_in to;
    long long answered_us; /* 0: not yet */
    int asked;             /* an attempt is under way */
};

struct attempt {
    struct pair *pair; /* NULL: free */
    int sent;
    long long until_us;
};

static struct in_addr addresses[MAX_ADDRESSES];
static const char *address_names[MAX_ADDRESSES];
static int address_count, first_port, last_port;
static double seconds = 300;

static struct pair pairs[MAX_PAIRS];
static int pair_count, answered;
static int free_attempts = AT_ONCE; /* those that need not wait for the pause */
static struct attempt attempts[AT_ONCE];
static struct pollfd watched[AT_ONCE];

static long long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void usage(const char *problem, const char *value)
{
    fprintf(stderr, "probe: %s%s; see the head of test/tools/probe.c\n", problem, value);
    exit(EXIT_USAGE);
}

static void read_flags(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char *flag = argv[i], *value = argv[i + 1];
        if (!value)
            usage("expected a value after ", flag);
        if (!strcmp(flag, "--address") && address_count < MAX_ADDRESSES) {
            if (inet_pton(AF_INET, value, &addresses[address_count]) != 1)
                usage("expected an IPv4 address, got ", value);
            address_names[address_count++] = value;
        } else if (!strcmp(flag, "--ports")) {
            int got = sscanf(value, "%d-%d", &first_port, &last_port);
            if (got == 1)
                last_port = first_port;
            if (got < 1 || first_port < 1 || last_port < first_port || last_port > 65535)
                usage("expected FIRST or FIRST-LAST, got ", value);
        } else if (!strcmp(flag, "--seconds")) {
            seconds = atof(value);
        } else {
            usage("unknown flag ", flag);
        }
    }
    if (!address_count || !first_port)
        usage("expected --address and --ports", "");
    if ((last_port - first_port + 1) * address_count > MAX_PAIRS)
        usage("too many pairs of address and port", "");
}

/* A port of all addresses, then the next port: no node waits for another. */
static void list_pairs(void)
{
    for (int port = first_port; port <= last_port; port++)
        for (int i = 0; i < address_count; i++)
            pairs[pair_count++].to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = addresses[i]};
}

static struct pair *next_pair(void)
{
    static int turn;
    for (int i = 0; i < pair_count; i++) {
        struct pair *p = &pairs[turn++ % pair_count];
        if (!p->answered_us && !p->asked)
            return p;
    }
    return NULL;
}

/* Gives 0 where the kernel refuses at once. */
static int begin(int slot, struct pair *p)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Closed by a reset: thousands of attempts leave no port in TIME_WAIT. */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    /* The end of the handshake goes with the request: each packet less is time that an emulated machine has for what is measured. */
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){0}, sizeof(int));
    if (fd < 0 || (connect(fd, (struct sockaddr *)&p->to, sizeof p->to) && errno != EINPROGRESS)) {
        close(fd);
        return 0;
    }
    p->asked = 1;
    attempts[slot] = (struct attempt){.pair = p, .until_us = now_us() + PATIENCE_US};
    watched[slot] = (struct pollfd){.fd = fd, .events = POLLOUT};
    return 1;
}

static void end(int slot)
{
    close(watched[slot].fd);
    watched[slot].fd = -1;
    attempts[slot].pair->asked = 0;
    attempts[slot].pair = NULL;
}

/* Gives 0 when the attempt has failed. */
static int go_on(int slot)
{
    struct attempt *a = &attempts[slot];
    short happened = watched[slot].revents;
    if (!happened)
        return now_us() < a->until_us;
    if (!a->sent) {
        /* A connection that may be kept: the server does not close what our reset ends anyway. */
        static const char request[] = "GET /who HTTP/1.1\r\n\r\n";
        if ((happened & (POLLERR | POLLHUP)) || write(watched[slot].fd, request, sizeof request - 1) < 0)
            return 0;
        a->sent = 1;
        watched[slot].events = POLLIN;
        return 1;
    }
    char byte;
    if (read(watched[slot].fd, &byte, 1) != 1)
        return 0;
    a->pair->answered_us = now_us();
    answered++;
    free_attempts++;
    end(slot);
    return 1;
}

/* An attempt that follows a failure waits its turn; one that follows an answer does not. */
static int may_begin(long long *next_us)
{
    if (free_attempts > 0) {
        free_attempts--;
        return 1;
    }
    long long now = now_us();
    if (now < *next_us)
        return 0;
    *next_us = now + PAUSE_US;
    return 1;
}

/* Until the next attempt may begin or the first one's patience ends: to wake once a millisecond, ten times for nothing, is work
   that an emulated machine's dockerd could do. */
static int wait_ms(long long next_us)
{
    long long soonest_us = next_us;
    for (int i = 0; i < AT_ONCE; i++)
        if (attempts[i].pair && attempts[i].until_us < soonest_us)
            soonest_us = attempts[i].until_us;
    long long left_us = soonest_us - now_us();
    return left_us < 1000 ? 1 : (int)(left_us / 1000);
}

static void ask_all(long long give_up_us)
{
    long long next_us = 0;
    for (int i = 0; i < AT_ONCE; i++)
        watched[i].fd = -1;
    while (answered < pair_count && now_us() < give_up_us) {
        int waits = 0; /* for its turn */
        for (int i = 0; i < AT_ONCE && !waits; i++) {
            struct pair *p = attempts[i].pair ? NULL : next_pair();
            waits = p && (!may_begin(&next_us) || !begin(i, p));
        }
        poll(watched, AT_ONCE, wait_ms(waits ? next_us : give_up_us));
        for (int i = 0; i < AT_ONCE; i++)
            if (attempts[i].pair && !go_on(i))
                end(i);
    }
}

static void report(void)
{
    long long first_us = 0, last_us = 0, of_address[MAX_ADDRESSES] = {0};
    for (int i = 0; i < pair_count; i++) {
        long long at = pairs[i].answered_us;
        if (!at)
            continue;
        if (!first_us || at < first_us)
            first_us = at;
        if (at > last_us)
            last_us = at;
        if (at > of_address[i % address_count])
            of_address[i % address_count] = at;
    }
    printf("{\"answered\": %d, \"missing\": %d, \"first_us\": %lld, \"last_us\": %lld, \"addresses\": {", answered,
           pair_count - answered, first_us, last_us);
    for (int i = 0; i < address_count; i++)
        printf("%s\"%s\": %lld", i ? ", " : "", address_names[i], of_address[i]);
    printf("}}\n");
}

int main(int argc, char **argv)
{
    read_flags(argc, argv);
    list_pairs();
    ask_all(now_us() + (long long)(seconds * 1e6));
    report();
    return answered == pair_count ? 0 : EXIT_MISSING;
}
